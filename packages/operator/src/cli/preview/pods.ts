import type { Pod } from "kubernetes-types/core/v1.d.ts";
import { metadataFaults } from "../../admission/metadata.ts";
import { isObject } from "../../api/conform.ts";
import type { Manifest, Path } from "../input/manifest.ts";
import { metadataOf, type ObjectFault, text, typeOf } from "../input/object.ts";
import { type NameWish, PodNames } from "./pod-names.ts";

/** The UID of a Pod that no API server has given one: plainly made up, and the same each time. */
export const UNKNOWN_UID = "00000000-0000-0000-0000-000000000000";

/** Where each kind that makes Pods has its Pod template. */
const TEMPLATES: Readonly<Record<string, Path>> = {
  "apps/v1 Deployment": ["spec", "template"],
  "apps/v1 StatefulSet": ["spec", "template"],
  "apps/v1 DaemonSet": ["spec", "template"],
  "apps/v1 ReplicaSet": ["spec", "template"],
  "v1 ReplicationController": ["spec", "template"],
  "v1 PodTemplate": ["template"],
  "batch/v1 Job": ["spec", "template"],
  "batch/v1 CronJob": ["spec", "jobTemplate", "spec", "template"],
};

/** Whether an object is a Pod. */
export const isPod = (manifest: Manifest): boolean => {
  const { apiVersion, kind } = typeOf(manifest);
  return apiVersion === "v1" && kind === "Pod";
};

const templatePath = (manifest: Manifest): Path | undefined => {
  const { apiVersion, kind } = typeOf(manifest);
  return TEMPLATES[`${apiVersion} ${kind}`];
};

/** Whether an object is a Deployment or another kind that makes Pods. */
export const isWorkload = (manifest: Manifest): boolean => templatePath(manifest) !== undefined;

/** A Pod of a file, or the Pod that an object of a file makes. */
export interface GivenPod {
  /** The object as it was given. */
  readonly given: Manifest;
  /** The Pod in it. */
  readonly pod: Manifest;
}

/** The Pod of an object: itself, or the first that a Deployment, StatefulSet, Job ... would make, as far as its template says. */
export const givenPod = (given: Manifest): GivenPod => {
  const path = templatePath(given);
  if (path === undefined) return { given, pod: given };
  const template = path.reduce<unknown>((held, step) => (isObject(held) ? held[step] : undefined), given.value);
  const metadata = isObject(template) && isObject(template.metadata) ? template.metadata : {};
  const { prefix } = wishOf(given);
  const { name: _, ...marks } = metadata;
  const value = {
    ...(isObject(template) ? template : {}),
    apiVersion: "v1",
    kind: "Pod",
    metadata: { ...marks, generateName: prefix, namespace: metadataOf(given).namespace },
  };
  return { given, pod: given.item(value, path) };
};

/** What the Pod of an object is called, where it has no name of its own. */
const wishOf = (given: Manifest): NameWish => {
  const { name, generateName } = metadataOf(given);
  if (!isWorkload(given)) return { prefix: text(generateName), ending: "random" };
  const own = text(name) || new PodNames([]).makeUp({ prefix: text(generateName), ending: "random" });
  return { prefix: `${own}-`, ending: typeOf(given).kind === "StatefulSet" ? "ordinal" : "random" };
};

const NAMING: ReadonlySet<unknown> = new Set(["name", "generateName", "namespace"]);

/** Why the Pod of an object that makes Pods could have no name. */
export const namingFaults = (given: Manifest): readonly ObjectFault[] => {
  const { metadata } = isObject(given.value) ? given.value : {};
  return metadataFaults(metadata).filter(({ path }) => path.length === 1 || NAMING.has(path[1]));
};

/** What of a Pod the controller could not use. The rest is the API server's to judge. */
export const podFaults = (manifest: Manifest): readonly ObjectFault[] => {
  const { metadata, spec, status } = isObject(manifest.value) ? manifest.value : {};
  return [
    ...metadataFaults(metadata),
    ...objectFaults(["spec"], spec),
    ...objectFaults(["status"], status),
    ...textFaults(["spec", "nodeName"], isObject(spec) ? spec.nodeName : undefined),
    ...textFaults(["status", "phase"], isObject(status) ? status.phase : undefined),
  ];
};

const objectFaults = (path: Path, value: unknown): readonly ObjectFault[] =>
  value === undefined || value === null || isObject(value) ? [] : [{ path, message: "must be an object" }];

const textFaults = (path: Path, value: unknown): readonly ObjectFault[] =>
  value === undefined || value === null || typeof value === "string" ? [] : [{ path, message: "must be a string" }];

/** A Pod that has a name, a namespace and a UID. */
export type NamedPod = Pod & {
  readonly metadata: NonNullable<Pod["metadata"]> & {
    readonly name: string;
    readonly namespace: string;
    readonly uid: string;
  };
};

/** The Pods of files, with what the API server would have filled in, each under a name of its own; they have no faults. */
export const namedPods = (all: readonly GivenPod[], namespace: string): readonly NamedPod[] => {
  const byNamespace = Map.groupBy(all, (one) => namespaceOf(one, namespace));
  const made = new Map<GivenPod, string>();
  for (const pods of byNamespace.values()) {
    const names = new PodNames(pods.map(ownName));
    for (const one of pods) made.set(one, ownName(one) || names.makeUp(wishOf(one.given)));
  }
  return all.map((one) => podOf(one.pod, { name: made.get(one) ?? "", namespace: namespaceOf(one, namespace) }));
};

const ownName = ({ pod }: GivenPod): string => text(metadataOf(pod).name);

const namespaceOf = ({ pod }: GivenPod, otherwise: string): string => text(metadataOf(pod).namespace) || otherwise;

const podOf = (
  { value }: Manifest,
  { name, namespace }: { readonly name: string; readonly namespace: string },
): NamedPod => {
  // The boundary: what matters here was checked by `podFaults`, and templates see the rest as it is.
  const pod = value as Pod;
  const { generateName = "", ...metadata } = pod.metadata ?? {};
  return {
    ...pod,
    metadata: {
      ...metadata,
      ...(generateName === "" ? {} : { generateName }),
      name,
      namespace,
      uid: metadata.uid || UNKNOWN_UID,
    },
  };
};
