import type { Random } from "../clock.ts";

/** How a key that fails is tried again. All times in milliseconds. */
export interface RetryOptions {
  /**
   * The wait after the first failure; it doubles with each quick try. Default 50: the commonest failure is a conflict
   * or a cache that lags behind our own write, and a watch event takes up to 15 ms (p99) to cure that. client-go's
   * 5 ms spend three tries before the news can be there.
   */
  readonly base?: number;
  /**
   * How many quick tries there are. Default 5, which lasts 1.5 s in all; 0 goes to `cap` at once. After them the key is
   * tried on at `cap`, for ever: it is never given up.
   */
  readonly maxRetries?: number;
  /** The longest wait. Default 30,000. */
  readonly cap?: number;
  /** A wait d becomes a random one in [d, d * (1 + jitter)), so that keys that failed together part. Default 0.2. */
  readonly jitter?: number;
  /**
   * A key that has gone this long since its last retry began, and has not failed, starts anew at `base`. Default twice
   * `cap`. It is a net for reconcilers that never call `forget`.
   */
  readonly calm?: number;
  /**
   * News about a failing key ends its wait at once, but only once in this time: the next news waits until it is over
   * (or until the retry, where that is sooner). Default 1,000. Without it a failing key whose object changes all the
   * time (its status, by the very controller) is tried without pause, as with client-go; with the backoff holding
   * against news, a user who repairs the object would wait 30 s for the outcome.
   */
  readonly freshInterval?: number;
}

/** Retry options with the defaults filled in. */
export type RetryPolicy = Readonly<Required<RetryOptions>>;

/**
 * Fills in the defaults.
 *
 * @throws RangeError on a negative or absurd figure.
 */
export const retryPolicy = (options: RetryOptions = {}): RetryPolicy => {
  const { base = 50, maxRetries = 5, cap = 30_000, jitter = 0.2, calm = 2 * cap, freshInterval = 1_000 } = options;
  const policy = { base, maxRetries, cap, jitter, calm, freshInterval };
  for (const [name, value] of Object.entries(policy)) {
    // A comparison that fails for NaN too.
    if (!(value >= 0)) throw new RangeError(`backoff option ${name} is ${value}; it must not be negative`);
  }
  if (!(cap > 0)) throw new RangeError("backoff option cap is 0; a failing key would be tried without pause");
  return policy;
};

/** The wait after failure number `attempts` (from 1), milliseconds. */
export const retryDelay = (policy: RetryPolicy, attempts: number, random: Random): number => {
  const quick = attempts <= policy.maxRetries;
  const delay = quick ? Math.min(policy.base * 2 ** (attempts - 1), policy.cap) : policy.cap;
  return delay * (1 + policy.jitter * random());
};

/** What a queue remembers of a key that has failed. Made at the first failure, so that a healthy key costs nothing. */
export class Failures {
  /** Failures since the last success or calm. */
  attempts = 0;
  /** When the pending retry is due; Infinity when none is pending. */
  retryAt = Number.POSITIVE_INFINITY;
  /** Before this, news does not end the wait. */
  freshAt = Number.NEGATIVE_INFINITY;
  /** When the key was last known to be in trouble: it failed, or its retry began. */
  troubleAt = Number.NEGATIVE_INFINITY;

  /**
   * Counts a failure and plans the retry.
   *
   * @param now the time, and `startedAt` that at which the try that failed began: a long try is no calm.
   * @param wait plans the retry, given the number of failures.
   */
  fail(
    { now, startedAt, calm }: { now: number; startedAt: number; calm: number },
    wait: (attempts: number) => number,
  ): void {
    const pending = this.retryAt < Number.POSITIVE_INFINITY;
    if (!pending && startedAt - this.troubleAt >= calm) this.attempts = 0;
    this.attempts += 1;
    this.troubleAt = now;
    this.retryAt = Math.min(this.retryAt, now + wait(this.attempts));
  }

  /** The key is handed out: whatever was planned happens now. */
  begin(now: number, freshInterval: number): void {
    if (this.retryAt === Number.POSITIVE_INFINITY) return;
    if (this.retryAt > now) this.freshAt = now + freshInterval;
    this.retryAt = Number.POSITIVE_INFINITY;
    this.troubleAt = now;
  }

  /** When the key is due, given that plain adds want it at `wantedAt`. */
  dueAt(wantedAt: number): number {
    if (this.retryAt === Number.POSITIVE_INFINITY) return wantedAt;
    return Math.min(this.retryAt, Math.max(wantedAt, this.freshAt));
  }
}
