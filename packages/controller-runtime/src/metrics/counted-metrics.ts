import { BucketCounts } from "./bucket-counts.ts";
import type { Registry } from "./prom-client.ts";
import { readCounter, readGauge, readHistogram, type Sample } from "./read-metrics.ts";
import { Series } from "./series.ts";

/** A number that is counted. */
export class Count {
  value = 0;
}

/** A metric that is counted as things happen, where that must cost next to nothing; see `Series`. */
export interface CountedOptions {
  readonly registry: Registry;
  readonly name: string;
  readonly help: string;
  /** Names of one to three labels, in the order in which `Series.at` takes their values. */
  readonly labels: readonly string[];
}

/**
 * Registers a counter, and returns its series to be added to.
 *
 * @throws Error when the registry has a metric of that name.
 * @example
 * const writes = countedCounter({ registry, name: "writes_total", help: "Writes.", labels: ["operation", "result"] });
 * writes.at("create", "success").value += 1;
 */
export const countedCounter = (options: CountedOptions): Series<Count> => {
  const series = new Series(options.labels, () => new Count());
  readCounter({ ...options, read: () => numbersOf(series) });
  return series;
};

/** Registers a gauge, and returns its series to be set. @throws Error when the registry has a metric of that name. */
export const countedGauge = (options: CountedOptions): Series<Count> => {
  const series = new Series(options.labels, () => new Count());
  readGauge({ ...options, read: () => numbersOf(series) });
  return series;
};

/**
 * Registers a histogram, and returns its series to observe with.
 *
 * @param options with the upper bounds of the buckets, ascending, without infinity.
 * @throws Error when the registry has a metric of that name.
 */
export const countedHistogram = (
  options: CountedOptions & { readonly buckets: readonly number[] },
): Series<BucketCounts> => {
  const series = new Series(options.labels, () => new BucketCounts(options.buckets));
  readHistogram({ ...options, read: () => series });
  return series;
};

function* numbersOf(series: Series<Count>): Generator<Sample<number>> {
  for (const { labels, value } of series) yield { labels, value: value.value };
}
