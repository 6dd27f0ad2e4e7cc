import type { Random } from "../../src/clock.ts";

/** A random source that gives the same numbers for the same seed: a linear congruential generator, good enough for jitter. */
export const seededRandom = (seed: number): Random => {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
};
