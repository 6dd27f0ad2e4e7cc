import type { ConfigMap, Namespace, Node, Pod, Secret, ServiceAccount } from "kubernetes-types/core/v1.d.ts";
import type { KubernetesObject } from "./object.ts";

/**
 * A kind of the API and where it is served. `T` is the type of its objects; it is carried by the type alone.
 *
 * @example
 * const Pods = defineResource<Pod>({ apiVersion: "v1", kind: "Pod", plural: "pods", namespaced: true });
 */
export interface Resource<T extends KubernetesObject = KubernetesObject> {
  /** `v1`, or `group/version`. */
  readonly apiVersion: string;
  readonly kind: string;
  /** The lower-case plural in the URL: `pods`. */
  readonly plural: string;
  readonly namespaced: boolean;
  /** Never set. It binds `T`, so that a client can say what it returns. */
  readonly objectType?: T;
}

/** Defines a resource whose objects are `T`. */
export const defineResource = <T extends KubernetesObject>(resource: Omit<Resource, "objectType">): Resource<T> =>
  resource;

/** The API group, `""` for the core group. */
export const groupOf = (resource: Resource): string => {
  const slash = resource.apiVersion.indexOf("/");
  return slash < 0 ? "" : resource.apiVersion.slice(0, slash);
};

const core = <T extends KubernetesObject>(kind: string, plural: string, namespaced = true) =>
  defineResource<T>({ apiVersion: "v1", kind, plural, namespaced });

export const Pods = core<Pod>("Pod", "pods");
export const ConfigMaps = core<ConfigMap>("ConfigMap", "configmaps");
export const Secrets = core<Secret>("Secret", "secrets");
export const ServiceAccounts = core<ServiceAccount>("ServiceAccount", "serviceaccounts");
export const Namespaces = core<Namespace>("Namespace", "namespaces", false);
export const Nodes = core<Node>("Node", "nodes", false);

/** `pods`, `deployments.apps`: as users name it in RBAC. */
export const resourceName = (resource: Resource): string => {
  const group = groupOf(resource);
  return group === "" ? resource.plural : `${resource.plural}.${group}`;
};
