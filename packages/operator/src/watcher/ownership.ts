import type { Stored } from "@pcmc/controller-runtime";
import type { Watcher } from "../api/watcher.ts";
import { watcherResource } from "../api/watcher.ts";
import type { ExistingConfigMap } from "../controllers/digested-config-maps.ts";
import type { Marks } from "../controllers/marks.ts";
import { labelValueOf } from "../podconfigmap/names.ts";

/** Label, and annotation where the name does not fit into a label: the Watcher that a ConfigMap was made for. */
export const WATCHER = "watch.example.com/watcher";
/** Label: its UID. */
export const WATCHER_UID = "watch.example.com/watcher-uid";

const API_VERSION = `${watcherResource.group}/${watcherResource.version}`;

/**
 * What the managed ConfigMap of a Watcher carries. The reference is a controller's: the ConfigMap is one Watcher's alone, and
 * `kubectl delete --cascade=foreground` waits for it.
 */
export const marksOf = ({ metadata: { name, uid } }: Stored<Watcher>): Marks => {
  const label = labelValueOf(name);
  return {
    labels: { [WATCHER]: label, [WATCHER_UID]: uid },
    annotations: label === name ? {} : { [WATCHER]: name },
    ownerReference: {
      apiVersion: API_VERSION,
      kind: watcherResource.kind,
      name,
      uid,
      controller: true,
      blockOwnerDeletion: true,
    },
  };
};

/** Whether a ConfigMap under the managed name is this Watcher's: by its reference or by both labels, one may have been stripped. */
export const isOurs = ({ metadata }: ExistingConfigMap, watcher: Stored<Watcher>): boolean => {
  const { labels, annotations, ownerReference } = marksOf(watcher);
  if (metadata.ownerReferences?.some(({ uid }) => uid === ownerReference.uid)) return true;
  const carries = (found: Readonly<Record<string, string>> = {}, marks: Readonly<Record<string, string>>) =>
    Object.entries(marks).every(([key, value]) => found[key] === value);
  return carries(metadata.labels, labels) && carries(metadata.annotations, annotations);
};

/**
 * Whether a ConfigMap was made for an earlier Watcher of the same name: reference and labels agree on it. The garbage
 * collector is about to take it; what was orphaned on purpose has no reference, and is somebody else's.
 */
export const isFormers = ({ metadata }: ExistingConfigMap, { metadata: { name, uid } }: Stored<Watcher>): boolean => {
  const former = metadata.labels?.[WATCHER_UID];
  if (former === undefined || former === uid || metadata.labels?.[WATCHER] !== labelValueOf(name)) return false;
  return (metadata.ownerReferences ?? []).some(
    (owner) =>
      owner.apiVersion === API_VERSION &&
      owner.kind === watcherResource.kind &&
      owner.name === name &&
      owner.uid === former &&
      owner.controller === true,
  );
};
