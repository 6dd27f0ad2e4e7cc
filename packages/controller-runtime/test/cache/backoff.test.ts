/*
 * Invariants
 * - Delays grow by the factor up to the cap, each within its jitter.
 * - A calm time, counted from the end of the last delay, or a reset starts anew.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Backoff, type BackoffOptions } from "../../src/backoff.ts";
import { FakeClock } from "../support/fake-clock.ts";

const OPTIONS: BackoffOptions = { initial: 100, factor: 2, cap: 1_000, jitter: 0.5, resetAfter: 5_000 };
const backoff = (random = 0, clock = new FakeClock()) => new Backoff(OPTIONS, clock, () => random);
const next = (of: Backoff, count: number) => Array.from({ length: count }, () => of.next());

describe("Backoff", () => {
  test("doubles up to the cap", () => {
    expect(next(backoff(), 6)).toEqual([100, 200, 400, 800, 1_000, 1_000]);
  });

  test("adds at most the jitter", () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), fc.nat(10), (random, tries) => {
        const delay = next(backoff(random), tries + 1).at(-1) ?? 0;
        const plain = Math.min(100 * 2 ** tries, 1_000);
        expect(delay).toBeGreaterThanOrEqual(plain);
        expect(delay).toBeLessThanOrEqual(plain * 1.5);
      }),
    );
  });

  test("starts anew after a reset", () => {
    const tried = backoff();
    next(tried, 3);
    tried.reset();
    expect(next(tried, 2)).toEqual([100, 200]);
  });

  test("starts anew after a calm time, which begins when the delay is over", () => {
    const clock = new FakeClock();
    const tried = backoff(0, clock);
    expect(next(tried, 2)).toEqual([100, 200]);
    clock.advance(200 + 4_999);
    expect(tried.next()).toBe(400);
    clock.advance(400 + 5_000);
    expect(tried.next()).toBe(100);
  });
});
