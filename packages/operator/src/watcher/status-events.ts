import type { NewEvent } from "@pcmc/controller-runtime";
import type { Condition } from "../api/conditions.ts";
import type { WatcherStatus } from "../api/watcher.ts";
import { conditionOf } from "../controllers/conditions.ts";
import { configMapNameOf } from "./names.ts";

/** What an Event says, without what it is about. */
export type StatusEvent = Pick<NewEvent, "type" | "reason" | "action" | "note" | "distinctBy">;

const ACTION = "Reconcile";

/**
 * The Events that a new status is worth: trouble that has begun or is another one now, and its end. They follow from what is
 * stored, so a restart or another leader does not say them again.
 */
export const eventsOf = (before: WatcherStatus = {}, after: WatcherStatus): StatusEvent[] => {
  const events: StatusEvent[] = [];
  const ready = conditionOf(after.conditions, "Ready");
  const wasReady = conditionOf(before.conditions, "Ready");
  for (const trouble of (after.conditions ?? []).filter(isTrouble)) {
    // What keeps it from being Ready is said once.
    if (trouble.type === "ConfigMapReady" && trouble.reason === ready?.reason) continue;
    const old = conditionOf(before.conditions, trouble.type);
    if (old === undefined || !isTrouble(old) || old.reason !== trouble.reason) events.push(warning(trouble));
  }
  if (ready?.status === "True" && wasReady?.status !== "True") {
    const reason = wasReady === undefined ? "Ready" : "Recovered";
    events.push({ type: "Normal", reason, action: ACTION, note: ready.message });
  }
  return events;
};

/** A rollout that is under way is none. */
const isTrouble = ({ type, status, reason }: Condition): boolean => {
  if (type === "FieldsDropped") return status === "True";
  if (type === "RolledOut") return status === "False" && reason !== "Rolling";
  return (type === "Ready" || type === "ConfigMapReady") && status === "False";
};

const warning = ({ reason, message }: Condition): StatusEvent => ({
  type: "Warning",
  reason,
  action: ACTION,
  note: message,
});

/** What is to be said when a Watcher is deleted that Pods have. */
export const deletedEvent = (watcher: string, pods: number): StatusEvent => ({
  type: "Warning",
  reason: "WatcherDeleted",
  action: "Delete",
  note: `${pods} running ${pods === 1 ? "Pod has" : "Pods have"} the sidecar of Watcher ${watcher}, and it reads ConfigMap ${configMapNameOf(watcher)}, which goes with it: a container of it that ends does not start again (CreateContainerConfigError). Restart their workloads, or create the Watcher again`,
});
