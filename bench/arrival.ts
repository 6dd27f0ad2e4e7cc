import { setTimeout as sleep } from "node:timers/promises";

/** When all objects were there. */
export interface Arrival {
  /** Seconds from `started`. */
  readonly seconds: number;
  /** How much sooner it may have been: what passed since the last look that found some missing. Seconds. */
  readonly uncertainty: number;
  /** How often the server was asked. */
  readonly looks: number;
}

export interface ArrivalOptions {
  readonly wanted: number;
  /** `performance.now()` at which the clock started. */
  readonly started: number;
  count(): Promise<number>;
}

/** Milliseconds. */
const TIMEOUT = 300_000;
/** Milliseconds between two looks while nothing arrives. */
const FIRST_LOOKS = 50;
/** The share of what is missing that the next look waits for; the last come up to four times as fast as those before. */
const STEP = 0.25;
/** How exact the end is to be, and how far ahead to trust the pace so far: shares of the time that has passed. */
const EXACTNESS = 0.003;
const HORIZON = 0.1;

/**
 * Waits until `count` says that all are there.
 *
 * Each count takes CPU from those whom it is asked about. So the next comes when, at the best pace so far, a quarter of
 * what was missing should be there, but within a tenth of the time that has passed, since the pace may rise; and in the
 * end every 0.3 % of that time.
 */
export const arrival = async ({ wanted, started, count }: ArrivalOptions): Promise<Arrival> => {
  let before = { count: 0, asked: started };
  let perMilli = 0;
  for (let looks = 1; ; looks++) {
    const asked = performance.now();
    const found = await count();
    const now = performance.now();
    const elapsed = now - started;
    if (found >= wanted) return { seconds: elapsed / 1_000, uncertainty: (now - before.asked) / 1_000, looks };
    if (elapsed > TIMEOUT) throw new Error(`${found} of ${wanted} objects after ${TIMEOUT / 1_000} s`);
    perMilli = Math.max(perMilli, (found - before.count) / (asked - before.asked));
    before = { count: found, asked };
    const ahead = (STEP * (wanted - found)) / perMilli;
    await sleep(perMilli === 0 ? FIRST_LOOKS : Math.min(Math.max(ahead, elapsed * EXACTNESS), elapsed * HORIZON));
  }
};
