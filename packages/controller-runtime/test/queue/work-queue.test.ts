/**
 * The queue as a worker and an event source see it:
 *
 * - A key is queued at most once, with the highest priority and the earliest time asked.
 * - A key is never handed out again before it is done; what was asked meanwhile is not lost.
 * - A higher priority comes first; a key comes no earlier than its time, and then without anybody asking.
 * - Who waits longest is served first; who aborts leaves nothing behind.
 * - After shutdown nothing is accepted, nothing waits, no timer is left, and no key is remembered.
 */
import { getEventListeners } from "node:events";
import { describe, expect, test } from "vitest";
import type { Clock } from "../../src/clock.ts";
import { Priority } from "../../src/queue/priority.ts";
import { FakeClock, settled } from "../support/fake-clock.ts";
import { drain, drainKeys, newQueue } from "./rig.ts";

describe("adding", () => {
  test("hands out keys in the order in which they were added", () => {
    const { queue } = newQueue();
    for (const key of ["a/1", "a/2", "a/3"]) queue.add(key);
    expect(drainKeys(queue)).toEqual(["a/1", "a/2", "a/3"]);
  });

  test("hands out a key once that was added twice", () => {
    const { queue } = newQueue();
    queue.add("a/1");
    queue.add("a/1");
    expect(queue.length).toBe(1);
    expect(drainKeys(queue)).toEqual(["a/1"]);
  });

  test("hands out the higher priority first, and tells it", () => {
    const { queue } = newQueue();
    queue.add("a/bulk", { priority: Priority.bulk });
    queue.add("a/fresh");
    queue.add("a/urgent", { priority: 7 });
    expect(drain(queue).map(({ key, priority }) => [key, priority])).toEqual([
      ["a/urgent", 7],
      ["a/fresh", 0],
      ["a/bulk", -100],
    ]);
  });

  test("raises the priority of a queued key, behind those that have it already", () => {
    const { queue } = newQueue();
    queue.add("a/1", { priority: Priority.bulk });
    queue.add("a/2");
    queue.add("a/1");
    expect(drainKeys(queue)).toEqual(["a/2", "a/1"]);
  });

  test("never lowers the priority of a queued key", () => {
    const { queue } = newQueue();
    queue.add("a/1", { priority: 5 });
    queue.add("a/1", { priority: Priority.bulk });
    expect(queue.tryGet()?.priority).toBe(5);
  });

  test("does not carry the priority over to the next time", () => {
    const { queue } = newQueue();
    queue.add("a/1", { priority: 5 });
    drain(queue);
    queue.add("a/1", { priority: Priority.bulk });
    expect(queue.tryGet()?.priority).toBe(Priority.bulk);
  });

  test("tells how long a key was due, not how long it was delayed", () => {
    const { queue, clock } = newQueue();
    queue.add("a/1", { after: 100 });
    clock.advance(130);
    expect(queue.tryGet()?.queuedFor).toBe(30);
  });

  test.each([{ priority: 1.5 }, { priority: Number.NaN }, { after: Number.NaN }])("refuses %o", (options) => {
    const { queue } = newQueue();
    expect(() => queue.add("a/1", options)).toThrow(RangeError);
    expect(queue.tracked).toBe(0);
  });

  test("takes an infinite delay for never", () => {
    const { queue, clock } = newQueue();
    queue.add("a/1", { after: Number.POSITIVE_INFINITY });
    expect([queue.tracked, clock.timers]).toEqual([0, 0]);
  });
});

describe("delayed keys", () => {
  test("are not handed out before their time, and are from then on", () => {
    const { queue, clock } = newQueue();
    queue.add("a/1", { after: 100 });
    clock.advance(99);
    expect(queue.tryGet()).toBeUndefined();
    clock.advance(1);
    expect(queue.tryGet()?.key).toBe("a/1");
  });

  test("come in the order of their times, whatever the order of adds", () => {
    const { queue, clock } = newQueue();
    for (const after of [300, 100, 200]) queue.add(`a/${after}`, { after });
    clock.advance(300);
    expect(drainKeys(queue)).toEqual(["a/100", "a/200", "a/300"]);
  });

  test("keep the earlier of two times", () => {
    const { queue, clock } = newQueue();
    queue.add("a/1", { after: 100 });
    queue.add("a/1", { after: 500 });
    queue.add("a/2", { after: 500 });
    queue.add("a/2", { after: 100 });
    clock.advance(100);
    expect(drainKeys(queue)).toEqual(["a/1", "a/2"]);
  });

  test("wake who waits", async () => {
    const { queue, clock } = newQueue();
    const got = queue.get();
    queue.add("a/1", { after: 100 });
    clock.advance(100);
    expect((await got)?.key).toBe("a/1");
  });

  test("share one timer, which ends with the last of them", () => {
    const { queue, clock } = newQueue();
    for (const after of [300, 100, 200]) queue.add(`a/${after}`, { after });
    expect(clock.timers).toBe(1);
    for (const after of [300, 100, 200]) queue.add(`a/${after}`);
    expect(clock.timers).toBe(0);
  });

  test("wait for the rest of their time when the timer was early", () => {
    const time = new FakeClock();
    // Node's timers may fire a millisecond early by the monotonic clock, and cannot be set for more than 24 days.
    const early: Clock = {
      now: () => time.now(),
      date: () => time.date(),
      after: (ms, call) => time.after(Math.min(ms, 10), call),
    };
    const { queue } = newQueue({ clock: early });
    queue.add("a/1", { after: 95 });
    time.advance(94);
    expect(queue.length).toBe(0);
    time.advance(1);
    expect(queue.length).toBe(1);
  });
});

