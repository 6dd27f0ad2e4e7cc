/*
 * Invariants
 * - The signal aborts when nothing has been heard for `silence`, not sooner and not later.
 * - It aborts with its parent, and leaves neither timer nor listener behind.
 */
import { describe, expect, test } from "vitest";
import { Liveness, SilentError } from "../../src/cache/liveness.ts";
import { FakeClock } from "../support/fake-clock.ts";

const listen = (clock: FakeClock, parent = new AbortController()) => ({
  parent,
  life: new Liveness({ clock, silence: 1_000, parent: parent.signal }),
});

describe("Liveness", () => {
  test("aborts when nothing was heard for so long", () => {
    const clock = new FakeClock();
    const { life } = listen(clock);
    clock.advance(999);
    expect(life.signal.aborted).toBe(false);
    clock.advance(1);
    expect(life.signal.reason).toBeInstanceOf(SilentError);
  });

  test("counts from the last sign of life", () => {
    const clock = new FakeClock();
    const { life } = listen(clock);
    clock.advance(600);
    life.touch();
    clock.advance(999);
    expect(life.signal.aborted).toBe(false);
    clock.advance(1);
    expect(life.signal.aborted).toBe(true);
  });

  test("sets one timer however often it is touched", () => {
    const clock = new FakeClock();
    const { life } = listen(clock);
    for (let i = 0; i < 100; i++) {
      clock.advance(10);
      life.touch();
    }
    expect(clock.timers).toBe(1);
    expect(life.signal.aborted).toBe(false);
  });

  test("aborts with its parent, for its reason", () => {
    const { life, parent } = listen(new FakeClock());
    parent.abort("over");
    expect(life.signal.reason).toBe("over");
    expect(listen(new FakeClock(), parent).life.signal.reason).toBe("over");
  });

  test("leaves nothing behind when disposed of", () => {
    const clock = new FakeClock();
    const { life, parent } = listen(clock);
    life[Symbol.dispose]();
    expect(clock.timers).toBe(0);
    parent.abort();
    expect(life.signal.aborted).toBe(false);
  });
});
