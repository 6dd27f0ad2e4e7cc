/*
 * Invariants
 * - One key is never reconciled twice at a time, and never more keys than there are workers.
 * - Whatever a reconcile throws, or never settles, the controller goes on with the other keys; only a success, a
 *   TerminalError or the end makes it give a key up.
 * - `stop` lets reconciles finish, `kill` ends them, and nothing keeps `run` from resolving after that.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { sleep } from "../../src/clock.ts";
import {
  Controller,
  type ControllerObserver,
  type ControllerOptions,
  type Reconcile,
} from "../../src/controller/controller.ts";
import type { Watch } from "../../src/controller/watch.ts";
import { apiError, ConnectionError, TerminalError } from "../../src/errors.ts";
import type { KeyString } from "../../src/object.ts";
import { Priority } from "../../src/queue/priority.ts";
import { FakeClock, settled } from "../support/fake-clock.ts";
import { recordedLog } from "../support/recorded-log.ts";
import { refusal } from "../support/scripted-api.ts";

class Rig {
  readonly clock = new FakeClock();
  readonly log = recordedLog();
  readonly stop = new AbortController();
  readonly kill = new AbortController();
  readonly results: string[] = [];
  readonly controller: Controller;
  readonly done: Promise<void>;
  isDone = false;

  constructor(reconcile: Reconcile, options: Partial<ControllerOptions> = {}) {
    const observer: ControllerObserver = {
      onStart: () => {},
      onReconcileStart: () => {},
      onReconcile: ({ key, outcome, errorType }) =>
        this.results.push([key, outcome, ...(errorType === undefined ? [] : [errorType])].join(" ")),
    };
    const { clock, log } = this;
    const random = () => 0;
    this.controller = new Controller({
      name: "test",
      watches: [],
      reconcile,
      clock,
      random,
      log,
      observer,
      ...options,
    });
    this.done = this.controller.run({ stop: this.stop.signal, kill: this.kill.signal });
    void this.done.then(
      () => (this.isDone = true),
      () => {},
    );
  }

  async add(...keys: KeyString[]): Promise<void> {
    for (const key of keys) this.controller.enqueue(key);
    await settled();
  }

  async end(): Promise<void> {
    this.stop.abort(new Error("the test is over"));
    await settled();
    expect(this.isDone).toBe(true);
    expect(this.clock.timers).toBe(0);
  }
}

/** Fails so often, then works. */
const failing = (times: number, error: unknown, tried: number[] = []): Reconcile => {
  return (_key, { attempts }) => {
    tried.push(attempts);
    if (times-- > 0) throw error;
    return undefined;
  };
};

describe("workers", () => {
  test("take one key at a time each, and never one key twice at a time", async () => {
    const operation = fc.record({ key: fc.constantFrom("a", "b", "c", "d"), pause: fc.constantFrom(0, 0, 1, 5, 50) });
    await fc.assert(
      fc.asyncProperty(
        fc.array(operation, { maxLength: 30 }),
        fc.integer({ min: 1, max: 3 }),
        async (operations, workers) => {
          const active = new Map<KeyString, number>();
          const asked = new Map<KeyString, number>();
          const seen = new Map<KeyString, number>();
          let most = 0;
          const reconcile: Reconcile = async (key, { signal }) => {
            expect(active.has(key)).toBe(false);
            active.set(key, 1);
            most = Math.max(most, active.size);
            seen.set(key, asked.get(key) ?? 0);
            await sleep(rig.clock, 10, signal);
            active.delete(key);
            if (asked.get(key) === 1) throw new Error("once");
            return undefined;
          };
          const rig = new Rig(reconcile, { workers });
          for (const { key, pause } of operations) {
            asked.set(key, (asked.get(key) ?? 0) + 1);
            rig.controller.enqueue(key);
            await rig.clock.advanceAndSettle(pause);
          }
          await rig.clock.advanceAndSettle(60_000);
          expect(most).toBeLessThanOrEqual(workers);
          // The last look at each key came after the last time that it was asked for.
          expect(seen).toEqual(asked);
          await rig.end();
        },
      ),
      { numRuns: 100 },
    );
  });

  test("are all at work when there is work for all", async () => {
    let active = 0;
    const rig = new Rig(
      async (_key, { signal }) => {
        active++;
        await sleep(rig.clock, 10, signal);
        active--;
        return undefined;
      },
      { workers: 3 },
    );
    await rig.add("a", "b", "c", "d", "e");
    expect(active).toBe(3);
    await rig.clock.advanceAndSettle(20);
    expect(rig.results).toHaveLength(5);
    await rig.end();
  });
});

