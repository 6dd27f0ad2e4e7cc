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

/** The runbook of an alert: `PcmcNoLeader` has `pcmc-no-leader.md`. */
export const runbookOf = (name: string): string => `${name.replace(/(?<=[a-z0-9])(?=[A-Z])/g, "-").toLowerCase()}.md`;
