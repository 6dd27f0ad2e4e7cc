/** client-go's figures (tools/record): so many at once, then one more in so many milliseconds. */
export const SPAM_BURST = 25;
export const SPAM_REFILL = 300_000;

interface Bucket {
  tokens: number;
  /** When `tokens` was right, monotonic milliseconds. */
  at: number;
}

/**
 * Keeps one object from flooding the cluster with Events: a token bucket an object, of the objects of which Events were
 * asked for last. Only new Events take a token: repeats are cheap, as a series is written seldom.
 */
export class SpamFilter {
  /** The one asked for last at the end. */
  readonly #buckets = new Map<string, Bucket>();
  readonly #limit: number;

  /** @param limit objects that are remembered. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Takes a token for a new Event about the object; false when there is none. */
  allows(objectKey: string, now: number): boolean {
    const bucket = this.#buckets.get(objectKey) ?? { tokens: SPAM_BURST, at: now };
    bucket.tokens = Math.min(SPAM_BURST, bucket.tokens + (now - bucket.at) / SPAM_REFILL);
    bucket.at = now;
    this.#remember(objectKey, bucket);
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }

  #remember(objectKey: string, bucket: Bucket): void {
    this.#buckets.delete(objectKey);
    this.#buckets.set(objectKey, bucket);
    if (this.#buckets.size <= this.#limit) return;
    for (const oldest of this.#buckets.keys()) {
      this.#buckets.delete(oldest);
      return;
    }
  }
}
