import type { KubernetesObject, Stored } from "@pcmc/controller-runtime";
import type { Deployment } from "kubernetes-types/apps/v1.d.ts";
import type { Selecting } from "../../src/podlogreader/current-pods.ts";
import type { Owner } from "../../src/podlogreader/names.ts";

/** The Deployment that the tests are about. */
export const owner: Owner = { name: "web", namespace: "shop", uid: "uid-of-web" };

export const NO_CHOICES = { createSaAndRoleBinding: false, allowPodGet: false };

/** Something of the namespace `shop`. */
export interface Member {
  readonly name: string;
  readonly uid?: string;
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** Its controller: kind and UID. */
  readonly controller?: { readonly kind: string; readonly uid: string; readonly apiVersion?: string };
  /** Labels that it selects. */
  readonly selects?: Readonly<Record<string, string>>;
}

/** An object as a cache has it. */
export const member = ({ name, uid, namespace, labels, controller, selects }: Member): Selecting => ({
  metadata: {
    name,
    namespace: namespace ?? "shop",
    uid: uid ?? `uid-of-${name}`,
    ...(labels && { labels }),
    ...(controller && {
      ownerReferences: [{ apiVersion: "apps/v1", name: "any name at all", controller: true, ...controller }],
    }),
  },
  ...(selects && { spec: { selector: { matchLabels: selects } } }),
});

/** `object` as the API server has it. */
export const stored = <T extends KubernetesObject>(object: T, resourceVersion = "1"): Stored<T> => {
  const { name = "", uid = `uid-of-the-${object.kind}` } = object.metadata ?? {};
  return { ...object, metadata: { ...object.metadata, name, uid, resourceVersion } };
};

/** A Deployment of so many replicas whose controller has nothing left to do. */
export const steady = (replicas: number): Deployment => ({
  metadata: { name: "web", namespace: "shop", uid: owner.uid, generation: 2 },
  spec: { replicas, selector: {}, template: {} },
  status: { observedGeneration: 2, replicas, updatedReplicas: replicas, availableReplicas: replicas },
});
