// Invariants of a refreshed value:
// - while it is fresh, nothing is loaded;
// - at any time at most one load is under way, and all who asked meanwhile get its outcome;
// - a failed load leaves the value; the next ask loads again, but not before the minimum interval;
// - within the minimum interval, nothing is loaded, whatever is asked.

import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Refreshed } from "../../src/config/refreshed.ts";
import { FakeClock } from "./support.ts";

const counting = async (clock: FakeClock, options: { minInterval?: number } = {}) => {
  const state = { loads: 0, underWay: 0, most: 0, fail: false };
  const load = async () => {
    state.loads += 1;
    state.underWay += 1;
    state.most = Math.max(state.most, state.underWay);
    await Promise.resolve();
    state.underWay -= 1;
    if (state.fail) throw new Error(`load ${state.loads}`);
    const until = clock.now() + 100;
    return { value: state.loads, isFresh: () => clock.now() < until };
  };
  return { state, value: await Refreshed.start({ load, clock, ...options }) };
};

describe("a refreshed value", () => {
  test("is loaded once, at the start, while it is fresh", async () => {
    const clock = new FakeClock();
    const { state, value } = await counting(clock);
    clock.advance(99);
    expect(await value.get()).toBe(1);
    expect(state.loads).toBe(1);
  });

  test("is loaded once for all who ask at the same time", async () => {
    const clock = new FakeClock();
    const { state, value } = await counting(clock);
    const answers = await Promise.all(Array.from({ length: 50 }, () => value.reload()));
    expect(new Set(answers)).toEqual(new Set([2]));
    expect(state.loads).toBe(2);
  });

  test("survives a failed load, which all who asked for it see", async () => {
    const clock = new FakeClock();
    const { state, value } = await counting(clock);
    state.fail = true;
    const outcomes = await Promise.allSettled([value.reload(), value.reload()]);
    expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect(value.value).toBe(1);
    state.fail = false;
    expect(await value.reload()).toBe(3);
  });

  test("repeats the last failure within the minimum interval instead of loading", async () => {
    const clock = new FakeClock();
    const { state, value } = await counting(clock, { minInterval: 1000 });
    clock.advance(1000);
    state.fail = true;
    await expect(value.get()).rejects.toThrow("load 2");
    clock.advance(999);
    await expect(value.get()).rejects.toThrow("load 2");
    clock.advance(1);
    await expect(value.get()).rejects.toThrow("load 3");
  });

  test("never has two loads under way, nor two within the minimum interval", async () => {
    const steps = fc.array(
      fc.oneof(
        fc.record({ kind: fc.constant("advance" as const), by: fc.integer({ min: 0, max: 300 }) }),
        fc.record({ kind: fc.constantFrom("get" as const, "reload" as const), by: fc.integer({ min: 1, max: 5 }) }),
        fc.record({ kind: fc.constant("break" as const), by: fc.integer({ min: 0, max: 1 }) }),
      ),
      { maxLength: 40 },
    );
    await fc.assert(
      fc.asyncProperty(steps, fc.integer({ min: 0, max: 200 }), async (script, minInterval) => {
        const clock = new FakeClock();
        const { state, value } = await counting(clock, { minInterval });
        let loadedAt = clock.now();
        for (const { kind, by } of script) {
          const before = state.loads;
          if (kind === "advance") clock.advance(by);
          if (kind === "break") state.fail = by === 1;
          if (kind === "get" || kind === "reload") {
            await Promise.allSettled(Array.from({ length: by }, () => value[kind]()));
          }
          expect(state.loads - before).toBeLessThanOrEqual(1);
          if (state.loads === before) continue;
          expect(clock.now() - loadedAt).toBeGreaterThanOrEqual(minInterval);
          loadedAt = clock.now();
        }
        expect(state.most).toBe(1);
      }),
    );
  });
});
