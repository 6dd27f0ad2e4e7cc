import { setTimeout as sleep } from "node:timers/promises";

/** How long to wait for something, and what to call it when it does not come. */
export interface PollOptions {
  /** Milliseconds. */
  readonly timeout: number;
  /** Ends the sentence "waited 10 s and still not: ...". */
  readonly what: string;
  /** Milliseconds between two looks. Default 50. */
  readonly interval?: number;
  readonly signal?: AbortSignal | undefined;
  /** Called before each look; throws when waiting has become pointless. */
  readonly check?: () => void;
  /** What is known of why it does not come, such as the end of a log. Asked when the time is over. */
  readonly explain?: () => string;
}

/** What whoever waits within something larger is given to wait by. */
export type PollLimits = Pick<PollOptions, "timeout" | "signal" | "check" | "explain">;

/**
 * Looks until `look` gives something other than undefined.
 *
 * @throws what `look` throws, the signal's reason, or an error that says what did not come within the time.
 */
export const poll = async <T>(look: () => Promise<T | undefined>, options: PollOptions): Promise<T> => {
  const deadline = performance.now() + options.timeout;
  for (;;) {
    options.signal?.throwIfAborted();
    options.check?.();
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > deadline) {
      const late = `waited ${options.timeout / 1000} s and still not: ${options.what}`;
      throw new Error([late, options.explain?.()].filter(Boolean).join("\n"));
    }
    await sleep(options.interval ?? 50, undefined, { signal: options.signal }).catch(() => {});
  }
};
