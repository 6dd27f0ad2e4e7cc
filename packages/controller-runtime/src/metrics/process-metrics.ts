import { totalmem } from "node:os";
import { type IntervalHistogram, monitorEventLoopDelay } from "node:perf_hooks";
import { collectDefaultMetrics, type Registry } from "./prom-client.ts";
import { readGauge } from "./read-metrics.ts";

/**
 * Milliseconds between two looks at the event loop. prom-client's own 10 wake the process a hundred times a second: 0.7 % of
 * a core that does nothing else; these cost 0.07 %.
 */
const RESOLUTION = 100;
/** What a timer can hold: so long prom-client's own monitor, which cannot be left out, sleeps. */
const NEVER = 0x7fffffff;
const NO_LABELS = {};

/** Seconds that the event loop was late, since the scrape before. */
interface Lag {
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  readonly stddev: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
}

const LAGS: readonly (readonly [name: string, help: string, read: (lag: Lag) => number])[] = [
  ["nodejs_eventloop_lag_min_seconds", "The minimum recorded event loop delay.", ({ min }) => min],
  ["nodejs_eventloop_lag_max_seconds", "The maximum recorded event loop delay.", ({ max }) => max],
  ["nodejs_eventloop_lag_mean_seconds", "The mean of the recorded event loop delays.", ({ mean }) => mean],
  [
    "nodejs_eventloop_lag_stddev_seconds",
    "The standard deviation of the recorded event loop delays.",
    ({ stddev }) => stddev,
  ],
  ["nodejs_eventloop_lag_p50_seconds", "The 50th percentile of the recorded event loop delays.", ({ p50 }) => p50],
  ["nodejs_eventloop_lag_p90_seconds", "The 90th percentile of the recorded event loop delays.", ({ p90 }) => p90],
  ["nodejs_eventloop_lag_p99_seconds", "The 99th percentile of the recorded event loop delays.", ({ p99 }) => p99],
];

/**
 * Registers what prom-client tells of the process, `process_*` and `nodejs_*`, and its memory limit. The event loop's lag is measured here, at a
 * tenth of the cost, and without the time between two looks, which prom-client's figures include.
 *
 * Disposing of what it returns ends the measuring.
 */
export const processMetrics = (registry: Registry): Disposable => {
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: NEVER });
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION });
  histogram.enable();
  let lag = lagOf(histogram);
  for (const [name, help, read] of LAGS) {
    registry.removeSingleMetric(name);
    const value = () => {
      // All show the same time; the first is asked first.
      if (name === LAGS[0]?.[0]) {
        lag = lagOf(histogram);
        histogram.reset();
      }
      return [{ labels: NO_LABELS, value: read(lag) }];
    };
    readGauge({ registry, name, help, read: value });
  }
  readGauge({
    registry,
    name: "process_memory_limit_bytes",
    help: "The memory limit of the process's cgroup; none where there is no limit.",
    read: () => memoryLimit(process.constrainedMemory(), totalmem()).map((value) => ({ labels: NO_LABELS, value })),
  });
  return { [Symbol.dispose]: () => void histogram.disable() };
};

/**
 * The limit by what Node says of the cgroup: none is 0, or a number beyond what the machine has.
 *
 * @returns one number, or none.
 */
export const memoryLimit = (constrained: number, installed: number): readonly number[] =>
  constrained > 0 && constrained < installed ? [constrained] : [];

/** Node records the time between two looks, in nanoseconds. */
const lagOf = (histogram: IntervalHistogram): Lag => {
  const late = (nanoseconds: number) => Math.max(0, nanoseconds / 1e9 - RESOLUTION / 1e3);
  if (histogram.count === 0) return { min: 0, max: 0, mean: 0, stddev: 0, p50: 0, p90: 0, p99: 0 };
  return {
    min: late(histogram.min),
    max: late(histogram.max),
    mean: late(histogram.mean),
    stddev: histogram.stddev / 1e9,
    p50: late(histogram.percentile(50)),
    p90: late(histogram.percentile(90)),
    p99: late(histogram.percentile(99)),
  };
};
