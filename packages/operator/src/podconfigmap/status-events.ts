import type { NewEvent } from "@pcmc/controller-runtime";
import type { PodConfigMapConfigStatus } from "../api/podconfigmapconfig.ts";
import { ebpfConditionTypes } from "./ebpf-status.ts";
import { WAITING_REASONS } from "./ebpf-verdicts.ts";
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
  const isNew = ({ type, status, reason }: Condition) => {
    const old = before.conditions?.find((condition) => condition.type === type);
    return old?.status !== status || old.reason !== reason;
  };
  for (const trouble of (after.conditions ?? []).filter(isTrouble).filter(isNew)) events.push(warning(trouble));
  const troubles = (after.conditions ?? []).filter((condition) => isTrouble(condition) && !isEbpf(condition));
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

/** What is only waited for is none. */
const isTrouble = ({ type, status, reason }: Condition): boolean => {
  if (type === "Ready") return false;
  return type === ebpfConditionTypes.ready ? status === "False" && !WAITING.has(reason) : status === "True";
};

/** These say nothing of why the ConfigMaps are not ready. */
const isEbpf = ({ type }: Condition): boolean => EBPF_TYPES.has(type);

const WAITING: ReadonlySet<string> = new Set(WAITING_REASONS);
const EBPF_TYPES: ReadonlySet<string> = new Set(Object.values(ebpfConditionTypes));

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
