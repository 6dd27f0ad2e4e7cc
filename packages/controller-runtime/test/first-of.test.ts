// Invariants: it aborts once, with the reason of the first; it leaves no listener behind.
import { getEventListeners } from "node:events";
import { expect, test } from "vitest";
import { firstOf } from "../src/first-of.ts";

test("aborts with the first of its signals, with the reason of that one", () => {
  const [a, b] = [new AbortController(), new AbortController()];
  using either = firstOf(a.signal, b.signal);
  expect(either.signal.aborted).toBe(false);
  b.abort("b");
  a.abort("a");
  expect(either.signal.reason).toBe("b");
});

test("is aborted from the beginning where one is", () => {
  using either = firstOf(new AbortController().signal, AbortSignal.abort("over"));
  expect(either.signal.reason).toBe("over");
});

test("lets go of its signals when disposed of", () => {
  const { signal } = new AbortController();
  for (let i = 0; i < 3; i++) firstOf(signal)[Symbol.dispose]();
  expect(getEventListeners(signal, "abort")).toEqual([]);
});
