import { type KubernetesObject, keyString, type LabelSelector } from "@pcmc/controller-runtime";
import { type Labels, parseLabelSelector } from "../podconfigmap/selector.ts";

/** An object that selects what belongs to it: a Deployment its ReplicaSets, a ReplicaSet its Pods. */
export interface Selecting extends KubernetesObject {
  readonly spec?: { readonly selector?: LabelSelector };
}

/** What there is in the namespace, each looked up by the UID of its controller: `namespace/uid`. */
export interface Controlled {
  replicaSets(deployment: string): readonly Selecting[];
  pods(replicaSet: string): readonly KubernetesObject[];
}

/** What controls an object, of the kinds that lead from a Pod to its Deployment. */
type ControllerKind = "Deployment" | "ReplicaSet";

/**
 * The `namespace/uid` of the Deployment or ReplicaSet that controls an object; `undefined` where none of that kind does. At most
 * one ownerReference of an object can be its controller's: the API server sees to that.
 */
export const controllerOf = (kind: ControllerKind, { metadata }: KubernetesObject): string | undefined => {
  const reference = metadata?.ownerReferences?.find(({ controller }) => controller === true);
  if (reference?.kind !== kind || !reference.apiVersion.startsWith("apps/")) return undefined;
  return keyString(metadata?.namespace ?? "", reference.uid);
};

/** `namespace/uid` of an object: what `controllerOf` names it by. An ownerReference means nothing across namespaces. */
export const uidKeyOf = ({ metadata }: KubernetesObject): string =>
  keyString(metadata?.namespace ?? "", metadata?.uid ?? "");

/**
 * The names of all Pods of a Deployment that still exist, failed and terminating ones too; sorted.
 *
 * A Pod is the Deployment's where Kubernetes' own controllers would say so: by UID from Pod to ReplicaSet to Deployment, and
 * each selected by the one above. A name proves nothing, nor do labels alone. Nor does an ownerReference alone, which anyone who
 * may write a Pod can put there: what is controlled and not selected is about to be released, and gives no access meanwhile.
 * Source: `ClaimPods` and `ClaimReplicaSets` in k8s.io/kubernetes/pkg/controller/controller_ref_manager.go.
 */
export const currentPods = (deployment: Selecting, { replicaSets, pods }: Controlled): readonly string[] =>
  replicaSets(uidKeyOf(deployment))
    .filter((replicaSet) => selects(deployment, replicaSet))
    .flatMap((replicaSet) => pods(uidKeyOf(replicaSet)).filter((pod) => selects(replicaSet, pod)))
    .map(({ metadata }) => metadata?.name ?? "")
    .sort();

/** A selector that is absent or cannot be read selects nothing. */
const selects = ({ spec }: Selecting, { metadata }: KubernetesObject): boolean => {
  const { selector } = spec ?? {};
  if (selector === undefined || selector === null) return false;
  const labels: Labels = metadata?.labels ?? {};
  const { matchLabels, ...expressions } = selector;
  const wanted = Object.entries(matchLabels ?? {});
  // Nearly all are of this form. To parse them takes time for each Pod, or memory for each ReplicaSet.
  if (wanted.length > 0 && Object.keys(expressions).length === 0) {
    return wanted.every(([key, value]) => Object.hasOwn(labels, key) && labels[key] === value);
  }
  const parsed = parseLabelSelector(selector);
  return parsed.ok && parsed.selector.matches(labels);
};
