/*
 * Invariants:
 * - A missing status subresource is told once, until a status was written.
 * - Between two tries nobody tries; the pauses double, from a second to the slow cap of 30 s.
 */
import { type Clock, type Logger, silentLogger } from "@pcmc/controller-runtime";
import { beforeEach, expect, test } from "vitest";
import { StatusSubresource } from "../../src/controllers/status-subresource.ts";

let now: number;
let told: string[];
let subresource: StatusSubresource;

const clock: Clock = {
  now: () => now,
  date: () => new Date(now),
  after: () => ({ cancel: () => {} }),
};
const note = (message: string) => void told.push(message);
const log: Logger = { ...silentLogger, warning: note, info: note };

beforeEach(() => {
  now = 1_000_000;
  told = [];
  subresource = new StatusSubresource(clock, "things.example.com");
});

test("while statuses can be written, nobody waits and nothing is told", () => {
  expect(subresource.pause).toBe(0);
  subresource.onFound(log);
  expect(told).toEqual([]);
});

test("it is told once that it is missing and what to do, and once that it is there", () => {
  for (let tries = 0; tries < 5; tries++) subresource.onMissing(log);
  expect(told).toEqual([expect.stringContaining("things.example.com has no status subresource: apply crd/")]);
  subresource.onFound(log);
  subresource.onFound(log);
  expect(told.slice(1)).toEqual([expect.stringContaining("statuses are written")]);
  expect(subresource.pause).toBe(0);
  subresource.onMissing(log);
  expect(told).toHaveLength(3);
});

test("the pauses double up to the slow cap, and everybody waits for their end", () => {
  const pauses = Array.from({ length: 8 }, () => {
    const pause = subresource.onMissing(log);
    now += pause - 1;
    expect(subresource.pause).toBe(1);
    now += 1;
    expect(subresource.pause).toBe(0);
    return pause / 1_000;
  });
  expect(pauses).toEqual([1, 1, 2, 4, 8, 16, 30, 30]);
});
