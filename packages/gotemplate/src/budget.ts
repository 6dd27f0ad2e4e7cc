/** Of the deadline: what is left after a template has broken it, for all others together. */
const TOTAL = 2;

/** Part of the deadline that each further attempt has, so that several bad templates are each found. */
const LATER = 0.25;

/**
 * The time for several templates. When one of them breaks its worker, the others are tried again without it, so that they
 * are not blamed for it; in all, that takes at most twice the deadline, without what is parsed again.
 */
export class Budget {
  readonly total: number;
  readonly #deadline: number;
  #left: number;

  /** @param deadline milliseconds. */
  constructor(deadline: number) {
    this.#deadline = deadline;
    this.total = TOTAL * deadline;
    this.#left = this.total;
  }

  /** Milliseconds for the next attempt; 0 when nothing is left. */
  get limit(): number {
    const first = this.#left === this.total;
    return Math.max(0, Math.min(this.#left, Math.ceil(first ? this.#deadline : this.#deadline * LATER)));
  }

  /** Takes off what an attempt took, in milliseconds. */
  spend(elapsed: number): void {
    this.#left -= Math.max(1, Math.ceil(elapsed));
  }
}
