/*
 * Invariants
 * - A term lasts until the renew deadline after the beginning of its last renewal, however late the answer came.
 * - It ends once, by whatever comes first, and nothing brings it back.
 */
import { expect, test } from "vitest";
import { TerminalError } from "../../src/errors.ts";
import { HeldTerm, NotLeadingError } from "../../src/leader/term.ts";
import { FakeClock } from "../support/fake-clock.ts";

const begin = () => {
  const clock = new FakeClock();
  return { clock, term: new HeldTerm({ clock, renewDeadline: 4_000, start: 0, lease: "system/lock" }) };
};

test("a term is held until the deadline, and no longer", () => {
  const { clock, term } = begin();
  clock.advance(3_999);
  expect(() => term.assertHeld()).not.toThrow();
  expect(term.signal.aborted).toBe(false);
  clock.advance(1);
  expect(term.signal.aborted).toBe(true);
  expect(() => term.assertHeld()).toThrow("lease system/lock was not renewed within 4 s");
});

test("a renewal counts from its beginning", () => {
  const { clock, term } = begin();
  clock.advance(3_000);
  term.renewed(1_000);
  clock.advance(1_999);
  expect(term.held).toBe(true);
  clock.advance(1);
  expect(term.signal.aborted).toBe(true);
});

test("a renewal that is answered after the end brings nothing back, though no timer has run", () => {
  let now = 0;
  const stopped = { now: () => now, date: () => new Date(0), after: () => ({ cancel: () => {} }) };
  const term = new HeldTerm({ clock: stopped, renewDeadline: 4_000, start: 0, lease: "system/lock" });
  now = 4_000;
  term.renewed(3_000);
  expect(term.held).toBe(false);
  expect(() => term.assertHeld()).toThrow(NotLeadingError);
  expect(term.signal.aborted).toBe(true);
});

test("the first reason is the one that counts", () => {
  const { clock, term } = begin();
  term.end(new NotLeadingError("stolen"));
  clock.advance(10_000);
  term.end(new NotLeadingError("late"));
  expect(() => term.assertHeld()).toThrow("stolen");
  expect(clock.timers).toBe(0);
});

test("what it throws is not tried again by a controller", () => {
  const { clock, term } = begin();
  term.failed(new Error("no route"));
  clock.advance(4_000);
  expect(term.signal.reason).toBeInstanceOf(TerminalError);
  expect(term.signal.reason).toMatchObject({
    type: "not_leading",
    message: expect.stringContaining("(last: no route)"),
  });
});
