import type { BucketCounts } from "../metrics/bucket-counts.ts";
import type { Registry } from "../metrics/prom-client.ts";
import { readCounter, readGauge, readHistogram, type Sample } from "../metrics/read-metrics.ts";
import type { WorkQueueMetrics } from "./observer.ts";
import { QueueCounts } from "./queue-counts.ts";

type Queues = ReadonlyMap<string, QueueCounts>;
type Reading<T> = readonly [name: string, help: string, read: (counts: QueueCounts) => T];

const GAUGES: readonly Reading<number>[] = [
  [
    "workqueue_unfinished_work_seconds",
    "Seconds of work that is in progress and not yet in work_duration. Large values indicate stuck reconciles.",
    (counts) => counts.unfinishedSeconds(),
  ],
  [
    "workqueue_longest_running_processor_seconds",
    "Seconds that the longest running reconcile has taken so far.",
    (counts) => counts.longestRunningSeconds(),
  ],
  [
    "workqueue_oldest_key_seconds",
    "Seconds that the key has waited that was due first, 0 when none waits. Large values indicate too few workers.",
    (counts) => counts.oldestSeconds(),
  ],
];

const COUNTERS: readonly Reading<number>[] = [
  ["workqueue_adds_total", "Keys that became due.", (counts) => counts.adds],
  [
    "workqueue_retries_total",
    "Keys added with a delay, after a failure or to be looked at again.",
    (counts) => counts.retries,
  ],
];

const HISTOGRAMS: readonly Reading<BucketCounts>[] = [
  [
    "workqueue_queue_duration_seconds",
    "Seconds from when a key was due until it was handed out.",
    (counts) => counts.queued,
  ],
  [
    "workqueue_work_duration_seconds",
    "Seconds from when a key was handed out until it was done.",
    (counts) => counts.worked,
  ],
];

/**
 * Registers Kubernetes' standard metrics of work queues, `workqueue_*`, with the names, labels and buckets of
 * controller-runtime, and returns what queues take as their `metrics`.
 *
 * A queue only adds to plain numbers: prom-client's own `inc` and `observe` take 0.3 and 0.5 us, more than the rest of an
 * add. Everything is read when it is scraped.
 *
 * @throws Error when the registry has such metrics already.
 */
export const registerWorkQueueMetrics = (registry: Registry): WorkQueueMetrics => {
  const queues = new Map<string, QueueCounts>();
  registerDepth(registry, queues);
  for (const [name, help, read] of GAUGES) {
    readGauge({ registry, name, help, read: () => samplesOf(queues, read) });
  }
  for (const [name, help, read] of COUNTERS) {
    readCounter({ registry, name, help, read: () => samplesOf(queues, read) });
  }
  for (const [name, help, read] of HISTOGRAMS) {
    readHistogram({ registry, name, help, read: () => samplesOf(queues, read) });
  }
  return {
    attach: (state) => {
      const counts = queues.get(state.name) ?? new QueueCounts(state.name);
      queues.set(state.name, counts);
      return counts.observe(state);
    },
  };
};

const registerDepth = (registry: Registry, queues: Queues): void => {
  readGauge({
    registry,
    name: "workqueue_depth",
    help: "Keys that are due, by queue and priority.",
    *read() {
      for (const counts of queues.values()) {
        const { labels } = counts;
        for (const [priority, value] of counts.depths()) yield { labels: { ...labels, priority }, value };
      }
    },
  });
};

/** One sample for each queue. */
function* samplesOf<T>(queues: Queues, read: (counts: QueueCounts) => T): Generator<Sample<T>> {
  for (const counts of queues.values()) yield { labels: counts.labels, value: read(counts) };
}
