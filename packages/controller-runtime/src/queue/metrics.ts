import { Counter, Gauge, type Registry } from "prom-client";
import { type BucketCounts, CountedHistogram } from "./counted-histogram.ts";
import type { WorkQueueMetrics } from "./observer.ts";
import { QueueCounts } from "./queue-counts.ts";

type Queues = ReadonlyMap<string, QueueCounts>;
type Reading<T> = readonly [name: string, help: string, read: (counts: QueueCounts) => T];

const LABELS = ["name", "controller"] as const;

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
  for (const gauge of GAUGES) registerGauge(registry, queues, gauge);
  for (const counter of COUNTERS) registerCounter(registry, queues, counter);
  for (const histogram of HISTOGRAMS) registerHistogram(registry, queues, histogram);
  return {
    attach: (state) => {
      const counts = queues.get(state.name) ?? new QueueCounts(state.name);
      queues.set(state.name, counts);
      return counts.observe(state);
    },
  };
};

const registerDepth = (registry: Registry, queues: Queues): void => {
  new Gauge({
    name: "workqueue_depth",
    help: "Keys that are due, by queue and priority.",
    labelNames: [...LABELS, "priority"],
    registers: [registry],
    collect() {
      this.reset();
      for (const counts of queues.values()) {
        for (const [priority, depth] of counts.depths()) this.set({ ...counts.labels, priority }, depth);
      }
    },
  });
};

const registerGauge = (registry: Registry, queues: Queues, [name, help, read]: Reading<number>): void => {
  new Gauge({
    name,
    help,
    labelNames: LABELS,
    registers: [registry],
    collect() {
      for (const counts of queues.values()) this.set(counts.labels, read(counts));
    },
  });
};

const registerCounter = (registry: Registry, queues: Queues, [name, help, read]: Reading<number>): void => {
  new Counter({
    name,
    help,
    labelNames: LABELS,
    registers: [registry],
    collect() {
      // A counter can only be added to: start it over, so that it holds what we counted.
      this.reset();
      for (const counts of queues.values()) this.inc(counts.labels, read(counts));
    },
  });
};

const registerHistogram = (registry: Registry, queues: Queues, [name, help, read]: Reading<BucketCounts>): void => {
  const series = () => [...queues.values()].map((counts) => ({ labels: counts.labels, counts: read(counts) }));
  new CountedHistogram({ name, help, registry, series });
};
