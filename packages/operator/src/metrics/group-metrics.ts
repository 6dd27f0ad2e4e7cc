import type { KubernetesObject } from "@pcmc/controller-runtime";
import type { Holder } from "./namespaces.ts";

/**
 * Values of `queue_name` and `resource_type`: controllers have these names. Reconciles and queues of a controller of such a name
 * are counted by whoever assembles the controllers; a group counts what only it knows.
 */
export const RESOURCE_TYPES = ["pod", "pcmc", "watcher", "podlogreader"] as const;
export type ResourceType = (typeof RESOURCE_TYPES)[number];

/** What is done with an object, as the label `operation` has it. */
export type Operation = "create" | "update" | "delete";

/** What every group of controllers tells of itself. */
export interface GroupMetrics {
  /**
   * To be called once for each informer whose objects the group works on: as long as one has objects in a namespace, the
   * namespace's series stay.
   */
  heldBy<T extends KubernetesObject>(informer: Holder<T>): void;
  /** Counts what did not come out as wanted though no error was thrown, by why: `conflict`, `size`. A bounded set of words. */
  onFailure(type: ResourceType, namespace: string, reason: string): void;
}
