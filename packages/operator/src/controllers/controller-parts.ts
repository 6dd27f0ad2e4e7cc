import type { Cache, ControllerObserver, Logger, Recorder, WorkQueueMetrics } from "@pcmc/controller-runtime";

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
