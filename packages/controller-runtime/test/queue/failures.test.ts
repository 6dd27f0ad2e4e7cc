/**
 * A key that fails:
 *
 * - is tried `maxRetries` times quickly, then for ever at the cap; success or calm starts it anew;
 * - is tried at once when there is news about it, yet no more than once in `freshInterval` beyond its backoff;
 * - is forgotten in the end, so that no key is remembered for ever.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { retryDelay, retryPolicy } from "../../src/queue/failures.ts";
import type { WorkQueue } from "../../src/queue/work-queue.ts";
import type { FakeClock } from "../support/fake-clock.ts";
import { drainKeys, newQueue } from "./rig.ts";
import { seededRandom } from "./seeded-random.ts";

const KEY = "a/1";

/** Takes the key, fails it, and says how long it is until it is due again. */
const failOnce = (queue: WorkQueue, clock: FakeClock): number => {
  expect(queue.tryGet()?.key).toBe(KEY);
  queue.add(KEY, { rateLimited: true });
  queue.done(KEY);
  const start = clock.now();
  while (queue.length === 0) clock.advance(1);
  return clock.now() - start;
};

const failing = (failures: number): { queue: WorkQueue; clock: FakeClock } => {
  const { queue, clock } = newQueue();
  queue.add(KEY);
  for (let i = 0; i < failures; i += 1) failOnce(queue, clock);
  queue.tryGet();
  queue.add(KEY, { rateLimited: true });
  queue.done(KEY);
  return { queue, clock };
};

describe("retries", () => {
  test("are quick five times, then at the cap for ever", () => {
    const { queue, clock } = newQueue();
    queue.add(KEY);
    const waits = Array.from({ length: 8 }, () => failOnce(queue, clock));
    expect(waits).toEqual([50, 100, 200, 400, 800, 30_000, 30_000, 30_000]);
    expect(queue.attempts(KEY)).toBe(8);
    expect(queue.tryGet()?.attempts).toBe(8);
  });

  test("are at the cap from the start with no quick tries", () => {
    const { queue, clock } = newQueue({ backoff: { maxRetries: 0, cap: 1_000 } });
    queue.add(KEY);
    expect(failOnce(queue, clock)).toBe(1_000);
  });

  test("wait at least as long as the server asked", () => {
    const { queue, clock } = newQueue();
    queue.add(KEY, { rateLimited: true, after: 5_000 });
    clock.advance(4_999);
    expect(queue.length).toBe(0);
    clock.advance(1);
    expect(queue.length).toBe(1);
  });

  test("keep the earlier of two that are planned", () => {
    const { queue, clock } = newQueue();
    queue.add(KEY);
    queue.tryGet();
    queue.add(KEY, { rateLimited: true });
    queue.add(KEY, { rateLimited: true, after: 5_000 });
    queue.done(KEY);
    clock.advance(50);
    expect(queue.tryGet()?.attempts).toBe(2);
  });

  test("lie between the nominal wait and its jitter, and never pass the jittered cap", () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 2_000 }), (seed, attempts) => {
        const nominal = retryDelay(retryPolicy({ jitter: 0 }), attempts, () => 0);
        const wait = retryDelay(retryPolicy(), attempts, seededRandom(seed));
        expect(wait).toBeGreaterThanOrEqual(nominal);
        expect(wait).toBeLessThan(nominal * 1.2);
        expect(wait).toBeLessThan(36_000);
      }),
    );
  });

  test.each([{ base: -1 }, { cap: 0 }, { maxRetries: Number.NaN }, { jitter: -0.1 }])("refuse %o", (options) => {
    expect(() => retryPolicy(options)).toThrow(RangeError);
  });
});

describe("a success", () => {
  test("starts the key anew", () => {
    const { queue, clock } = newQueue();
    queue.add(KEY);
    failOnce(queue, clock);
    queue.tryGet();
    queue.forget(KEY);
    queue.done(KEY);
    expect(queue.tracked).toBe(0);
    queue.add(KEY);
    expect(failOnce(queue, clock)).toBe(50);
  });

  test("leaves a retry that is planned in place", () => {
    const { queue, clock } = failing(0);
    queue.forget(KEY);
    expect(queue.attempts(KEY)).toBe(0);
    clock.advance(50);
    expect(drainKeys(queue)).toEqual([KEY]);
  });
});