describe("a reconcile that fails", () => {
  test("is tried again with backoff, and knows how often", async () => {
    const tried: number[] = [];
    const rig = new Rig(failing(3, refusal(500, "InternalError"), tried));
    await rig.add("a");
    await rig.clock.advanceAndSettle(10_000);
    expect(tried).toEqual([0, 1, 2, 3]);
    expect(rig.results).toEqual([...Array.from({ length: 3 }, () => "a error internal_error"), "a success"]);
    expect(rig.log.of("warning")).toHaveLength(3);
    await rig.end();
  });

  test("waits as long as the server asks to be left alone", async () => {
    const status = { code: 429, reason: "TooManyRequests" };
    const rig = new Rig(failing(1, apiError({ status, request: "PUT /", retryAfter: 7_000 })));
    await rig.add("a");
    await rig.clock.advanceAndSettle(6_999);
    expect(rig.results).toEqual(["a error too_many_requests"]);
    await rig.clock.advanceAndSettle(1);
    expect(rig.results).toHaveLength(2);
    await rig.end();
  });

  test("by a TerminalError waits for a change", async () => {
    const rig = new Rig(failing(1, new TerminalError("no such template", { type: "template" })));
    await rig.add("a");
    await rig.clock.advanceAndSettle(600_000);
    expect(rig.results).toEqual(["a terminal_error template"]);
    await rig.add("a");
    expect(rig.results.at(-1)).toBe("a success");
    await rig.end();
  });

  test("by a conflict is tried again without a word above debug", async () => {
    const rig = new Rig(failing(1, refusal(409, "Conflict")));
    await rig.add("a");
    await rig.clock.advanceAndSettle(1_000);
    expect(rig.results).toEqual(["a error conflict", "a success"]);
    expect(rig.log.lines.filter(({ level }) => level === "error" || level === "warning")).toEqual([]);
    await rig.end();
  });

  test.each([
    ["an Error that nobody meant to throw", new TypeError("x is undefined")],
    ["something that is no Error", "oops"],
    ["nothing at all", undefined],
  ])("by %s counts as a panic, and touches no other key", async (_what, thrown) => {
    const rig = new Rig((key) => {
      if (key === "a") throw thrown;
      return undefined;
    });
    await rig.add("a", "b");
    expect(rig.results).toEqual(["a error panic", "b success"]);
    expect(rig.log.of("error")).toEqual(["reconcile threw"]);
    await rig.end();
  });

  test("because its answer makes no sense is tried again", async () => {
    const rig = new Rig(() => ({ requeueAfter: Number.NaN }));
    await rig.add("a");
    expect(rig.results).toEqual(["a error panic"]);
    await rig.end();
  });

  test("for too long has its signal aborted, and counts as a timeout however it words that", async () => {
    const rig = new Rig(
      async (_key, { signal }) => {
        await sleep(rig.clock, 60_000, signal).catch((cause: unknown) => {
          throw new ConnectionError("GET /", { cause, sent: true });
        });
        return undefined;
      },
      { timeout: 5_000 },
    );
    await rig.add("a");
    await rig.clock.advanceAndSettle(4_999);
    expect(rig.results).toEqual([]);
    await rig.clock.advanceAndSettle(1);
    expect(rig.results).toEqual(["a error timeout"]);
    await rig.end();
  });
});

test("requeueAfter has the key looked at again then, and not sooner", async () => {
  let looks = 0;
  const rig = new Rig(() => (++looks < 3 ? { requeueAfter: 1_000 } : undefined));
  await rig.add("a");
  await rig.clock.advanceAndSettle(999);
  expect(looks).toBe(1);
  await rig.clock.advanceAndSettle(60_000);
  expect(rig.results).toEqual(["a requeue_after", "a requeue_after", "a success"]);
  await rig.end();
});

