import type { Clock, Timer } from "../../src/clock.ts";

interface Pending {
  readonly at: number;
  readonly callback: () => void;
}

/** The date at `now() === 0`. */
const EPOCH = Date.UTC(2026, 0, 1);

/** A clock that stands still until a test moves it. */
export class FakeClock implements Clock {
  #now = 0;
  /** In the order in which they were set. */
  readonly #timers = new Set<Pending>();

  /** How many timers are set. */
  get timers(): number {
    return this.#timers.size;
  }

  now(): number {
    return this.#now;
  }

  date(): Date {
    return new Date(EPOCH + this.#now);
  }

  after(delay: number, callback: () => void): Timer {
    const timer = { at: this.#now + delay, callback };
    this.#timers.add(timer);
    return { cancel: () => this.#timers.delete(timer) };
  }

  /**
   * Moves time on by `ms`, calling the timers that come due on the way, in the order of their times, each at its time; those
   * that they set too. Promises that they resolve are seen by who awaits them only once the test awaits something itself.
   */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (let timer = this.#nextUntil(end); timer !== undefined; timer = this.#nextUntil(end)) {
      this.#timers.delete(timer);
      this.#now = Math.max(this.#now, timer.at);
      timer.callback();
    }
    this.#now = end;
  }

  /** As `advance`, and after each timer lets all promises settle that can, so that what waited goes on at that time. */
  async advanceAndSettle(ms: number): Promise<void> {
    const end = this.#now + ms;
    await settled();
    for (let timer = this.#nextUntil(end); timer !== undefined; timer = this.#nextUntil(end)) {
      this.advance(timer.at - this.#now);
      await settled();
    }
    this.advance(end - this.#now);
    await settled();
  }

  #nextUntil(end: number): Pending | undefined {
    let next: Pending | undefined;
    for (const timer of this.#timers) {
      if (timer.at <= end && (next === undefined || timer.at < next.at)) next = timer;
    }
    return next;
  }
}

/** Resolves when all promises have settled that can without time passing or anything arriving. */
export const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
