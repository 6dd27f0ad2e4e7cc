import {
  type Cache,
  defineResource,
  type Informer,
  type KeyString,
  type KubernetesObject,
  keyString,
  Pods,
  type Projection,
  ServiceAccounts,
  type Stored,
} from "@pcmc/controller-runtime";
import type { Deployment, ReplicaSet } from "kubernetes-types/apps/v1.d.ts";
import type { Pod, ServiceAccount } from "kubernetes-types/core/v1.d.ts";
import type { Role, RoleBinding } from "kubernetes-types/rbac/v1.d.ts";
import { widenPodsFor } from "../controllers/widened-pods.ts";
import { RoleBindings, Roles } from "../rbac/resources.ts";
import { controllerOf, uidKeyOf } from "./current-pods.ts";
import { deploymentNameOf, MANAGED_BY_SELECTOR } from "./names.ts";
import { isAffiliated } from "./role.ts";

const APPS = "apps/v1";

export const Deployments = defineResource<Deployment>({
  apiVersion: APPS,
  kind: "Deployment",
  plural: "deployments",
  namespaced: true,
});
export const ReplicaSets = defineResource<ReplicaSet>({
  apiVersion: APPS,
  kind: "ReplicaSet",
  plural: "replicasets",
  namespaced: true,
});
/** Names of indexes. They are on informers that other groups of controllers share. */
const indexes = {
  /** Deployments by `namespace/uid`. */
  deploymentUid: "podlogreader-uid",
  /** ReplicaSets by `namespace/uid`. */
  replicaSetUid: "podlogreader-uid",
  /** ReplicaSets by the `namespace/uid` of their Deployment. */
  deployment: "podlogreader-deployment",
  /** Pods by the `namespace/uid` of their ReplicaSet. */
  replicaSet: "podlogreader-replicaset",
} as const;

/** What decides who controls an object. */
const ownerReferences: Projection = { apiVersion: true, kind: true, uid: true, controller: true };

export const deploymentFields: Projection = {
  spec: { replicas: true, selector: true, template: { metadata: { labels: true } } },
  status: { observedGeneration: true, replicas: true, updatedReplicas: true, availableReplicas: true },
};
const replicaSetFields: Projection = { metadata: { labels: true, ownerReferences }, spec: { selector: true } };
/** Of every Pod, as soon as a Deployment is labelled. */
const podFields: Projection = { metadata: { labels: true, ownerReferences } };

/** What the controller reads. */
export interface Sources {
  readonly deployments: Informer<Deployment>;
  readonly replicaSets: Informer<ReplicaSet>;
  readonly pods: Informer<Pod>;
  /** Of these, what bears our label; whole, since updates are made of them. */
  readonly roles: Informer<Role>;
  readonly serviceAccounts: Informer<ServiceAccount>;
  readonly roleBindings: Informer<RoleBinding>;
}

/** Asks a cache for what the controller reads. */
export const sourcesOf = (cache: Cache): Sources => {
  const sources = informersOf(cache);
  const { deployments: informer, pods } = sources;
  widenPodsFor({ pods, project: podFields, informer, isNeededBy: isAffiliated });
  return sources;
};

const informersOf = (cache: Cache): Sources => ({
  deployments: cache.informer(Deployments, { project: deploymentFields, index: { [indexes.deploymentUid]: uidKeyOf } }),
  replicaSets: cache.informer(ReplicaSets, {
    project: replicaSetFields,
    index: { [indexes.replicaSetUid]: uidKeyOf, [indexes.deployment]: deploymentUidOf },
  }),
  pods: cache.informer(Pods, { project: {}, index: { [indexes.replicaSet]: replicaSetUidOf } }),
  roles: cache.informer(Roles, { labelSelector: MANAGED_BY_SELECTOR }),
  serviceAccounts: cache.informer(ServiceAccounts, { labelSelector: MANAGED_BY_SELECTOR }),
  roleBindings: cache.informer(RoleBindings, { labelSelector: MANAGED_BY_SELECTOR }),
});

export const replicaSetUidOf = (pod: KubernetesObject): string | undefined => controllerOf("ReplicaSet", pod);

const deploymentUidOf = (replicaSet: KubernetesObject): string | undefined => controllerOf("Deployment", replicaSet);

/** The Deployment of this `namespace/uid`. */
export const deploymentByUid = ({ deployments }: Sources, uid: string): Stored<Deployment> | undefined =>
  deployments.byIndex(indexes.deploymentUid, uid)[0];

/** The Deployment that an ownerReference of a ReplicaSet leads to. */
export const deploymentOfReplicaSet = (sources: Sources, set: Stored<ReplicaSet>): Stored<Deployment> | undefined => {
  const uid = deploymentUidOf(set);
  return uid === undefined ? undefined : deploymentByUid(sources, uid);
};

/** The Deployment that the ownerReferences of a Pod lead to. */
export const deploymentOfPod = (sources: Sources, pod: Stored<Pod>): Stored<Deployment> | undefined => {
  const uid = replicaSetUidOf(pod);
  const [set] = uid === undefined ? [] : sources.replicaSets.byIndex(indexes.replicaSetUid, uid);
  return set === undefined ? undefined : deploymentOfReplicaSet(sources, set);
};

/** What `currentPods` looks up. */
export const controlledIn = ({ replicaSets, pods }: Sources) => ({
  replicaSets: (deployment: string) => replicaSets.byIndex(indexes.deployment, deployment),
  pods: (replicaSet: string) => pods.byIndex(indexes.replicaSet, replicaSet),
});

/** Whether a namespace has a labelled Deployment, or anything that was made for one. */
export const isServed = (sources: Sources, namespace: string): boolean => {
  const { deployments, roles, serviceAccounts, roleBindings } = sources;
  const isHere = ({ metadata = {} }: KubernetesObject) => metadata.namespace === namespace;
  const isMade = (object: KubernetesObject) => isHere(object) && deploymentKeyOf(object) !== undefined;
  if ([...deployments.values()].some((deployment) => isHere(deployment) && isAffiliated(deployment))) return true;
  const made: readonly Iterable<KubernetesObject>[] = [roles, serviceAccounts, roleBindings].map((each) =>
    each.values(),
  );
  return made.some((objects) => [...objects].some(isMade));
};

/** The Deployment that an object of ours was made for, by its name. */
export const deploymentKeyOf = ({ metadata = {} }: KubernetesObject): KeyString | undefined => {
  const name = deploymentNameOf(metadata);
  return name === undefined ? undefined : keyString(metadata.namespace ?? "", name);
};
