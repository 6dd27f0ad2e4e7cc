import type { EnvFromSource, EnvVar } from "kubernetes-types/core/v1.d.ts";
import type { WatcherSpec } from "../../../api/watcher.ts";
import { error, type Finding } from "../../finding.ts";
import { fieldFaults, resourceFaults } from "../downward.ts";

/** What can be wrong with environment variables. */
export const environmentFindings = ({ container, volume }: WatcherSpec): readonly Finding[] => [
  ...(container.env ?? []).flatMap((variable, index) =>
    variableFaults(variable, ["spec", "container", "env", index], volume?.name),
  ),
  ...(container.envFrom ?? []).flatMap((source, index) =>
    sourceFaults(source, ["spec", "container", "envFrom", index]),
  ),
];

/** In the words of a newer API than that of the types. */
interface FileKeyRef {
  readonly fileKeyRef?: { readonly volumeName: string };
}

const variableFaults = (
  { value = "", valueFrom }: EnvVar,
  path: Finding["path"],
  volume: string | undefined,
): readonly Finding[] => {
  if (valueFrom === undefined) return [];
  const at = (...steps: readonly string[]) => [...path, "valueFrom", ...steps];
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef, fileKeyRef }: typeof valueFrom & FileKeyRef =
    valueFrom;
  const faults: Finding[] = [];
  if (value !== "") faults.push(error(at(), "stands beside value: remove one of the two"));
  if (fieldRef !== undefined) faults.push(...fieldFaults(fieldRef, at("fieldRef"), "variable"));
  if (resourceFieldRef !== undefined) faults.push(...resourceFaults(resourceFieldRef, at("resourceFieldRef")));
  if (configMapKeyRef !== undefined) faults.push(...unnamed(configMapKeyRef.name, at("configMapKeyRef")));
  if (secretKeyRef !== undefined) faults.push(...unnamed(secretKeyRef.name, at("secretKeyRef")));
  if (fileKeyRef !== undefined && fileKeyRef.volumeName !== volume) {
    faults.push(error(at("fileKeyRef", "volumeName"), "refers to no volume: only the Watcher's own volume is there"));
  }
  return faults;
};

const unnamed = (name: string | undefined, path: Finding["path"]): readonly Finding[] =>
  name ? [] : [error([...path, "name"], "required: add the name", "FieldValueRequired")];

const sourceFaults = ({ configMapRef, secretRef }: EnvFromSource, path: Finding["path"]): readonly Finding[] => {
  if ((configMapRef === undefined) === (secretRef === undefined)) {
    return [error(path, "needs exactly one of configMapRef, secretRef")];
  }
  return configMapRef === undefined
    ? unnamed(secretRef?.name, [...path, "secretRef"])
    : unnamed(configMapRef.name, [...path, "configMapRef"]);
};
