/** How much of a hurry there is: `critical` wakes somebody, `warning` waits for the working day. */
export type Severity = "critical" | "warning";

/** One alert, as people think of it. */
export interface Alert {
  /** CamelCase, with `Pcmc` before; the runbook has it in lower-case words. */
  readonly name: string;
  readonly expr: string;
  /** How long it must hold: Go duration. Absent: at once. */
  readonly holds?: string;
  readonly severity: Severity;
  /** What is wrong, without labels: alerts are grouped by it. */
  readonly summary: string;
  /** Which one, how much, and what it means; Go template of Prometheus. */
  readonly description: string;
}

export interface AlertGroup {
  readonly name: string;
  readonly alerts: readonly Alert[];
}

/** Keeps of a metric that many programs have (`workqueue_*`, `process_*`) the series of ours. */
export const ours = (expr: string): string => `${expr} and on (job, instance) podconfigmap_controller_build_info`;

/** Labels by which installations are told apart: `namespace` is the one they run in, where a metric has none of its own. */
export const INSTALLATION = "job, namespace";

/**
 * What is told of objects: by the leader alone. When another takes over, the old one's series end at once, and the new one's begin
 * with its next scrape; in between an alert would find nothing, and begin to count its time anew. So the last value counts on for
 * three minutes: two scrapes a minute apart, and the change itself. That of an object that is gone does too.
 */
export const ofObjects = (selector: string): string => `last_over_time(${selector}[3m])`;

/** The runbook of an alert: `PcmcNoLeader` has `pcmc-no-leader.md`. */
export const runbookOf = (name: string): string => `${name.replace(/(?<=[a-z0-9])(?=[A-Z])/g, "-").toLowerCase()}.md`;