describe("with a timer that is late, keys whose time has come", () => {
  const late = () => {
    const clock = new FakeClock();
    const never: Clock = { now: () => clock.now(), date: () => clock.date(), after: () => ({ cancel: () => {} }) };
    return { clock, queue: newQueue({ clock: never }).queue };
  };

  test("are handed out to who asks", () => {
    const { queue, clock } = late();
    queue.add("a/1", { after: 100 });
    clock.advance(100);
    expect(queue.tryGet()?.key).toBe("a/1");
  });

  test("are not dropped by a drain", () => {
    const { queue, clock } = late();
    queue.add("a/1", { after: 100 });
    clock.advance(100);
    void queue.shutDown("drain");
    expect(drainKeys(queue)).toEqual(["a/1"]);
  });
});

describe("a key that is processed", () => {
  test("is not handed out again before it is done, however often it is added", () => {
    const { queue } = newQueue();
    queue.add("a/1");
    queue.tryGet();
    queue.add("a/1");
    queue.add("a/1");
    expect(queue.tryGet()).toBeUndefined();
    queue.done("a/1");
    expect(drainKeys(queue)).toEqual(["a/1"]);
  });

  test("comes again with the highest priority asked meanwhile", () => {
    const { queue } = newQueue();
    queue.add("a/1", { priority: 9 });
    queue.tryGet();
    for (const priority of [Priority.bulk, 3, 0]) queue.add("a/1", { priority });
    queue.done("a/1");
    expect(queue.tryGet()?.priority).toBe(3);
  });

  test("comes again after the delay asked meanwhile, counted from the add", () => {
    const { queue, clock } = newQueue();
    queue.add("a/1");
    queue.tryGet();
    queue.add("a/1", { after: 100 });
    clock.advance(60);
    queue.done("a/1");
    clock.advance(39);
    expect(queue.tryGet()).toBeUndefined();
    clock.advance(1);
    expect(queue.tryGet()?.key).toBe("a/1");
  });

  test("is forgotten once it is done", () => {
    const { queue } = newQueue();
    queue.add("a/1");
    queue.tryGet();
    queue.done("a/1");
    expect([queue.tracked, queue.processing]).toEqual([0, 0]);
  });

  test("does not mind a second done, or one for a key nobody took", () => {
    const { queue } = newQueue();
    queue.add("a/1");
    queue.done("a/1");
    expect(drainKeys(queue)).toEqual(["a/1"]);
    queue.done("a/1");
    expect(queue.processing).toBe(0);
  });
});

describe("waiting", () => {
  test("serves who came first", async () => {
    const { queue } = newQueue();
    const served: string[] = [];
    for (const name of ["first", "second", "third"])
      void queue.get().then((item) => served.push(`${name} ${item?.key}`));
    for (const key of ["a/1", "a/2", "a/3"]) queue.add(key);
    await settled();
    expect(served).toEqual(["first a/1", "second a/2", "third a/3"]);
  });

  test("is not overtaken by who comes while a key is on its way", async () => {
    const { queue } = newQueue();
    const first = queue.get();
    queue.add("a/1");
    const second = queue.get();
    queue.add("a/2");
    expect([(await first)?.key, (await second)?.key]).toEqual(["a/1", "a/2"]);
  });

  test("gets the most urgent of the keys that are added in one go", async () => {
    const { queue } = newQueue();
    const got = queue.get();
    queue.add("a/bulk", { priority: Priority.bulk });
    queue.add("a/fresh");
    expect((await got)?.key).toBe("a/fresh");
  });

  test("gets a key once that is added twice in one go", async () => {
    const { queue } = newQueue();
    const got = queue.get();
    queue.add("a/1");
    queue.add("a/1");
    await got;
    queue.done("a/1");
    expect(queue.length).toBe(0);
  });

  test("ends with undefined when the signal aborts, and the key goes to the next", async () => {
    const { queue } = newQueue();
    const controller = new AbortController();
    const leaves = queue.get(controller.signal);
    const stays = queue.get();
    controller.abort();
    queue.add("a/1");
    expect(await leaves).toBeUndefined();
    expect((await stays)?.key).toBe("a/1");
  });

  test("keeps the key when who waited aborts before it is served", async () => {
    const { queue } = newQueue();
    const controller = new AbortController();
    const got = queue.get(controller.signal);
    queue.add("a/1");
    controller.abort();
    expect(await got).toBeUndefined();
    expect(queue.length).toBe(1);
  });

  test("hands nothing to an aborted signal", async () => {
    const { queue } = newQueue();
    queue.add("a/1");
    expect(await queue.get(AbortSignal.abort())).toBeUndefined();
    expect(queue.length).toBe(1);
  });

  test("leaves no listener on the signal, served or sent away", async () => {
    const { queue } = newQueue();
    const { signal } = new AbortController();
    const all = [queue.get(signal), queue.get(signal)];
    queue.add("a/1");
    await settled();
    void queue.shutDown();
    await Promise.all(all);
    expect(getEventListeners(signal, "abort")).toEqual([]);
  });
});

