/*
 * Invariant: the first signal asks to stop, the second to end at once, and disposing leaves no listener.
 */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type StopSignals, stopSignals } from "../../src/manager/signals.ts";

const NAMES = ["SIGTERM", "SIGINT"] as const;
const counts = () => NAMES.map((name) => process.listenerCount(name));

let before: number[];
let signals: StopSignals;
beforeEach(() => {
  before = counts();
  signals = stopSignals();
});
afterEach(() => {
  signals[Symbol.dispose]();
  expect(counts()).toEqual(before);
});

/** Calls the listener that was added last: a real signal would reach the test runner as well. */
const receive = (name: (typeof NAMES)[number]) => process.listeners(name).at(-1)?.(name);

describe("stopSignals", () => {
  test.each(NAMES)("asks to stop at the first %s", (name) => {
    receive(name);
    expect([signals.stop.aborted, signals.kill.aborted]).toEqual([true, false]);
  });

  test("asks to end at once at the second, of either kind", () => {
    receive("SIGTERM");
    receive("SIGINT");
    expect(String(signals.kill.reason)).toBe("Error: SIGINT for the second time");
    receive("SIGINT");
    expect(signals.kill.aborted).toBe(true);
  });
});
