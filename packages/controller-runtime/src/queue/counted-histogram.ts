import { Histogram, type Registry } from "prom-client";

/** Counts of observations by bucket: an observation is a short scan and two additions. */
export class BucketCounts {
  readonly #bounds: readonly number[];
  readonly #counts: Float64Array;
  #sum = 0;

  /** @param bounds the upper bounds of the buckets, ascending, without infinity. */
  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = new Float64Array(bounds.length + 1);
  }

  observe(value: number): void {
    let index = 0;
    while (index < this.#bounds.length && value > (this.#bounds[index] ?? 0)) index += 1;
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
    this.#sum += value;
  }

  get sum(): number {
    return this.#sum;
  }

  /** Each bucket's bound, infinity last, with the number of observations up to it. */
  *cumulative(): Generator<{ readonly bound: number; readonly count: number }> {
    let count = 0;
    for (const [index, inBucket] of this.#counts.entries()) {
      count += inBucket;
      yield { bound: this.#bounds[index] ?? Number.POSITIVE_INFINITY, count };
    }
  }
}

/** One labelled series of a `CountedHistogram`. */
export interface HistogramSeries {
  readonly labels: Readonly<Record<string, string>>;
  readonly counts: BucketCounts;
}

/** One line of the text format, as prom-client holds it. */
interface Sample {
  readonly metricName: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly sharedLabels: Readonly<Record<string, string>>;
  readonly value: number;
}

/**
 * A histogram for a registry of prom-client whose observations are counted elsewhere, and read when it is scraped.
 *
 * prom-client has `collect` for that, but no way to set the buckets of a histogram; its registry and `get` ask a histogram
 * for its values through `getForPromString`, which its types leave out. A test compares the outcome with the original's.
 */
export class CountedHistogram extends Histogram {
  readonly #name: string;
  readonly #help: string;
  readonly #series: () => Iterable<HistogramSeries>;

  constructor(options: { name: string; help: string; registry: Registry; series: () => Iterable<HistogramSeries> }) {
    const { name, help, registry, series } = options;
    super({ name, help, registers: [registry] });
    this.#name = name;
    this.#help = help;
    this.#series = series;
  }

  async getForPromString(): Promise<object> {
    const values = [...this.#series()].flatMap((series) => this.#samples(series));
    return { name: this.#name, help: this.#help, type: "histogram", aggregator: "sum", values };
  }

  #samples({ labels: sharedLabels, counts }: HistogramSeries): Sample[] {
    const buckets = [...counts.cumulative()].map(({ bound, count }) => ({
      metricName: `${this.#name}_bucket`,
      labels: { le: Number.isFinite(bound) ? bound : "+Inf" },
      sharedLabels,
      value: count,
    }));
    const total = buckets.at(-1)?.value ?? 0;
    return [
      ...buckets,
      { metricName: `${this.#name}_sum`, labels: {}, sharedLabels, value: counts.sum },
      { metricName: `${this.#name}_count`, labels: {}, sharedLabels, value: total },
    ];
  }
}