describe("shutting down", () => {
  test("sends away who waits and drops what is queued, delayed or failed before", async () => {
    const { queue, clock } = newQueue();
    const got = queue.get();
    queue.add("a/later", { after: 100 });
    queue.add("a/failed", { rateLimited: true });
    await queue.shutDown();
    expect(await got).toBeUndefined();
    expect([queue.tracked, queue.length, clock.timers]).toEqual([0, 0, 0]);
  });

  test("drops keys that are due, unless it drains", async () => {
    const { queue } = newQueue();
    queue.add("a/1");
    await queue.shutDown();
    expect(await queue.get()).toBeUndefined();
    expect(queue.tracked).toBe(0);
  });

  test("accepts nothing more", async () => {
    const { queue, clock } = newQueue();
    await queue.shutDown();
    queue.add("a/1");
    queue.add("a/1", { after: 1 });
    expect([queue.tracked, clock.timers]).toEqual([0, 0]);
  });

  test("ends once the keys that are processed are done, without handing them out again", async () => {
    const { queue } = newQueue();
    let ended = false;
    queue.add("a/1");
    queue.tryGet();
    queue.add("a/1");
    const end = queue.shutDown().then(() => {
      ended = true;
    });
    await settled();
    expect(ended).toBe(false);
    queue.done("a/1");
    await end;
    expect(queue.tracked).toBe(0);
  });

  test("hands out what is due, and was asked for before, when it drains", async () => {
    const { queue } = newQueue();
    queue.add("a/1");
    queue.add("a/2");
    queue.add("a/later", { after: 100 });
    queue.tryGet();
    queue.add("a/1");
    const end = queue.shutDown("drain");
    queue.done("a/1");
    expect(drainKeys(queue)).toEqual(["a/2", "a/1"]);
    await end;
    expect(await queue.get()).toBeUndefined();
    expect(queue.tracked).toBe(0);
  });

  test("gives keys that are due to who waits when it drains", async () => {
    const { queue } = newQueue();
    const got = [queue.get(), queue.get()];
    queue.add("a/1");
    void queue.shutDown("drain");
    expect((await Promise.all(got)).map((item) => item?.key)).toEqual(["a/1", undefined]);
  });

  test("turns a drain into a drop, but not back", async () => {
    const { queue } = newQueue();
    queue.add("a/1");
    queue.add("a/2");
    queue.tryGet();
    queue.add("a/1");
    void queue.shutDown("drain");
    void queue.shutDown("drop");
    const end = queue.shutDown("drain");
    queue.done("a/1");
    await end;
    expect(queue.tracked).toBe(0);
  });

  test("remembers no failure of a key that is done afterwards", async () => {
    const { queue, clock } = newQueue();
    queue.add("a/1", { rateLimited: true });
    clock.advance(50);
    queue.tryGet();
    const end = queue.shutDown();
    queue.add("a/1", { rateLimited: true });
    queue.done("a/1");
    await end;
    expect([queue.tracked, clock.timers]).toEqual([0, 0]);
  });

  test("tells the observer only once the last key is done", () => {
    const told: string[] = [];
    const tell = (what: string) => () => void told.push(what);
    const observer = { added: tell("added"), retried: tell("retried"), started: tell("started") };
    const metrics = { attach: () => ({ ...observer, finished: tell("finished"), closed: tell("closed") }) };
    const { queue } = newQueue({ metrics });
    queue.add("a/1");
    queue.tryGet();
    void queue.shutDown();
    queue.done("a/1");
    expect(told).toEqual(["added", "started", "finished", "closed"]);
  });
});

test("refuses an ageing that would never let a higher priority go first", () => {
  expect(() => newQueue({ every: 1 })).toThrow(RangeError);
});
