/**
 * Workers are real, time is the test's.
 *
 * Invariants:
 * - the first worker starts with the first task; another one when tasks wait, or are behind one that is stuck; never more
 *   than allowed;
 * - a worker that is done with one task is stuck with the next when that takes long, whenever it was looked at;
 * - workers that have been idle for the timeout end, all but those that are to stay;
 * - a task is late by its own time, not by that of those before it.
 */
import { afterEach, describe, expect, test } from "vitest";
import type { Clock } from "../src/clock.ts";
import { Engine } from "../src/engine.ts";
import { EngineClosedError, type Template } from "../src/index.ts";

/** Time that stands until a test moves it. */
class TestClock implements Clock {
  #now = 0;
  readonly #timers = new Map<symbol, { readonly at: number; readonly callback: () => void }>();

  now(): number {
    return this.#now;
  }

  after(milliseconds: number, callback: () => void): () => void {
    const timer = Symbol("timer");
    this.#timers.set(timer, { at: this.#now + milliseconds, callback });
    return () => this.#timers.delete(timer);
  }

  soon(callback: () => void): void {
    setImmediate(callback);
  }

  advance(milliseconds: number): void {
    this.#now += milliseconds;
    for (const [timer, { at, callback }] of [...this.#timers]) {
      if (at <= this.#now && this.#timers.delete(timer)) callback();
    }
  }
}

/** One that does not wait for messages that have arrived: what it is asked to do soon comes before them. */
class HastyClock extends TestClock {
  override soon(callback: () => void): void {
    callback();
  }
}

/** Moves time step by step until it is so. */
const until = async (clock: TestClock, condition: () => boolean, step = 10): Promise<void> => {
  const deadline = performance.now() + 30_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error("it did not come to that");
    clock.advance(step);
    await new Promise((resolve) => setImmediate(resolve));
  }
};

const ENDLESS = "{{ range 100000000000 }}{{ end }}";
const NEVER = 1_000_000_000;

let engine: Engine | undefined;
afterEach(() => engine?.close());

const start = (options: ConstructorParameters<typeof Engine>[0], clock = new TestClock()) => {
  engine = new Engine({ deadline: NEVER, ...options }, clock);
  return { clock, engine };
};

/** What ends with the engine. */
const endlessly = (endless: Template): void => {
  endless.render({}).catch((error: unknown) => {
    if (!(error instanceof EngineClosedError)) throw error;
  });
};

describe("workers", () => {
  test("there is none before there is something to do, and one for a few tasks", async () => {
    const { engine } = start({ maxWorkers: 4 });
    expect(engine.workers).toBe(0);
    const template = await engine.compile("{{ .n }}");
    await Promise.all(Array.from({ length: 8 }, (_, n) => template.render({ n })));
    expect(engine.workers).toBe(1);
  });

  test("each one that is stuck brings another, up to the most allowed", async () => {
    const { clock, engine } = start({ maxWorkers: 3 });
    const template = await engine.compile("{{ .n }}");
    const endless = await engine.compile(ENDLESS);
    endlessly(endless);
    endlessly(endless);
    // Behind them: the first worker is stuck with the one, and the second with the other.
    const outputs = Promise.all(Array.from({ length: 20 }, (_, n) => template.render({ n })));
    expect(await withTime(clock, outputs)).toHaveLength(20);
    expect(engine.workers).toBe(3);
    endlessly(endless);
    endlessly(endless);
    clock.advance(1_000);
    await new Promise((resolve) => setImmediate(resolve));
    // One that is being replaced does not count.
    expect(engine.workers).toBeLessThanOrEqual(3);
  });

  test("one that begins the next task while it is looked at is looked at again", async () => {
    const clock = new HastyClock();
    const { engine } = start({ maxWorkers: 2 }, clock);
    const template = await engine.compile("{{ .n }}");
    const endless = await engine.compile(ENDLESS);
    const first = template.render({ n: 1 });
    endlessly(endless);
    // Long enough for the worker to be done with the first and in the second, of which this thread hears later.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
    clock.advance(10);
    expect(await first).toBe("1");
    const behind = template.render({ n: 2 });
    expect(await withTime(clock, behind)).toBe("2");
    expect(engine.workers).toBe(2);
  });

  test("those that are idle end after the timeout, and one stays", async () => {
    const { clock, engine } = start({ maxWorkers: 3, idleTimeout: 5_000, deadline: 1_000 });
    const template = await engine.compile("{{ .n }}");
    const endless = await engine.compile(ENDLESS);
    const stuck = endless.render({}).catch((error: unknown) => error);
    const output = template.render({ n: 1 });
    await until(clock, () => engine.workers >= 2, 5);
    expect(await withTime(clock, output, 0)).toBe("1");
    expect(await withTime(clock, stuck)).toMatchObject({ reason: "deadline" });
    await template.render({ n: 2 });
    clock.advance(4_999);
    expect(engine.workers).toBeGreaterThanOrEqual(1);
    clock.advance(5_000);
    expect(engine.workers).toBe(1);
    clock.advance(50_000);
    expect(engine.workers).toBe(1);
    expect(await template.render({ n: 3 })).toBe("3");
  });

  test("none stays where none is to stay, and one starts again when it is needed", async () => {
    const { clock, engine } = start({ minWorkers: 0, idleTimeout: 5_000 });
    const template = await engine.compile("{{ .n }}");
    clock.advance(5_000);
    expect(engine.workers).toBe(0);
    expect(await template.render({ n: 1 })).toBe("1");
    expect(engine.workers).toBe(1);
  });

  test("one whose memory has grown is replaced", async () => {
    const { engine } = start({ maxWorkers: 1, minWorkers: 0 });
    const large = await engine.compile(
      '{{ $a := repeat 16000000 "x" }}{{ $b := repeat 16000000 "y" }}{{ len $a }}{{ len $b }}',
    );
    expect(await large.render({})).toBe("1600000016000000");
    expect(engine.workers).toBe(0);
    expect(await large.render({})).toBe("1600000016000000");
  });
});

/** Moves time on while something is waited for. */
const withTime = async <T>(clock: TestClock, promise: Promise<T>, step = 10): Promise<T> => {
  let done = false;
  const finished = promise.finally(() => {
    done = true;
  });
  // Where it does not come to that, the end of the engine is no second failure.
  finished.catch(() => {});
  await until(clock, () => done, step);
  return finished;
};

test("a task is late by its own time, not by that of those before it", async () => {
  const { clock, engine } = start({ maxWorkers: 1, deadline: 100 });
  const endless = await engine.compile(ENDLESS);
  const quick = await engine.compile("{{ .n }}");
  const first = endless.render({}).catch((error: unknown) => error);
  const second = endless.render({}).catch((error: unknown) => error);
  const third = quick.render({ n: 3 });
  expect(await withTime(clock, first, 1)).toMatchObject({ reason: "deadline" });
  expect(await withTime(clock, second, 1)).toMatchObject({ reason: "deadline" });
  expect(await withTime(clock, third, 0)).toBe("3");
});
