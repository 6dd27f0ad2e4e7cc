/**
 * Who comes when, whatever is added meanwhile. With at most B priorities and K flows in each that are due at once:
 *
 * - Bound: a key with p others before it in its flow comes within `every * B * K * (p + 1)` picks.
 * - Share: in any n picks from one priority, a flow that never runs dry gets at least floor(n / K).
 * - A lower priority delays a fresh key only while fresh keys come without a break, and then by one pick in `every`.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Priority } from "../../src/queue/priority.ts";
import type { WorkQueue } from "../../src/queue/work-queue.ts";
import { drainKeys, newQueue } from "./rig.ts";
import { seededRandom } from "./seeded-random.ts";

const take = (queue: WorkQueue): string => {
  const item = queue.tryGet();
  if (item === undefined) throw new Error("the queue is empty");
  queue.done(item.key);
  return item.key;
};

/** Adds keys that nobody added before, each to one of `flows` flows at one of `bands` priorities from 0 up. */
const newcomersOf = (
  queue: WorkQueue,
  random: () => number,
): ((count: number, bands: number, flows: number) => void) => {
  let serial = 0;
  return (count, bands, flows) => {
    for (let i = 0; i < count; i += 1) {
      serial += 1;
      queue.add(`flow-${Math.floor(random() * flows)}/new-${serial}`, { priority: Math.floor(random() * bands) });
    }
  };
};

describe("priorities that age", () => {
  const setting = fc.record({
    every: fc.integer({ min: 2, max: 10 }),
    bands: fc.integer({ min: 1, max: 4 }),
    flows: fc.integer({ min: 1, max: 5 }),
    before: fc.integer({ min: 0, max: 6 }),
    earlier: fc.integer({ min: 0, max: 100 }),
    seed: fc.integer(),
  });

  test("hand out a key of the lowest priority within the bound, under an endless load of all kinds", () => {
    fc.assert(
      fc.property(setting, ({ every, bands, flows, before, earlier, seed }) => {
        const { queue } = newQueue({ every });
        const add = newcomersOf(queue, seededRandom(seed));
        for (let i = 0; i < before; i += 1) queue.add(`flow-0/before-${i}`);
        queue.add("flow-0/target");
        add(earlier, bands, flows);
        const bound = every * bands * flows * (before + 1);
        let picks = 1;
        while (take(queue) !== "flow-0/target" && picks <= bound) {
          picks += 1;
          add(2, bands, flows);
        }
        expect(picks).toBeLessThanOrEqual(bound);
      }),
    );
  });

  test("give the initial list its share of the picks under an endless fresh load", () => {
    const { queue } = newQueue({ every: 8 });
    for (let i = 0; i < 100; i += 1) queue.add(`a/bulk-${i}`, { priority: Priority.bulk });
    const picks = Array.from({ length: 80 }, (_, i) => {
      queue.add(`a/fresh-${i}`);
      queue.add(`a/fresh-too-${i}`);
      return take(queue);
    });
    expect(picks.filter((key) => key.startsWith("a/bulk"))).toHaveLength(10);
  });

  test("share that between several lower priorities", () => {
    const { queue } = newQueue({ every: 2 });
    for (let i = 0; i < 9; i += 1) for (const priority of [0, 1, 2]) queue.add(`a/${priority}-${i}`, { priority });
    const picks = Array.from({ length: 8 }, () => take(queue).slice(2, 3));
    expect(picks.join("")).toBe("20212021");
  });

  test("never let the initial list go before a fresh key that comes alone", () => {
    const { queue } = newQueue();
    for (let i = 0; i < 100; i += 1) queue.add(`a/bulk-${i}`, { priority: Priority.bulk });
    for (let i = 0; i < 50; i += 1) {
      take(queue);
      queue.add(`a/fresh-${i}`);
      expect(take(queue)).toBe(`a/fresh-${i}`);
    }
  });

  test("work with as many priorities as keys", () => {
    const { queue } = newQueue({ every: 1_000_000 });
    const priorities = Array.from({ length: 1_000 }, (_, i) => (i * 7_919) % 1_000);
    for (const priority of priorities) queue.add(`a/${priority}`, { priority });
    expect(drainKeys(queue)).toEqual(Array.from({ length: 1_000 }, (_, i) => `a/${999 - i}`));
  });
});

describe("flows", () => {
  test("take turns: a namespace with 50,000 keys does not hold up one with 5", () => {
    const { queue } = newQueue();
    for (let i = 0; i < 50_000; i += 1) queue.add(`large/${i}`);
    for (let i = 0; i < 5; i += 1) queue.add(`small/${i}`);
    const first = Array.from({ length: 10 }, () => take(queue));
    expect(first.filter((key) => key.startsWith("small/"))).toHaveLength(5);
  });

  test("gain nothing by leaving and coming back", () => {
    const { queue } = newQueue();
    for (let i = 0; i < 10; i += 1) queue.add(`steady/${i}`);
    const picks = Array.from({ length: 10 }, () => {
      queue.add("restless/1");
      return take(queue);
    });
    expect(picks.filter((key) => key === "restless/1")).toHaveLength(5);
  });

  test("can be cut as the caller likes", () => {
    const { queue } = newQueue({ flowOf: (key) => key.slice(-1) });
    for (const key of ["a/1-x", "a/2-x", "b/3-y"]) queue.add(key);
    expect(drainKeys(queue)).toEqual(["a/1-x", "b/3-y", "a/2-x"]);
  });

  test("that never run dry get their share of any stretch of picks", () => {
    const setting = fc.record({
      steady: fc.integer({ min: 1, max: 5 }),
      restless: fc.integer({ min: 0, max: 5 }),
      seed: fc.integer(),
    });
    fc.assert(
      fc.property(setting, ({ steady, restless, seed }) => {
        const { queue } = newQueue();
        const random = seededRandom(seed);
        for (let i = 0; i < 200; i += 1) for (let flow = 0; flow < steady; flow += 1) queue.add(`${flow}/${i}`);
        const picks = Array.from({ length: 200 }, (_, i) => {
          if (restless > 0 && random() < 0.7) queue.add(`${steady + Math.floor(random() * restless)}/${i}`);
          return Number(take(queue).split("/")[0]);
        });
        for (let flow = 0; flow < steady; flow += 1) expectShare(picks, flow, steady + restless);
      }),
      { numRuns: 50 },
    );
  });
});

/** In each stretch of n picks, `flow` has at least floor(n / flows). */
const expectShare = (picks: readonly number[], flow: number, flows: number): void => {
  for (let start = 0; start < picks.length; start += 1) {
    let got = 0;
    for (let end = start; end < picks.length; end += 1) {
      if (picks[end] === flow) got += 1;
      const share = Math.floor((end - start + 1) / flows);
      if (got < share) expect.fail(`flow ${flow} got ${got}, not ${share}, of picks ${start} to ${end}: ${picks}`);
    }
  }
};
