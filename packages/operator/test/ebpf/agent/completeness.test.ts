// Invariants:
// - Pods of which the kernel side had to leave something out are looked at again, for as long as that is so, and no others.
// - Nothing is looked at after the end.

import { expect, test } from "vitest";
import { Completeness } from "../../../src/ebpf/agent/completeness.ts";
import { ManualClock } from "../support/manual-clock.ts";

test("Pods of which something is left out are enqueued again and again, until nothing is, or the agent ends", () => {
  const clock = new ManualClock();
  let incomplete: readonly string[] = [];
  const enqueued: string[] = [];
  const completeness = new Completeness({
    incomplete: () => incomplete,
    enqueue: (uid) => void enqueued.push(uid),
    clock,
  });
  const round = (): readonly string[] => {
    clock.advance(10_000);
    return enqueued.splice(0);
  };
  expect(round()).toEqual([]);
  incomplete = ["a1", "a2"];
  expect(round()).toEqual(["a1", "a2"]);
  expect(round()).toEqual(["a1", "a2"]);
  incomplete = ["a2"];
  expect(round()).toEqual(["a2"]);
  completeness[Symbol.dispose]();
  expect(round()).toEqual([]);
  expect(clock.timers).toBe(0);
});
