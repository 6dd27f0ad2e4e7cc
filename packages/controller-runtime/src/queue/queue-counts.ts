import { BucketCounts } from "../metrics/bucket-counts.ts";
import type { QueueState, WorkQueueObserver } from "./observer.ts";

/** 10 ns to 1,000 s in decades: the buckets of client-go and controller-runtime, for which the field's dashboards are made. */
const SECONDS = [1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1, 10, 100, 1000];

/**
 * A queue whose users invent priorities must not make time series without end (controller-runtime #3396): this many are told
 * apart, the rest are shown together, under the label that controller-runtime uses.
 */
const MAX_PRIORITIES = 25;
const OTHER_PRIORITIES = "exceeded_cardinality_limit";

/**
 * What was counted under one queue name. It outlives the queue (a controller that lost its Lease makes another when it leads
 * again), for a counter never goes back while the process runs.
 */
export class QueueCounts {
  readonly labels: { readonly name: string; readonly controller: string };
  adds = 0;
  retries = 0;
  readonly queued = new BucketCounts(SECONDS);
  readonly worked = new BucketCounts(SECONDS);
  /** The queues of this name that are open. */
  readonly #open = new Set<QueueState>();
  readonly #priorities = new Set<number>([0]);

  constructor(name: string) {
    this.labels = { name, controller: name };
  }

  /** Starts counting for a queue, until it is closed. */
  observe(state: QueueState): WorkQueueObserver {
    this.#open.add(state);
    return {
      added: () => {
        this.adds += 1;
      },
      retried: () => {
        this.retries += 1;
      },
      started: (queuedFor) => this.queued.observe(queuedFor / 1000),
      finished: (took) => this.worked.observe(took / 1000),
      closed: () => {
        this.#open.delete(state);
      },
    };
  }

  /** Depths by label. A priority that was seen stays, at 0, so that its series does not break off. */
  depths(): ReadonlyMap<string, number> {
    const depths = new Map<string, number>();
    for (const priority of this.#priorities) depths.set(String(priority), 0);
    for (const [priority, depth] of [...this.#open].flatMap((state) => [...state.depths()])) {
      if (this.#priorities.size < MAX_PRIORITIES) this.#priorities.add(priority);
      const label = this.#priorities.has(priority) ? String(priority) : OTHER_PRIORITIES;
      depths.set(label, (depths.get(label) ?? 0) + depth);
    }
    return depths;
  }

  /** Seconds of work in progress. */
  unfinishedSeconds(): number {
    return [...this.#open].reduce((sum, state) => sum + state.unfinished().total, 0) / 1000;
  }

  /** Seconds that the longest running reconcile has taken so far. */
  longestRunningSeconds(): number {
    return [...this.#open].reduce((longest, state) => Math.max(longest, state.unfinished().longest), 0) / 1000;
  }

  /** Seconds since the key that has waited longest was due. */
  oldestSeconds(): number {
    return [...this.#open].reduce((oldest, state) => Math.max(oldest, state.oldest()), 0) / 1000;
  }
}
