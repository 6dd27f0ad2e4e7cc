/**
 * The queue against a model that is too simple to be wrong, over any sequence of operations and times:
 *
 * - It has a key to hand out exactly when the model has one, and the item says what the model says.
 * - The key is due, is not being processed, and is the first of its flow at its priority.
 * - Its counts agree with the model's after each operation.
 * - Once all is done and calm has come, it knows no key and has set no timer.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { type FakeClock, settled } from "../support/fake-clock.ts";
import { QueueModel } from "./model.ts";
import { drain, newQueue } from "./rig.ts";

const keys = ["a/1", "a/2", "a/3", "b/1", "b/2", "cluster-scoped"];
const anyKey = fc.constantFrom(...keys);

const operation = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant("add" as const),
      key: anyKey,
      options: fc.record({
        priority: fc.constantFrom(0, 0, -100, 50),
        after: fc.constantFrom(0, 0, 0, 30, 1_000),
        rateLimited: fc.constantFrom(false, false, true),
      }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("get" as const) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("done" as const), which: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("forget" as const), key: anyKey }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant("advance" as const), ms: fc.constantFrom(1, 10, 60, 500, 2_000, 40_000) }),
  },
);

type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

/** A queue and its model, on one clock. */
class Pair {
  readonly #model = new QueueModel();
  readonly #clock: FakeClock;
  readonly #queue: ReturnType<typeof newQueue>["queue"];

  constructor() {
    const { queue, clock } = newQueue();
    this.#queue = queue;
    this.#clock = clock;
  }

  run(step: Operation): void {
    const now = this.#clock.now();
    switch (step.kind) {
      case "add":
        this.#queue.add(step.key, step.options);
        this.#model.add(step.key, now, step.options);
        break;
      case "get":
        this.#get();
        break;
      case "done":
        this.#done(step.which);
        break;
      case "forget":
        this.#queue.forget(step.key);
        this.#model.forget(step.key, now);
        break;
      case "advance":
        for (let ms = 0; ms < step.ms; ms += 1) this.#tick();
        break;
    }
    // The model forgets idle keys when it looks at the time.
    this.#model.advance(this.#clock.now());
    this.#compare();
  }

  /** Finishes everything and waits for calm. */
  async end(): Promise<void> {
    for (const key of this.#model.processing) this.#queue.done(key);
    for (let i = 0; i < 3; i += 1) {
      this.#clock.advance(200_000);
      drain(this.#queue);
    }
    expect({ tracked: this.#queue.tracked, timers: this.#clock.timers }).toEqual({ tracked: 0, timers: 0 });
  }

  #get(): void {
    const ready = this.#model.ready;
    const item = this.#queue.tryGet();
    if (item === undefined) {
      expect(ready).toEqual([]);
      return;
    }
    expect(ready).toContain(item.key);
    expect(this.#model.isFirstOfItsFlow(item.key)).toBe(true);
    expect(item).toEqual(this.#model.take(item.key, this.#clock.now()));
  }

  #done(which: number): void {
    const { processing } = this.#model;
    const key = processing[which % processing.length];
    if (key === undefined) return;
    this.#queue.done(key);
    this.#model.done(key, this.#clock.now());
  }

  #tick(): void {
    this.#clock.advance(1);
    this.#model.advance(this.#clock.now());
  }

  #compare(): void {
    const { length, processing, tracked } = this.#queue;
    const attempts = keys.map((key) => this.#queue.attempts(key));
    expect({ length, processing, tracked, attempts }).toEqual({
      length: this.#model.ready.length,
      processing: this.#model.processing.length,
      tracked: this.#model.tracked,
      attempts: keys.map((key) => this.#model.attempts(key)),
    });
  }
}

test("the queue does what the model does", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { maxLength: 80 }), async (steps) => {
      const pair = new Pair();
      for (const step of steps) pair.run(step);
      await pair.end();
    }),
    { numRuns: 300 },
  );
});

test("a key is with one worker at a time and none is lost, whatever the workers and the adds do", async () => {
  const setting = fc.record({
    workers: fc.integer({ min: 1, max: 5 }),
    adds: fc.array(fc.record({ key: anyKey, pause: fc.nat(20), after: fc.constantFrom(0, 0, 15) }), { maxLength: 60 }),
    works: fc.array(fc.nat(30), { minLength: 1, maxLength: 10 }),
  });
  await fc.assert(
    fc.asyncProperty(setting, async ({ workers, adds, works }) => {
      const { queue, clock } = newQueue();
      const current = new Set<string>();
      /** Adds of each key that no try has begun after. */
      const unseen = new Set<string>();
      let tries = 0;
      const work = async (): Promise<void> => {
        for (let item = await queue.get(); item !== undefined; item = await queue.get()) {
          expect(current.has(item.key)).toBe(false);
          current.add(item.key);
          unseen.delete(item.key);
          const ms = works[tries++ % works.length] ?? 0;
          await new Promise<void>((resolve) => clock.after(ms, resolve));
          current.delete(item.key);
          queue.done(item.key);
        }
      };
      const all = Array.from({ length: workers }, work);
      for (const { key, pause, after } of adds) {
        queue.add(key, { after });
        unseen.add(key);
        await clock.advanceAndSettle(pause);
      }
      await clock.advanceAndSettle(10_000);
      expect([...unseen]).toEqual([]);
      await queue.shutDown();
      await Promise.all(all);
      await settled();
      expect([queue.tracked, clock.timers]).toEqual([0, 0]);
    }),
    { numRuns: 50 },
  );
});
