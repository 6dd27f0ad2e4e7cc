import type { Clock } from "../clock.ts";

/** A wait that can be ended early. For one waiter at a time. */
export class Alarm {
  readonly #clock: Clock;
  #wake: (() => void) | undefined;
  /** Rung while nobody waited: whoever comes next need not wait, and looks again. */
  #rung = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  ring(): void {
    if (this.#wake === undefined) this.#rung = true;
    else this.#wake();
  }

  /** Resolves after `milliseconds`, when it rings, or when `signal` aborts. */
  wait(milliseconds: number, signal: AbortSignal): Promise<void> {
    const isOver = this.#rung || signal.aborted || milliseconds <= 0;
    this.#rung = false;
    if (isOver) return Promise.resolve();
    return new Promise((resolve) => {
      const end = () => {
        timer.cancel();
        signal.removeEventListener("abort", end);
        this.#wake = undefined;
        resolve();
      };
      const timer = this.#clock.after(milliseconds, end);
      signal.addEventListener("abort", end, { once: true });
      this.#wake = end;
    });
  }
}
