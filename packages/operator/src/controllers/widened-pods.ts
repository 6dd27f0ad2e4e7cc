import type { Informer, KubernetesObject, Projection, Stored } from "@pcmc/controller-runtime";
import type { Pod } from "kubernetes-types/core/v1.d.ts";

/** Who needs more of Pods, and what. */
export interface WiderWish<T extends KubernetesObject> {
  readonly pods: Informer<Pod>;
  /** Whose objects may need it. */
  readonly informer: Informer<T>;
  isNeededBy(object: Stored<T>): boolean;
  /** What is read of every Pod from then on. */
  readonly project: Projection;
}

/**
 * Has more of each Pod read once the first object is there that needs it. A cluster has many Pods, and most have nobody who
 * does: what nobody needs takes no memory.
 *
 * It must be called before a controller watches `informer`: `pods` counts as incomplete from the moment that the object is
 * there, so that no reconcile takes for missing what has not been read yet (`holdUntilSynced`).
 */
export const widenPodsFor = <T extends KubernetesObject>({
  pods,
  informer,
  isNeededBy,
  project,
}: WiderWish<T>): void => {
  informer.onChange((change) => {
    if (change.type !== "deleted" && isNeededBy(change.object)) pods.widen(project);
  });
};
