import { type Clock, systemClock, type Timer } from "../../src/clock.ts";

/**
 * The real clock, but for the date, which a test moves on: certificates come due in seconds, while everything that is waited
 * for takes its real time.
 */
export class ShiftedClock implements Clock {
  #shift = 0;

  now(): number {
    return systemClock.now();
  }

  date(): Date {
    return new Date(Date.now() + this.#shift);
  }

  after(delay: number, callback: () => void): Timer {
    return systemClock.after(delay, callback);
  }

  shift(milliseconds: number): void {
    this.#shift += milliseconds;
  }
}
