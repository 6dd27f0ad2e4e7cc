/*
 * Invariants of the readings that metrics show:
 * - A Pod is read when it is first followed, and then at the multiples of its interval; between two readings the last one stands.
 * - Pods of one interval are read together, and nothing else is read then.
 * - What is forgotten is shown no more; a reading that fails leaves what was read before.
 * - How late readings are is told of the Pod that is most overdue; nothing is late that was read in time.
 * - Nothing is read, and no timer is set, where no Pod is followed.
 */
import { silentLogger } from "@pcmc/controller-runtime";
import fc from "fast-check";
import { beforeEach, expect, test } from "vitest";
import { Meter } from "../../../src/ebpf/agent/meter.ts";
import type { PodReading } from "../../../src/ebpf/outcome.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { reading } from "./support.ts";

let clock: ManualClock;
let reads: number;
let asked: ReadonlySet<string>[];
let fails: boolean;
let meter: Meter;

/** The pid of a reading is the time at which it was read. */
const readAll = (uids: ReadonlySet<string>): readonly PodReading[] => {
  reads += 1;
  asked.push(uids);
  if (fails) throw new Error("no permission any more");
  return ["a", "b"].map((name) => reading(name, { pid: clock.now() }));
};

beforeEach(() => {
  clock = new ManualClock();
  reads = 0;
  asked = [];
  fails = false;
  meter = new Meter({ read: readAll, clock, log: silentLogger });
});

const shown = () => Object.fromEntries([...meter.readings()].map(({ name, pid }) => [name, pid]));

test("a Pod is read at once, and then in its interval", () => {
  meter.follow("uid-of-a", 30_000);
  clock.advance(0);
  expect(shown()).toEqual({ a: 0 });
  clock.advance(29_999);
  expect([shown(), reads]).toEqual([{ a: 0 }, 1]);
  clock.advance(1);
  expect([shown(), reads]).toEqual([{ a: 30_000 }, 2]);
});

test("each Pod has its own interval", () => {
  meter.follow("uid-of-a", 1_000);
  meter.follow("uid-of-b", 10_000);
  clock.advance(9_500);
  expect(shown()).toEqual({ a: 9_000, b: 0 });
  clock.advance(500);
  expect(shown()).toEqual({ a: 10_000, b: 10_000 });
});

test("Pods of one interval are read together, whenever each of them came", () => {
  meter.follow("uid-of-a", 1_000);
  clock.advance(300);
  meter.follow("uid-of-b", 1_000);
  clock.advance(0);
  expect(reads).toBe(2);
  clock.advance(4_700);
  expect(reads).toBe(7);
});

test("only Pods that are due are read", () => {
  meter.follow("uid-of-a", 1_000);
  meter.follow("uid-of-b", 2_000);
  clock.advance(0);
  clock.advance(2_000);
  expect(asked.map((uids) => [...uids].sort())).toEqual([
    ["uid-of-a", "uid-of-b"],
    ["uid-of-a"],
    ["uid-of-a", "uid-of-b"],
  ]);
});

test("following a Pod again with the same interval changes nothing; with a shorter one it is read sooner", () => {
  meter.follow("uid-of-a", 30_000);
  clock.advance(10_000);
  meter.follow("uid-of-a", 30_000);
  clock.advance(0);
  expect(reads).toBe(1);
  meter.follow("uid-of-a", 2_000);
  clock.advance(2_000);
  expect(shown()).toEqual({ a: 12_000 });
});

test("a Pod that is forgotten is shown no more", () => {
  meter.follow("uid-of-a", 1_000);
  clock.advance(0);
  meter.forget("uid-of-a");
  expect(shown()).toEqual({});
  clock.advance(60_000);
  expect([reads, clock.timers]).toEqual([1, 0]);
});

test("a reading that fails leaves what was read before, and is tried again", () => {
  meter.follow("uid-of-a", 1_000);
  clock.advance(0);
  fails = true;
  clock.advance(1_500);
  expect(shown()).toEqual({ a: 0 });
  fails = false;
  clock.advance(500);
  expect(shown()).toEqual({ a: 2_000 });
});

test("a reading that fails is late by what is over its interval, until one succeeds", () => {
  expect(meter.lateness).toBe(0);
  meter.follow("uid-of-a", 1_000);
  clock.advance(0);
  clock.advance(3_000);
  expect(meter.lateness).toBe(0);
  fails = true;
  clock.advance(4_500);
  expect(meter.lateness).toBe(3_500);
  fails = false;
  clock.advance(500);
  expect(meter.lateness).toBe(0);
});

test("of a Pod that could never be read the lateness counts from when it was followed, and ends with the Pod", () => {
  fails = true;
  meter.follow("uid-of-a", 1_000);
  clock.advance(5_000);
  expect(meter.lateness).toBe(4_000);
  meter.forget("uid-of-a");
  expect(meter.lateness).toBe(0);
});

test("nothing rings once it is disposed of", () => {
  meter.follow("uid-of-a", 1_000);
  meter[Symbol.dispose]();
  expect([shown(), clock.timers]).toEqual([{}, 0]);
});

test("whatever is followed and forgotten, no value shown is older than its interval", () => {
  const step = fc.oneof(
    fc.record({ uid: fc.constantFrom("uid-of-a", "uid-of-b"), interval: fc.integer({ min: 1, max: 50 }) }),
    fc.record({ uid: fc.constantFrom("uid-of-a", "uid-of-b") }),
    fc.record({ wait: fc.integer({ min: 0, max: 100 }) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      clock = new ManualClock();
      using followed = new Meter({ read: readAll, clock, log: silentLogger });
      const intervals = new Map<string, number>();
      for (const each of steps) {
        if ("wait" in each) clock.advance(each.wait);
        else if ("interval" in each) {
          followed.follow(each.uid, each.interval);
          intervals.set(each.uid, each.interval);
        } else {
          followed.forget(each.uid);
          intervals.delete(each.uid);
        }
        clock.advance(0);
        const all = [...followed.readings()];
        expect(all.map(({ uid }) => uid).sort()).toEqual([...intervals.keys()].sort());
        for (const { uid, pid = 0 } of all)
          expect(clock.now() - pid).toBeLessThan(Math.max(intervals.get(uid) ?? 0, 50));
      }
    }),
  );
});
