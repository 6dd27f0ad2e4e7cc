import type { BucketCounts } from "./bucket-counts.ts";
import { Counter, Gauge, Histogram, type Registry } from "./prom-client.ts";
import type { Labels } from "./series.ts";

/** One labelled value, as it is when it is scraped. */
export interface Sample<T> {
  readonly labels: Labels;
  readonly value: T;
}

/** A metric whose values are kept elsewhere, and read when it is scraped. */
export interface ReadOptions<T> {
  readonly registry: Registry;
  readonly name: string;
  readonly help: string;
  /** All its series, each once. */
  readonly read: () => Iterable<Sample<T>>;
}

/** Registers a counter that is read. @throws Error when the registry has a metric of that name. */
export const readCounter = (options: ReadOptions<number>): void => {
  new ReadCounter(options);
};

/** Registers a gauge that is read. @throws Error when the registry has a metric of that name. */
export const readGauge = (options: ReadOptions<number>): void => {
  new ReadGauge(options);
};

/** Registers a histogram that is read. @throws Error when the registry has a metric of that name. */
export const readHistogram = (options: ReadOptions<BucketCounts>): void => {
  new ReadHistogram(options);
};

/** prom-client has `collect` for this, which hashes and checks the labels of every series at every scrape. */
class ReadCounter extends Counter {
  readonly #read: () => Iterable<Sample<number>>;

  constructor({ registry, name, help, read }: ReadOptions<number>) {
    super({ name, help, registers: [registry] });
    this.#read = read;
  }

  override async get() {
    return { ...(await super.get()), values: [...this.#read()] };
  }
}

class ReadGauge extends Gauge {
  readonly #read: () => Iterable<Sample<number>>;

  constructor({ registry, name, help, read }: ReadOptions<number>) {
    super({ name, help, registers: [registry] });
    this.#read = read;
  }

  override async get() {
    return { ...(await super.get()), values: [...this.#read()] };
  }
}

/** One line of the text format, as prom-client holds it. */
interface Line {
  readonly metricName: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly sharedLabels: Labels;
  readonly value: number;
}

/**
 * prom-client has no way to set the buckets of a histogram; its registry and `get` ask a histogram for its values through
 * `getForPromString`, which its types leave out. A test compares the outcome with the original's.
 */
class ReadHistogram extends Histogram {
  readonly #options: ReadOptions<BucketCounts>;

  constructor(options: ReadOptions<BucketCounts>) {
    const { registry, name, help } = options;
    super({ name, help, registers: [registry] });
    this.#options = options;
  }

  async getForPromString(): Promise<object> {
    const { name, help, read } = this.#options;
    const values = [...read()].flatMap((sample) => this.#lines(sample));
    return { name, help, type: "histogram", aggregator: "sum", values };
  }

  #lines({ labels: sharedLabels, value }: Sample<BucketCounts>): Line[] {
    const { name } = this.#options;
    const buckets = [...value.cumulative()].map(({ bound, count }) => ({
      metricName: `${name}_bucket`,
      labels: { le: Number.isFinite(bound) ? bound : "+Inf" },
      sharedLabels,
      value: count,
    }));
    const total = buckets.at(-1)?.value ?? 0;
    return [
      ...buckets,
      { metricName: `${name}_sum`, labels: {}, sharedLabels, value: value.sum },
      { metricName: `${name}_count`, labels: {}, sharedLabels, value: total },
    ];
  }
}
