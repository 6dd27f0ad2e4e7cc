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
