import type { Pod } from "kubernetes-types/core/v1.d.ts";
import { metadataFaults } from "../../admission/metadata.ts";
import { isObject } from "../../api/conform.ts";
import { MAX_NAME } from "../../api/syntax.ts";
import type { Manifest, Path } from "../input/manifest.ts";
import { metadataOf, type ObjectFault, text, typeOf } from "../input/object.ts";

/** The UID of a Pod that no API server has given one: plainly made up, and the same each time. */
export const UNKNOWN_UID = "00000000-0000-0000-0000-000000000000";
/** Stands for what the API server would add to a name, as in `web-xxxxx`. */
const SUFFIX = "xxxxx";

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

/** The first Pod that a Deployment, StatefulSet, Job ... would make, as far as its template says. */
export const podOfWorkload = (manifest: Manifest): Manifest => {
  const path = templatePath(manifest) ?? [];
  const template = path.reduce<unknown>((held, step) => (isObject(held) ? held[step] : undefined), manifest.value);
  const { name, namespace } = metadataOf(manifest);
  const isStateful = typeOf(manifest).kind === "StatefulSet";
  const metadata = isObject(template) && isObject(template.metadata) ? template.metadata : {};
  const value = {
    ...(isObject(template) ? template : {}),
    apiVersion: "v1",
    kind: "Pod",
    metadata: { ...metadata, name: `${shortened(text(name))}-${isStateful ? "0" : SUFFIX}`, namespace },
  };
  return manifest.item(value, path);
};

const shortened = (name: string): string => name.slice(0, MAX_NAME - SUFFIX.length - 1);

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

/** The Pod of a file, with what the API server would have filled in; it has no faults. */
export const podOf = ({ value }: Manifest, namespace: string): NamedPod => {
  // The boundary: what matters here was checked by `podFaults`, and templates see the rest as it is.
  const pod = value as Pod;
  const { name, generateName = "", ...metadata } = pod.metadata ?? {};
  return {
    ...pod,
    metadata: {
      ...metadata,
      ...(generateName === "" ? {} : { generateName }),
      name: name ?? `${generateName}${SUFFIX}`,
      namespace: metadata.namespace || namespace,
      uid: metadata.uid || UNKNOWN_UID,
    },
  };
};
