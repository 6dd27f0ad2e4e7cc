import type { NewEvent } from "@pcmc/controller-runtime";
import type { PodConfigMapConfigStatus } from "../api/podconfigmapconfig.ts";
import { podCount } from "./status.ts";

/** What an Event says, without what it is about. */
export type StatusEvent = Pick<NewEvent, "type" | "reason" | "action" | "note" | "distinctBy">;

type Condition = NonNullable<PodConfigMapConfigStatus["conditions"]>[number];

const ACTION = "Reconcile";

/**
 * The Events that a new status is worth: a trouble that has begun or is another one now, its end, and one summary for each
 * generation. Never one for each ConfigMap: that would double the writes.
 *
 * They follow from what is stored, so a restart or another leader does not say them again.
 */
export const eventsOf = (before: PodConfigMapConfigStatus = {}, after: PodConfigMapConfigStatus): StatusEvent[] => {
  const events: StatusEvent[] = [];
  const isNew = ({ type, reason }: Condition) => {
    const old = before.conditions?.find((condition) => condition.type === type);
    return old?.status !== "True" || old.reason !== reason;
  };
  const troubles = (after.conditions ?? []).filter(({ type, status }) => type !== "Ready" && status === "True");
  for (const trouble of troubles.filter(isNew)) events.push(warning(trouble));
  const ready = readyOf(after);
  const wasReady = readyOf(before);
  if (ready?.status === "False" && troubles.length === 0 && wasReady?.reason !== ready.reason) {
    events.push(warning(ready));
  }
  if (ready?.status === "True" && wasReady?.status === "False") events.push(normal("Recovered", ready.message ?? ""));
  if (after.observedGeneration !== before.observedGeneration) {
    events.push({ ...normal("Reconciled", summaryOf(after)), distinctBy: String(after.observedGeneration) });
  }
  return events;
};

const readyOf = (status: PodConfigMapConfigStatus): Condition | undefined =>
  status.conditions?.find(({ type }) => type === "Ready");

const warning = ({ reason, message = "" }: Condition): StatusEvent => ({
  type: "Warning",
  reason: reason ?? "Failed",
  action: ACTION,
  note: message,
});

const normal = (reason: string, note: string): StatusEvent => ({ type: "Normal", reason, action: ACTION, note });

const summaryOf = ({ observedGeneration, matched = 0, failed = 0 }: PodConfigMapConfigStatus): string => {
  const result = failed === 0 ? "all up to date" : `${matched - failed} up to date, ${failed} failed`;
  return `Generation ${observedGeneration}: ${podCount(matched)} selected, ${result}.`;
};
