/*
 * Whatever is recorded, goes wrong and passes:
 *
 * - Each call of `event` is, after the stop, in the count of an Event or among the dropped, and in no more than one of them.
 * - The metrics say the same.
 * - A series is written on its creation, at its first repeat and then once an interval, besides what has to be tried again.
 * - No more is remembered than the limits say; after the stop nothing, and no timer is set.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { settled } from "../support/fake-clock.ts";
import { BROKEN, type Fault, FORBIDDEN, TERMINATING } from "./fake-api.ts";
import { about, MINUTE, Rig, SECOND, sum } from "./rig.ts";

const LIMITS = { maxQueued: 2, maxSeries: 3 };

const event = fc.record({
  kind: fc.constant("event" as const),
  object: fc.constantFrom("a", "a", "b", "c"),
  reason: fc.constantFrom("One", "Two"),
  times: fc.constantFrom(1, 1, 1, 2, 7),
  isAwaited: fc.boolean(),
});
const pass = fc.record({
  kind: fc.constant("pass" as const),
  time: fc.constantFrom(0, SECOND, 40 * SECOND, MINUTE, 5 * MINUTE, 6 * MINUTE, 7 * MINUTE),
});
const expire = fc.record({ kind: fc.constant("expire" as const) });
const faultsOf = (...faults: readonly Fault[]) =>
  fc.record({ kind: fc.constant("fault" as const), fault: fc.constantFrom(...faults) });

type Step = fc.Arbitrary<
  | { kind: "event"; object: string; reason: string; times: number; isAwaited: boolean }
  | { kind: "pass"; time: number }
  | { kind: "expire" }
  | { kind: "fault"; fault: Fault }
>;

const stories = (fault: Step): Step =>
  fc.oneof(
    { weight: 8, arbitrary: event },
    { weight: 5, arbitrary: pass },
    { weight: 1, arbitrary: expire },
    { weight: 3, arbitrary: fault },
  );

/** @returns how often `event` was called. */
const tell = async (rig: Rig, steps: readonly (Step extends fc.Arbitrary<infer S> ? S : never)[]): Promise<number> => {
  let calls = 0;
  for (const step of steps) {
    switch (step.kind) {
      case "event":
        calls += step.times;
        for (let time = 0; time < step.times; time += 1)
          rig.recorder.event(about(step.object, { reason: step.reason }));
        if (step.isAwaited) await settled();
        break;
      case "pass":
        await rig.pass(step.time);
        // A request that is slow is so until now.
        rig.api.release();
        await rig.pass(0);
        break;
      case "expire":
        rig.api.expireAll();
        break;
      case "fault":
        rig.api.script.push(step.fault);
        break;
    }
    // Those that are retired while they wait come on top, one for each that waits.
    expect(rig.recorder.size).toBeLessThanOrEqual(LIMITS.maxSeries + LIMITS.maxQueued + 1);
  }
  return calls;
};

const checkCounts = async (rig: Rig, calls: number): Promise<void> => {
  const written = sum(rig.api.highest.values());
  const recorded = sum(Object.values(await rig.values("recorded")));
  const dropped = sum(Object.values(await rig.values("dropped")));
  expect({ written: recorded, calls: recorded + dropped }).toEqual({ written, calls });
  expect({ timers: rig.clock.timers, size: rig.recorder.size }).toEqual({ timers: 0, size: 0 });
};

test("each Event is counted by the server or dropped, whatever the server refuses", async () => {
  const steps = stories(faultsOf("away", "slow", BROKEN, FORBIDDEN, TERMINATING, { code: 422, reason: "Invalid" }));
  await fc.assert(
    fc.asyncProperty(fc.array(steps, { maxLength: 80 }), async (story) => {
      const rig = new Rig(LIMITS).start();
      const calls = await tell(rig, story);
      await rig.stop();
      await checkCounts(rig, calls);
    }),
    { numRuns: 500 },
  );
});

test("each Event is counted once by a server whose answers get lost", async () => {
  const steps = stories(faultsOf("away", "slow", "lost"));
  await fc.assert(
    fc.asyncProperty(fc.array(steps, { maxLength: 60 }), async (story) => {
      const rig = new Rig(LIMITS).start();
      // Twelve in a row would be given up without anyone knowing what came of it.
      let faults = 0;
      const calls = await tell(
        rig,
        story.filter(({ kind }) => kind !== "fault" || ++faults < 12),
      );
      rig.api.script.length = 0;
      rig.api.release();
      await rig.pass(5 * MINUTE);
      await rig.stop();
      await checkCounts(rig, calls);
    }),
    { numRuns: 500 },
  );
});

test("a series costs two writes and one more an interval", async () => {
  const repeat = fc.oneof(event, pass);
  await fc.assert(
    fc.asyncProperty(fc.array(repeat, { maxLength: 80 }), async (story) => {
      const rig = new Rig().start();
      await tell(rig, story);
      const perEvent = Map.groupBy(rig.api.requests, (line) => line.split(" ")[1] ?? "");
      const intervals = Math.floor(rig.clock.now() / (5 * MINUTE));
      for (const writes of perEvent.values()) expect(writes.length).toBeLessThanOrEqual(2 + intervals);
      await rig.stop();
    }),
  );
});
