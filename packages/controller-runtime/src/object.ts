import type { ObjectMeta, OwnerReference } from "kubernetes-types/meta/v1.d.ts";

export type { LabelSelector, ObjectMeta, OwnerReference } from "kubernetes-types/meta/v1.d.ts";

/** What every Kubernetes object has. */
export interface KubernetesObject {
  apiVersion?: string;
  kind?: string;
  metadata?: ObjectMeta;
}

/** An object as the API server returns it: `metadata` with name, uid and resourceVersion is always there. */
export type Stored<T extends KubernetesObject> = T & {
  readonly metadata: ObjectMeta & { readonly name: string; readonly uid: string; readonly resourceVersion: string };
};

/** Namespace and name of an object; the namespace of a cluster-scoped object is `""`. */
export interface ObjectKey {
  readonly namespace: string;
  readonly name: string;
}

/** `namespace/name`, or just `name` for a cluster-scoped object: the form in which queues and stores hold keys. */
export type KeyString = string;

/** The key string of `namespace` and `name`. */
export const keyString = (namespace: string, name: string): KeyString =>
  namespace === "" ? name : `${namespace}/${name}`;

/** The key string of an object. */
export const keyOf = (object: KubernetesObject): KeyString =>
  keyString(object.metadata?.namespace ?? "", object.metadata?.name ?? "");

/** Splits a key string at its first `/`. */
export const parseKey = (key: KeyString): ObjectKey => {
  const slash = key.indexOf("/");
  if (slash < 0) return { namespace: "", name: key };
  return { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
};

/** An ownerReference without `controller` and `blockOwnerDeletion`: the object is collected with its owner, no more. */
export const ownerReferenceTo = (
  owner: Stored<KubernetesObject> & { apiVersion: string; kind: string },
): OwnerReference => ({
  apiVersion: owner.apiVersion,
  kind: owner.kind,
  name: owner.metadata.name,
  uid: owner.metadata.uid,
});
