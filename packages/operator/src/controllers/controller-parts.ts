import type { Cache, ControllerObserver, Logger, Recorder, WorkQueueMetrics } from "@pcmc/controller-runtime";
import type { Settings } from "../settings/settings.ts";

/** What every group of controllers is made of. */
export interface ControllerParts {
  readonly cache: Cache;
  readonly events: Recorder;
  readonly log: Logger;
  readonly observer: ControllerObserver;
  readonly queueMetrics: WorkQueueMetrics;
  readonly maxRetries: number;
  /** Milliseconds for one reconcile. */
  readonly timeout: number;
  /** Milliseconds; 0 = never. */
  readonly resyncPeriod: number;
}

/** How often and how long is tried, by the settings; a time-out of 0 is none. */
export const limitsOf = (
  settings: Pick<Settings, "controllerMaxRetries" | "controllerReconciliationTimeout" | "controllerResyncPeriod">,
): Pick<ControllerParts, "maxRetries" | "timeout" | "resyncPeriod"> => ({
  maxRetries: settings.controllerMaxRetries,
  timeout: settings.controllerReconciliationTimeout || Number.POSITIVE_INFINITY,
  resyncPeriod: settings.controllerResyncPeriod,
});
