/** A pending timer. Cancelling one that has fired, or was cancelled before, does nothing. */
export interface Timer {
  cancel(): void;
}

/**
 * Time as every part of this library sees it. It is handed in, so that a test owns it.
 *
 * `now()` is monotonic: it never goes back and says nothing about the date. Use `date()` only for what leaves the
 * process (timestamps in objects and logs), never to measure.
 */
export interface Clock {
  /** Milliseconds since an arbitrary start, monotonic, with fractions. */
  now(): number;
  /** The wall clock. */
  date(): Date;
  /**
   * Calls `callback` once after `delay` milliseconds. The timer does not keep the process alive: whoever waits
   * for it holds something that does (a connection, a server).
   */
  after(delay: number, callback: () => void): Timer;
}

/** A number in [0, 1), as `Math.random`. Handed in, so that jitter is repeatable in tests. */
export type Random = () => number;

/** The real clock. */
export const systemClock: Clock = {
  now: () => performance.now(),
  date: () => new Date(),
  after: (delay, callback) => {
    // setTimeout holds 31 bits; a longer delay would fire at once.
    const handle = setTimeout(callback, Math.min(delay, 0x7fffffff));
    handle.unref();
    return { cancel: () => clearTimeout(handle) };
  },
};

/**
 * Resolves after `delay` milliseconds.
 *
 * @throws the signal's reason, at once, when `signal` aborts first.
 */
export const sleep = (clock: Clock, delay: number, signal?: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const onAbort = () => {
      timer.cancel();
      reject(signal?.reason);
    };
    const timer = clock.after(delay, () => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    });
    signal?.addEventListener("abort", onAbort, { once: true });
  });
