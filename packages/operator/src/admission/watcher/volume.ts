import type {
  DownwardAPIVolumeFile,
  KeyToPath,
  PersistentVolumeClaimTemplate,
  ProjectedVolumeSource,
  ResourceFieldSelector,
  Volume,
} from "kubernetes-types/core/v1.d.ts";
import type { WatcherSpec } from "../../api/watcher.ts";
import { amountOf } from "../../watcher/quantity.ts";
import { error, type Finding, warning } from "../finding.ts";
import { markFaults } from "../metadata.ts";
import { fieldFaults, resourceFaults } from "./downward.ts";
import { climbs, localPathFaults } from "./local-path.ts";

const VOLUME: Finding["path"] = ["spec", "volume"];

/**
 * What the API server would refuse of the volume in a Pod, beyond what the CRD says, and a volume that nobody mounts. Source:
 * Kubernetes' pkg/apis/core/validation, `validateVolumeSource`.
 */
export const volumeFindings = ({ container, volume }: WatcherSpec): readonly Finding[] => {
  if (volume === undefined) return [];
  const { volumeMounts = [], volumeDevices = [] } = container;
  const isMounted = volumeMounts.length + volumeDevices.length > 0;
  return [
    ...sourceFaults(volume),
    ...(isMounted ? [] : [warning(VOLUME, "is mounted by nothing: add it to spec.container.volumeMounts")]),
  ];
};

const sourceFaults = (volume: Volume): readonly Finding[] => {
  const { configMap, secret, downwardAPI, hostPath, projected, ephemeral } = volume;
  const at = (...steps: readonly string[]) => [...VOLUME, ...steps];
  return [
    ...(configMap === undefined ? [] : named(configMap.name, at("configMap", "name"))),
    ...itemFaults(configMap?.items, at("configMap", "items")),
    ...(secret === undefined ? [] : named(secret.secretName, at("secret", "secretName"))),
    ...itemFaults(secret?.items, at("secret", "items")),
    ...fileFaults(downwardAPI?.items, at("downwardAPI", "items")),
    ...(hostPath !== undefined && climbs(hostPath.path) ? [error(at("hostPath", "path"), "must not hold ..")] : []),
    ...projectedFaults(projected, at("projected", "sources")),
    ...claimFaults(ephemeral?.volumeClaimTemplate, at("ephemeral", "volumeClaimTemplate")),
  ];
};

const named = (name: string | undefined, path: Finding["path"]): readonly Finding[] =>
  name ? [] : [error(path, "required: add the name", "FieldValueRequired")];

/** Kubernetes keeps names with `..` at their start for itself. */
const pathFault = (path: string, at: Finding["path"]): readonly Finding[] =>
  path.startsWith("..") ? [error([...at, "path"], "must not start with ..")] : localPathFaults([...at, "path"], path);

const itemFaults = (items: readonly KeyToPath[] = [], at: Finding["path"]): readonly Finding[] =>
  items.flatMap(({ path }, index) => pathFault(path, [...at, index]));

const fileFaults = (files: readonly DownwardAPIVolumeFile[] = [], at: Finding["path"]): readonly Finding[] =>
  files.flatMap(({ path, fieldRef, resourceFieldRef }, index) => [
    ...pathFault(path, [...at, index]),
    ...((fieldRef === undefined) === (resourceFieldRef === undefined)
      ? [error([...at, index], "needs exactly one of fieldRef, resourceFieldRef")]
      : []),
    ...(fieldRef === undefined ? [] : fieldFaults(fieldRef, [...at, index, "fieldRef"], "file")),
    ...(resourceFieldRef === undefined ? [] : containerFaults(resourceFieldRef, [...at, index, "resourceFieldRef"])),
  ]);

/** A volume is of no container, so it has to say of which one it means the resource. */
const containerFaults = (reference: ResourceFieldSelector, path: Finding["path"]): readonly Finding[] => [
  ...named(reference.containerName, [...path, "containerName"]),
  ...resourceFaults(reference, path),
];

/** Source: Kubernetes' `ValidatePersistentVolumeClaimTemplate`. */
const claimFaults = (template: PersistentVolumeClaimTemplate | undefined, at: Finding["path"]): readonly Finding[] => {
  if (template === undefined) return [];
  const storage = amountOf(template.spec.resources?.requests?.storage);
  const isSome = typeof storage === "number" && storage > 0;
  const size = [...at, "spec", "resources", "requests", "storage"];
  const metadata = { ...template.metadata };
  return [
    ...Object.keys(metadata)
      .filter((field) => field !== "labels" && field !== "annotations")
      .map((field) => error([...at, "metadata", field], "cannot be set: only labels and annotations can")),
    ...markFaults(metadata).map((fault) => ({ ...fault, path: [...at, ...fault.path] })),
    ...(isSome ? [] : [error(size, "required: add how much there has to be", "FieldValueRequired")]),
  ];
};

const projectedFaults = (projected: ProjectedVolumeSource | undefined, at: Finding["path"]): readonly Finding[] =>
  (projected?.sources ?? []).flatMap(({ configMap, secret, downwardAPI }, index) => [
    ...(configMap === undefined ? [] : named(configMap.name, [...at, index, "configMap", "name"])),
    ...itemFaults(configMap?.items, [...at, index, "configMap", "items"]),
    ...(secret === undefined ? [] : named(secret.name, [...at, index, "secret", "name"])),
    ...itemFaults(secret?.items, [...at, index, "secret", "items"]),
    ...fileFaults(downwardAPI?.items, [...at, index, "downwardAPI", "items"]),
  ]);