test("a resync looks at all keys once a period, after what is fresh", async () => {
  const order: KeyString[] = [];
  const rig = new Rig(
    (key) => {
      order.push(key);
      return undefined;
    },
    { resync: { period: 1_000, keys: () => ["x", "y"] } },
  );
  await rig.clock.advanceAndSettle(999);
  expect(order).toEqual([]);
  rig.clock.advance(1);
  await rig.add("fresh");
  expect(order).toEqual(["fresh", "x", "y"]);
  await rig.clock.advanceAndSettle(1_000);
  expect(order).toHaveLength(5);
  await rig.end();
});

describe("watches", () => {
  const source = () => {
    const ready = Promise.withResolvers<void>();
    const state = { enqueue: (_key: KeyString, _priority: number) => {}, ended: false, ready };
    const watch: Watch = {
      start: (enqueue) => {
        state.enqueue = enqueue;
        return () => {
          state.ended = true;
        };
      },
      ready: (signal) =>
        Promise.race([
          ready.promise,
          new Promise<void>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
        ]),
    };
    return { watch, state };
  };

  test("that are not ready hold up the reconciles, and what they told is not lost", async () => {
    const [one, two] = [source(), source()];
    const rig = new Rig(() => undefined, { watches: [one.watch, two.watch] });
    one.state.enqueue("a", Priority.fresh);
    one.state.ready.resolve();
    await settled();
    expect(rig.results).toEqual([]);
    two.state.ready.resolve();
    await settled();
    expect(rig.results).toEqual(["a success"]);
    await rig.end();
    expect([one.state.ended, two.state.ended]).toEqual([true, true]);
  });

  test.each(["stop", "kill"] as const)("that never become ready do not hold up a %s", async (signal) => {
    const { watch, state } = source();
    const rig = new Rig(() => undefined, { watches: [watch] });
    rig[signal].abort(new Error("enough"));
    await settled();
    expect([rig.isDone, state.ended]).toEqual([true, true]);
  });
});

describe("an end", () => {
  const slow =
    (rig: () => Rig): Reconcile =>
    async (_key, { signal }) => {
      await sleep(rig().clock, 1_000, signal);
      return undefined;
    };

  test("by stop lets reconciles finish, and drops what waits", async () => {
    const rig: Rig = new Rig(slow(() => rig));
    await rig.add("a", "b");
    rig.stop.abort();
    await rig.clock.advanceAndSettle(999);
    expect(rig.isDone).toBe(false);
    await rig.clock.advanceAndSettle(1);
    expect(rig.isDone).toBe(true);
    expect(rig.results).toEqual(["a success"]);
  });

  test("by kill aborts reconciles, and counts them neither as panics nor as timeouts", async () => {
    const rig: Rig = new Rig(slow(() => rig));
    await rig.add("a", "b");
    rig.stop.abort();
    rig.kill.abort(new Error("the process stops"));
    await settled();
    expect(rig.isDone).toBe(true);
    expect(rig.results).toEqual(["a error canceled"]);
    expect(rig.log.of("error")).toEqual([]);
    expect(rig.clock.timers).toBe(0);
  });

  test("by kill alone is an end, too", async () => {
    const rig: Rig = new Rig(slow(() => rig));
    await rig.add("a", "b");
    rig.kill.abort();
    await settled();
    expect(rig.isDone).toBe(true);
  });

  test("by kill does not wait for ever for a reconcile that pays no heed to its signal", async () => {
    const rig = new Rig(() => new Promise<undefined>(() => {}));
    await rig.add("a");
    rig.stop.abort();
    rig.kill.abort();
    await rig.clock.advanceAndSettle(999);
    expect(rig.isDone).toBe(false);
    await rig.clock.advanceAndSettle(1);
    expect(rig.isDone).toBe(true);
    expect(rig.log.of("error")).toHaveLength(1);
  });
});
