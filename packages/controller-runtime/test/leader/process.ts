import type { Clock, Timer } from "../../src/clock.ts";
import { settled } from "../support/fake-clock.ts";

export interface ProcessOptions {
  /** The time of the world. */
  readonly clock: Clock;
  /** Milliseconds by which our clock is ahead. */
  readonly offset?: number;
  /** Milliseconds of our clock for each of the world. */
  readonly rate?: number;
}

/** The clock of one process, and whether the process gets to run: its clock goes on while it is stopped, as with SIGSTOP. */
export class Process implements Clock {
  readonly #clock: Clock;
  readonly #offset: number;
  readonly #rate: number;
  readonly #waiting: (() => void)[] = [];
  #stopped = false;

  constructor({ clock, offset = 0, rate = 1 }: ProcessOptions) {
    this.#clock = clock;
    this.#offset = offset;
    this.#rate = rate;
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  now(): number {
    return this.#offset + this.#clock.now() * this.#rate;
  }

  date(): Date {
    return new Date(this.#clock.date().getTime() + this.#offset);
  }

  after(delay: number, callback: () => void): Timer {
    let cancelled = false;
    // Whole microseconds: what is lost in rounding between two clocks could otherwise be waited for again and again.
    const timer = this.#clock.after(Math.ceil((Math.max(0, delay) / this.#rate) * 1_000) / 1_000, () =>
      this.run(() => {
        if (!cancelled) callback();
      }),
    );
    return {
      cancel: () => {
        cancelled = true;
        timer.cancel();
      },
    };
  }

  /** Runs what came in from outside: at once, or when the process goes on. */
  run(callback: () => void): void {
    if (this.#stopped) this.#waiting.push(callback);
    else callback();
  }

  stop(): void {
    this.#stopped = true;
  }

  /** Goes on, with what came in meanwhile first, in order; between two of them all promises settle that can. */
  async continue(): Promise<void> {
    if (!this.#stopped) return;
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      next();
      await settled();
    }
    this.#stopped = false;
  }
}
