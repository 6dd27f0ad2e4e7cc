import type { Clock } from "../clock.ts";

/** Where one loop sleeps until a time, or until it is woken. No timer is left when it is awake. */
export class Wakeup {
  readonly #clock: Clock;
  #wake: () => void = () => {};
  /** Until when the loop sleeps; -Infinity when it is awake. */
  #until = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Sleeps until `time`, monotonic milliseconds; Infinity = until woken. */
  async sleepUntil(time: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const delay = Math.max(0, time - this.#clock.now());
    const timer = Number.isFinite(time) ? this.#clock.after(delay, resolve) : undefined;
    this.#wake = resolve;
    this.#until = time;
    await promise;
    this.#until = Number.NEGATIVE_INFINITY;
    timer?.cancel();
  }

  /** Wakes the loop, if it sleeps. */
  wake(): void {
    this.#wake();
  }

  /** Wakes the loop if it would sleep longer than until `time`. */
  wakeBy(time: number): void {
    if (time < this.#until) this.wake();
  }
}