describe("calm", () => {
  test("forgets a key that was tried again, did not fail and was never forgotten", () => {
    const { queue, clock } = failing(0);
    clock.advance(50);
    drainKeys(queue);
    clock.advance(59_999);
    expect(queue.attempts(KEY)).toBe(1);
    clock.advance(1);
    expect([queue.attempts(KEY), queue.tracked, clock.timers]).toEqual([0, 0, 0]);
  });

  test("starts a key anew that was busy all the time, but did not fail", () => {
    const { queue, clock } = failing(3);
    for (let i = 0; i < 10; i += 1) {
      clock.advance(10_000);
      drainKeys(queue);
      queue.add(KEY);
    }
    expect(failOnce(queue, clock)).toBe(50);
  });

  test("starts a key anew that was looked at again after a long time", () => {
    const { queue, clock } = failing(3);
    clock.advance(400);
    queue.tryGet();
    queue.add(KEY, { after: 300_000 });
    queue.done(KEY);
    clock.advance(300_000);
    expect(failOnce(queue, clock)).toBe(50);
  });

  test("is not a wait that the server asked for", () => {
    const { queue, clock } = newQueue();
    queue.add(KEY, { rateLimited: true, after: 600_000 });
    clock.advance(300_000);
    queue.add(KEY, { rateLimited: true });
    expect(queue.attempts(KEY)).toBe(2);
  });

  test("is not the wait of a retry, nor the time a try takes", () => {
    const { queue, clock } = failing(6);
    clock.advance(30_000);
    queue.tryGet();
    clock.advance(600_000);
    queue.add(KEY, { rateLimited: true });
    queue.done(KEY);
    expect(queue.attempts(KEY)).toBe(8);
  });

  test("is not the time a retry stands in line", () => {
    const { queue, clock } = failing(6);
    clock.advance(600_000);
    failOnce(queue, clock);
    expect(queue.attempts(KEY)).toBe(8);
  });
});

describe("news about a failing key", () => {
  test("ends the wait at once and keeps the attempts", () => {
    const { queue } = failing(6);
    queue.add(KEY);
    expect(queue.tryGet()?.attempts).toBe(7);
  });

  test("that came while it was processed counts the same", () => {
    const { queue, clock } = failing(6);
    clock.advance(30_000);
    queue.tryGet();
    queue.add(KEY);
    queue.add(KEY, { rateLimited: true });
    queue.done(KEY);
    expect(queue.length).toBe(1);
  });

  test("waits for the end of the interval when it came again within it", () => {
    const { queue, clock } = failing(6);
    queue.add(KEY);
    queue.tryGet();
    queue.add(KEY, { rateLimited: true });
    queue.done(KEY);
    queue.add(KEY);
    clock.advance(999);
    expect(queue.length).toBe(0);
    clock.advance(1);
    expect(queue.length).toBe(1);
  });

  test("is not held back once the key has succeeded", () => {
    const { queue } = failing(6);
    queue.add(KEY);
    queue.tryGet();
    queue.forget(KEY);
    queue.done(KEY);
    queue.add(KEY);
    expect(queue.length).toBe(1);
  });

  test("in a storm cannot outrun the backoff by more than a try per interval", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 50, maxLength: 400 }), (pauses) => {
        const { queue, clock } = newQueue();
        let tries = 0;
        for (const pause of pauses) {
          queue.add(KEY);
          clock.advance(pause);
          if (queue.tryGet() === undefined) continue;
          tries += 1;
          queue.add(KEY, { rateLimited: true });
          // News during the try, too.
          queue.add(KEY);
          queue.done(KEY);
        }
        const quickTries = 1 + 5;
        expect(tries).toBeLessThanOrEqual(quickTries + 2 + Math.floor(clock.now() / 1_000));
      }),
    );
  });
});
