import type { Stored } from "@pcmc/controller-runtime";
import type { Pod } from "kubernetes-types/core/v1.d.ts";
import { conditionOf, patchOf } from "./agent/condition-writer.ts";
import { EBPF_READY, type EbpfCondition, hasReadinessGate } from "./condition.ts";

/** What of a Pod says which condition it has, and whether it can do without. */
export const conditionFields = {
  spec: { readinessGates: true, nodeName: true },
  status: { conditions: true },
} as const;

/**
 * For a Pod that is ready only with the condition: without one it would be unready from now on, because of a guard that is gone.
 * `NotRequired` is what agents say too where nothing applies.
 */
const UNINSTALLED: EbpfCondition = {
  type: EBPF_READY,
  status: "True",
  reason: "NotRequired",
  message: "The node agents were uninstalled: nothing is in the kernel for this Pod, and nothing will be.",
};

/**
 * The patch of `status` after which a Pod says nothing of agents that is no longer true; `undefined` where it says nothing.
 * The condition goes, but on a Pod whose readiness gate names it: there it becomes `True`, `NotRequired`.
 */
export const farewellPatch = (pod: Stored<Pod>, now: Date): object | undefined => {
  if (!hasReadinessGate(pod)) return patchOf(pod, undefined, now);
  const before = conditionOf(pod);
  // Made after the last agent had gone, it waits for somebody who does not come.
  return before?.reason === UNINSTALLED.reason && before.status === "True" ? undefined : patchOf(pod, UNINSTALLED, now);
};
