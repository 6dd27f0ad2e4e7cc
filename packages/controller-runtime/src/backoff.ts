import type { Clock, Random } from "./clock.ts";

/** How long to wait between tries. All times in milliseconds. */
export interface BackoffOptions {
  readonly initial: number;
  /** What each delay is multiplied by for the next. */
  readonly factor: number;
  readonly cap: number;
  /** A delay d becomes a random one in [d, d * (1 + jitter)), so that many clients do not come back together. */
  readonly jitter: number;
  /** A failure this long after the last one starts at `initial` again. */
  readonly resetAfter: number;
}

/** client-go's figures for reflectors, with the reset after calm that its backoff manager has. */
export const REFLECTOR_BACKOFF: BackoffOptions = {
  initial: 200,
  factor: 2,
  cap: 30_000,
  jitter: 0.5,
  resetAfter: 120_000,
};

/** Exponential backoff with jitter that forgets its history after a calm time. */
export class Backoff {
  readonly #options: BackoffOptions;
  readonly #clock: Clock;
  readonly #random: Random;
  #delay = 0;
  #last = Number.NEGATIVE_INFINITY;

  constructor(options: BackoffOptions, clock: Clock, random: Random) {
    this.#options = options;
    this.#clock = clock;
    this.#random = random;
  }

  /** The delay before the next try, milliseconds; each call counts as one more failure. */
  next(): number {
    const { initial, factor, cap, jitter, resetAfter } = this.#options;
    const now = this.#clock.now();
    // Counted from the end of the wait before: a long delay must not count as calm.
    const calm = now - this.#last - this.#delay >= resetAfter;
    this.#delay = this.#delay === 0 || calm ? initial : Math.min(this.#delay * factor, cap);
    this.#last = now;
    return this.#delay * (1 + jitter * this.#random());
  }

  /** The next failure starts at `initial`. */
  reset(): void {
    this.#delay = 0;
  }
}
