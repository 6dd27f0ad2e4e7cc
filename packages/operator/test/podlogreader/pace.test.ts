/*
 * When a Role is written, with a clock of the test's own. Invariants:
 * - While the Deployment rolls, writes are 5 s apart at least, whatever happens.
 * - Otherwise a difference is written within 700 ms of its beginning, so within a second with the write itself.
 * - The end of a rollout, and what is urgent, do not wait for the 5 s.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { isRolling, Pace } from "../../src/podlogreader/pace.ts";
import { steady } from "./fixtures.ts";

const KEY = "shop/web";
const CALM = { rolling: false, urgent: false };
const ROLLING = { rolling: true, urgent: false };

/** Times of the writes, where `differs` and `state` are asked every 50 ms. */
const writesOf = (differences: readonly { readonly differs: boolean; readonly rolling: boolean }[]): number[] => {
  const pace = new Pace();
  const writes: number[] = [];
  let differs = false;
  for (const [i, step] of differences.entries()) {
    const now = i * STEP;
    differs ||= step.differs;
    if (!differs) pace.onSettled(KEY);
    if (!differs || pace.wait(KEY, { rolling: step.rolling, urgent: false }, now) > 0) continue;
    pace.onWritten(KEY, now);
    writes.push(now);
    differs = false;
  }
  return writes;
};
const STEP = 50;

test("the first difference waits a moment for its companions, rolling or not", () => {
  for (const state of [CALM, ROLLING]) {
    const pace = new Pace();
    expect(pace.wait(KEY, state, 1_000)).toBe(200);
    expect(pace.wait(KEY, state, 1_150)).toBe(50);
    expect(pace.wait(KEY, state, 1_200)).toBe(0);
  }
});

test("while a Deployment rolls, the next write is 5 s after the last", () => {
  const pace = new Pace();
  pace.onWritten(KEY, 1_000);
  expect(pace.wait(KEY, ROLLING, 1_100)).toBe(4_900);
  expect(pace.wait(KEY, ROLLING, 6_000)).toBe(0);
});

test("at the end of a rollout, what was held back is written at once", () => {
  const pace = new Pace();
  pace.onWritten(KEY, 1_000);
  pace.wait(KEY, ROLLING, 1_100);
  expect(pace.wait(KEY, CALM, 2_000)).toBe(0);
});

test("what is urgent does not wait for a rollout, nor for companions", () => {
  const pace = new Pace();
  expect(pace.wait(KEY, { rolling: true, urgent: true }, 1_000)).toBe(0);
  pace.onWritten(KEY, 1_000);
  expect(pace.wait(KEY, { rolling: true, urgent: true }, 1_500)).toBe(0);
});

test("somebody who undoes each write at once does not make it a storm", () => {
  const pace = new Pace();
  pace.onWritten(KEY, 1_000);
  expect(pace.wait(KEY, { rolling: false, urgent: true }, 1_010)).toBe(190);
});

test("a difference that goes by itself does not shorten the wait of the next", () => {
  const pace = new Pace();
  pace.wait(KEY, CALM, 1_000);
  pace.onSettled(KEY);
  expect(pace.wait(KEY, CALM, 2_000)).toBe(200);
});

test("a Deployment of the same name starts anew", () => {
  const pace = new Pace();
  pace.onWritten(KEY, 1_000);
  pace.forget(KEY);
  expect(pace.wait(KEY, ROLLING, 1_000)).toBe(200);
});

test("whatever happens while it rolls, writes are at least 5 s apart", () => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { maxLength: 600 }), (changes) => {
      const writes = writesOf(changes.map((differs) => ({ differs, rolling: true })));
      for (const [i, at] of writes.slice(1).entries()) expect(at - (writes[i] ?? 0)).toBeGreaterThanOrEqual(5_000);
    }),
  );
});

test("whatever happens while it does not roll, each difference is written within 700 ms, and 700 ms after the last", () => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { maxLength: 200 }), (changes) => {
      const calm = Array.from({ length: 20 }, () => false);
      const writes = writesOf([...changes, ...calm].map((differs) => ({ differs, rolling: false })));
      changes.forEach((differs, i) => {
        if (differs) expect(writes.some((at) => at >= i * STEP && at <= i * STEP + 700)).toBe(true);
      });
      for (const [i, at] of writes.slice(1).entries()) expect(at - (writes[i] ?? 0)).toBeGreaterThanOrEqual(700);
    }),
  );
});

test("a Deployment rolls until its controller has seen the spec and all Pods are there, updated and available", () => {
  const still = steady(3);
  expect(isRolling(still)).toBe(false);
  expect(isRolling({ ...still, metadata: { ...still.metadata, generation: 3 } })).toBe(true);
  for (const counter of ["replicas", "updatedReplicas", "availableReplicas"] as const) {
    for (const value of [2, 4, undefined]) {
      const { [counter]: _, ...status } = still.status ?? {};
      expect(isRolling({ ...still, status: { ...status, ...(value !== undefined && { [counter]: value }) } })).toBe(
        true,
      );
    }
  }
});

test("a Deployment without status rolls, and one of no replicas does not when its controller has said so", () => {
  const { status: _, ...fresh } = steady(1);
  expect(isRolling(fresh)).toBe(true);
  expect(isRolling({ ...steady(0), status: { observedGeneration: 2 } })).toBe(false);
});
