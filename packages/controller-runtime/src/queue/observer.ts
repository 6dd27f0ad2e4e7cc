/** What a queue can be asked at any time; what gauges show. */
export interface QueueState {
  readonly name: string;
  /** Due keys by priority. */
  depths(): ReadonlyMap<number, number>;
  /** Milliseconds that the keys now processed have been so: all together, and the longest. */
  unfinished(): { readonly total: number; readonly longest: number };
  /** Milliseconds since the key that has waited longest was due; 0 when none waits. */
  oldest(): number;
}

/** What a queue tells about itself as it happens. Called on the hot path: cheap, and never throws. */
export interface WorkQueueObserver {
  /** A key became due. One that is added again while it is due is not counted again. */
  added(): void;
  /** A key was added with a delay: after a failure, or to be looked at again. */
  retried(): void;
  /** A key was handed out, `queuedFor` milliseconds after it was due. */
  started(queuedFor: number): void;
  /** A key was done, `took` milliseconds after it was handed out. */
  finished(took: number): void;
  /** The queue was shut down and is empty: nothing follows. May be called again. */
  closed(): void;
}

/** Where queues find their observer. */
export interface WorkQueueMetrics {
  /** Called once by each queue. `state` must be let go at `closed`. */
  attach(state: QueueState): WorkQueueObserver;
}

const nothing = () => {};

/** For a queue without metrics. */
export const unobserved: WorkQueueObserver = {
  added: nothing,
  retried: nothing,
  started: nothing,
  finished: nothing,
  closed: nothing,
};
