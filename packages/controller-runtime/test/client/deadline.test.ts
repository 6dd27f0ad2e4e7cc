// Invariants:
// - The signal aborts with whichever comes first, and stays with that reason.
// - Until somebody listens it costs no timer and no listener; its time runs all the same.
// - After it is disposed of, nothing is left on the parent or the clock, and nothing aborts it.
import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import { startDeadline } from "../../src/deadline.ts";
import { DeadlineError } from "../../src/errors.ts";
import { FakeClock } from "../support/fake-clock.ts";

describe("a deadline", () => {
  it("aborts when its time is over, and says what was late", () => {
    const clock = new FakeClock();
    const { signal } = startDeadline({ clock, milliseconds: 1_500, what: "GET /x" });
    clock.advance(1_499);
    expect(signal.aborted).toBe(false);
    clock.advance(1);
    expect(signal.reason).toBeInstanceOf(DeadlineError);
    expect(signal.reason).toMatchObject({ message: "GET /x: no result within 1.5 s" });
  });

  it("aborts with its parent, for the parent's reason", () => {
    const parent = new AbortController();
    const clock = new FakeClock();
    const { signal } = startDeadline({ clock, milliseconds: 10, what: "", parent: parent.signal });
    parent.abort("stopping");
    expect(signal.reason).toBe("stopping");
    clock.advance(10);
    expect(signal.reason).toBe("stopping");
  });

  it("can be ended from outside, with all that listens to it, once", () => {
    const clock = new FakeClock();
    using parent = startDeadline({ clock, milliseconds: Number.POSITIVE_INFINITY, what: "the client" });
    using child = startDeadline({ clock, milliseconds: 30, what: "the review", parent });
    const heard: unknown[] = [];
    child.addEventListener("abort", () => heard.push(child.reason));
    parent.end("gone");
    parent.end("gone again");
    expect(heard).toEqual(["gone"]);
    expect({ aborted: parent.aborted, reason: parent.reason, timers: clock.timers }).toEqual({
      aborted: true,
      reason: "gone",
      timers: 0,
    });
  });

  it("is not ended from outside when the work is done", () => {
    const deadline = startDeadline({ clock: new FakeClock(), milliseconds: 10, what: "" });
    deadline[Symbol.dispose]();
    deadline.end("too late");
    expect(deadline.aborted).toBe(false);
  });

  it("says how much time is left", () => {
    const clock = new FakeClock();
    using deadline = startDeadline({ clock, milliseconds: 10, what: "" });
    clock.advance(4);
    expect(deadline.timeLeft).toBe(6);
    clock.advance(7);
    expect(deadline.timeLeft).toBe(0);
  });

  it("of a deadline that ends sooner ends with that, on one timer", () => {
    const clock = new FakeClock();
    using parent = startDeadline({ clock, milliseconds: 10, what: "the reconcile" });
    using child = startDeadline({ clock, milliseconds: 30, what: "the call", parent });
    const heard: unknown[] = [];
    child.addEventListener("abort", () => heard.push(child.reason));
    expect(clock.timers).toBe(1);
    clock.advance(10);
    expect(heard).toEqual([expect.objectContaining({ message: "the reconcile: no result within 0.01 s" })]);
  });

  it("ends in its own time when its parent is done sooner", () => {
    const clock = new FakeClock();
    const parent = startDeadline({ clock, milliseconds: 10, what: "the reconcile" });
    using child = startDeadline({ clock, milliseconds: 30, what: "the call", parent });
    const heard: unknown[] = [];
    child.addEventListener("abort", () => heard.push(child.reason));
    parent[Symbol.dispose]();
    clock.advance(29);
    expect(heard).toEqual([]);
    clock.advance(1);
    expect(heard).toEqual([expect.objectContaining({ message: "the call: no result within 0.03 s" })]);
    expect(clock.timers).toBe(0);
  });

  it("keeps its own reason when the parent aborts later", () => {
    const parent = new AbortController();
    const clock = new FakeClock();
    const { signal } = startDeadline({ clock, milliseconds: 10, what: "", parent: parent.signal });
    clock.advance(10);
    parent.abort("stopping");
    expect(signal.reason).toBeInstanceOf(DeadlineError);
  });

  it("is aborted from the start when its parent is", () => {
    const { signal } = startDeadline({
      clock: new FakeClock(),
      milliseconds: 10,
      what: "",
      parent: AbortSignal.abort("stopping"),
    });
    expect(signal.reason).toBe("stopping");
  });

  it("leaves nothing behind once disposed of", () => {
    const parent = new AbortController();
    const clock = new FakeClock();
    const deadline = startDeadline({ clock, milliseconds: 10, what: "", parent: parent.signal });
    const { signal } = deadline;
    expect(clock.timers).toBe(1);
    deadline[Symbol.dispose]();
    expect(clock.timers).toBe(0);
    expect(getEventListeners(parent.signal, "abort")).toEqual([]);
    clock.advance(10);
    parent.abort();
    expect([deadline.aborted, signal.aborted]).toEqual([false, false]);
  });

  it("leaves no timer and no listener to a parent until somebody listens", () => {
    const parent = new AbortController();
    const clock = new FakeClock();
    using deadline = startDeadline({ clock, milliseconds: 10, what: "", parent: parent.signal });
    expect(clock.timers).toBe(0);
    expect(getEventListeners(parent.signal, "abort")).toEqual([]);
    clock.advance(10);
    expect(deadline.signal.reason).toBeInstanceOf(DeadlineError);
  });

  it("tells listeners once, unless they have left", () => {
    const clock = new FakeClock();
    using deadline = startDeadline({ clock, milliseconds: 10, what: "" });
    const told: string[] = [];
    const leaver = () => told.push("leaver");
    deadline.addEventListener("abort", () => told.push("stayer"));
    deadline.addEventListener("abort", leaver);
    deadline.removeEventListener("abort", leaver);
    clock.advance(10);
    clock.advance(10);
    expect(told).toEqual(["stayer"]);
  });

  it("keeps its time when the last listener leaves and another comes", () => {
    const clock = new FakeClock();
    using deadline = startDeadline({ clock, milliseconds: 10, what: "" });
    const first = () => {};
    deadline.addEventListener("abort", first);
    clock.advance(6);
    deadline.removeEventListener("abort", first);
    expect(clock.timers).toBe(0);
    let aborted = false;
    deadline.addEventListener("abort", () => {
      aborted = true;
    });
    clock.advance(4);
    expect(aborted).toBe(true);
  });

  it("leaves nothing behind when its parent was aborted before", () => {
    const clock = new FakeClock();
    const parent = AbortSignal.abort();
    startDeadline({ clock, milliseconds: 10, what: "", parent })[Symbol.dispose]();
    expect(clock.timers).toBe(0);
    expect(getEventListeners(parent, "abort")).toEqual([]);
  });
});
