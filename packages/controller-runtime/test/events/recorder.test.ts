/*
 * Invariants
 * - `event` never throws and never waits; each call is told to the server, or counted as dropped for a reason that is said.
 * - The first of its kind is written at once, and so is its first repeat; further repeats cost a write now and then.
 * - One request at a time. A request that fails is tried again a bounded number of times, each after a longer wait.
 * - When `run` has ended there is no timer, and nothing is remembered.
 */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { EventRecorder } from "../../src/events/recorder.ts";
import { BROKEN, FakeApi, FORBIDDEN, TERMINATING } from "./fake-api.ts";
import { about, MINUTE, Rig, SECOND } from "./rig.ts";

let rig: Rig;
beforeEach(() => {
  rig = new Rig().start();
});
afterEach(async () => {
  await rig.stop();
  expect({ timers: rig.clock.timers, size: rig.recorder.size, open: rig.api.open }).toEqual({
    timers: 0,
    size: 0,
    open: 0,
  });
});

/** In place of the recorder that each test has, one with other options. */
const restart = async (options: ConstructorParameters<typeof Rig>[0]): Promise<Rig> => {
  await rig.stop();
  rig = new Rig(options).start();
  return rig;
};

describe("an Event", () => {
  test("is written at once, with all its fields", async () => {
    const related = {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { namespace: "a", name: "c", uid: "u", resourceVersion: "7" },
    };
    await rig.record(about("web-0", { related }));
    expect(rig.api.stored).toEqual([
      {
        metadata: { namespace: "a", name: "web-0.18867251edfa0000" },
        eventTime: "2026-01-01T00:00:00.000000Z",
        reportingController: "example.com/tester",
        reportingInstance: "tester-0",
        type: "Warning",
        reason: "Failed",
        action: "Render",
        note: "it failed",
        regarding: { apiVersion: "v1", kind: "Pod", namespace: "a", name: "web-0", uid: "uid-web-0" },
        related: { apiVersion: "v1", kind: "ConfigMap", namespace: "a", name: "c", uid: "u", resourceVersion: "7" },
      },
    ]);
  });

  test("about an object in no namespace is in the namespace default", async () => {
    await rig.record(about("n", { regarding: { apiVersion: "v1", kind: "Node", metadata: { name: "n" } } }));
    expect(rig.api.stored[0]?.metadata?.namespace).toBe("default");
  });

  test("that is recorded before the start is written after it", async () => {
    const early = new Rig();
    await early.record(about("web-0"));
    expect(early.api.requests).toEqual([]);
    early.start();
    await early.pass(0);
    expect(early.api.counts).toEqual([1]);
    await early.stop();
  });

  test("of the same moment and object has a name of its own", async () => {
    await rig.record(about("web-0"), about("web-0", { reason: "Other" }));
    expect(rig.api.counts).toEqual([1, 1]);
  });

  test.each([
    ["no name", { regarding: { apiVersion: "v1", kind: "Pod", metadata: {} } }],
    ["no kind", { regarding: { metadata: { name: "web-0" } } }],
    ["no reason", { reason: "" }],
    ["an action of more than 128 bytes", { action: "ä".repeat(65) }],
  ])("with %s is dropped, and said to be a fault", async (_what, parts) => {
    await rig.record(about("web-0", parts));
    expect(rig.api.requests).toEqual([]);
    expect(await rig.values("dropped")).toEqual({ invalid: 1 });
    expect(rig.log.of("error")).toHaveLength(1);
  });

  test("that the types forbid is dropped too, and does not throw", async () => {
    await rig.record(about("web-0", JSON.parse('{"regarding": null}')), about("web-0", JSON.parse('{"note": 7}')));
    expect(await rig.values("dropped")).toEqual({ invalid: 2 });
  });
});

describe("a series", () => {
  test("begins with the first repeat, at once", async () => {
    await rig.record(about("web-0"));
    await rig.pass(2 * SECOND);
    await rig.record(about("web-0"));
    expect(rig.api.stored).toMatchObject([{ series: { count: 2, lastObservedTime: "2026-01-01T00:00:02.000000Z" } }]);
    expect(await rig.values("writes")).toEqual({ create: 1, patch: 1 });
  });

  test("is one Event from the start where its repeats come before it is written", async () => {
    await rig.record(about("web-0"), about("web-0"), about("web-0"));
    expect(rig.api.counts).toEqual([3]);
    expect(await rig.values("writes")).toEqual({ create: 1 });
  });

  test("costs a write in five minutes, however many repeats there are", async () => {
    for (let second = 0; second < 1_200; second += 1) {
      await rig.record(about("web-0"));
      await rig.pass(SECOND);
    }
    expect(await rig.values("writes")).toEqual({ create: 1, patch: 4 });
    expect(rig.api.counts).toEqual([901]);
  });

  test("that goes quiet has its final count after five minutes", async () => {
    await rig.record(about("web-0"));
    await rig.record(about("web-0"));
    await rig.record(about("web-0"), about("web-0"));
    expect(rig.api.counts).toEqual([2]);
    await rig.pass(5 * MINUTE);
    expect(rig.api.counts).toEqual([4]);
  });

  test("goes on while its repeats are less than six minutes apart", async () => {
    for (let repeat = 0; repeat < 5; repeat += 1) {
      await rig.record(about("web-0"));
      await rig.pass(6 * MINUTE - 1);
    }
    await rig.pass(5 * MINUTE);
    expect(rig.api.counts).toEqual([5]);
  });

  test("is over and forgotten after six quiet minutes; the next is a new Event", async () => {
    await rig.record(about("web-0"));
    await rig.pass(6 * MINUTE);
    expect(rig.recorder.size).toBe(0);
    await rig.record(about("web-0"));
    expect(rig.api.counts).toEqual([1, 1]);
  });

  test("of six quiet minutes is over also while a write keeps the recorder busy", async () => {
    await rig.record(about("web-0"));
    rig.api.script.push("slow");
    await rig.record(about("other"));
    await rig.pass(6 * MINUTE);
    await rig.record(about("web-0"));
    rig.api.release();
    await rig.pass(0);
    expect(rig.api.counts).toEqual([1, 1, 1]);
  });

  test("with an interval of more than six minutes is written after it, or when it is over", async () => {
    const { api } = await restart({ refreshInterval: 20 * MINUTE });
    const counts = [];
    for (let minute = 0; minute < 30; minute += 1) {
      await rig.record(about("web-0"));
      await rig.pass(MINUTE);
      counts.push(...api.counts);
    }
    expect([...new Set(counts)]).toEqual([1, 2, 21]);
    await rig.pass(5 * MINUTE);
    expect(api.counts).toEqual([30]);
  });

  test("counts what is seen while it is written", async () => {
    rig.api.script.push("slow");
    await rig.record(about("web-0"));
    await rig.record(about("web-0"), about("web-0"));
    rig.api.release();
    await rig.pass(0);
    expect(rig.api.counts).toEqual([3]);
  });

  test("does not end with the note or the version of its object, and keeps its first note", async () => {
    const regarding = (resourceVersion: string) => ({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { namespace: "a", name: "web-0", uid: "u", resourceVersion },
    });
    await rig.record(about("", { regarding: regarding("1"), note: "one" }));
    await rig.record(about("", { regarding: regarding("2"), note: "two" }));
    expect(rig.api.stored).toMatchObject([{ note: "one", series: { count: 2 } }]);
  });

  test.each([
    ["type", { type: "Normal" as const }],
    ["reason", { reason: "Other" }],
    ["action", { action: "Other" }],
    ["related object", { related: { apiVersion: "v1", kind: "ConfigMap", name: "c" } }],
    ["incarnation", { regarding: { apiVersion: "v1", kind: "Pod", namespace: "a", name: "web-0", uid: "another" } }],
  ])("does not take in an Event with another %s", async (_what, parts) => {
    await rig.record(about("web-0"));
    await rig.record(about("web-0", parts));
    expect(rig.api.counts).toEqual([1, 1]);
  });

  test("goes on in a new Event of the same name when the old one is gone", async () => {
    await rig.record(about("web-0"));
    rig.api.expireAll();
    await rig.record(about("web-0"));
    expect(rig.api.counts).toEqual([2]);
    expect(rig.api.requests.map((line) => line.split(" ")[0])).toEqual(["create", "patch", "create"]);
  });

  test("of the one seen least recently ends where there are too many, and loses no count", async () => {
    const { api, recorder } = await restart({ maxSeries: 2 });
    for (let repeat = 0; repeat < 3; repeat += 1) await rig.record(about("first"));
    await rig.record(about("second"), about("third"));
    expect(recorder.size).toBe(2);
    expect(api.counts).toEqual([3, 1, 1]);
    await rig.record(about("first"));
    expect(api.counts).toEqual([3, 1, 1, 1]);
    await rig.record(about("third"), about("second"));
    await rig.record(about("third"));
    await rig.stop();
    expect(api.counts).toEqual([3, 1, 3, 1, 1]);
  });
});

test("Events are written in the order in which they were first seen", async () => {
  rig.api.script.push("slow");
  await rig.record(about("a"), about("b"), about("c"), about("b"));
  rig.api.release();
  await rig.pass(0);
  expect(rig.api.stored.map(({ regarding }) => regarding?.name)).toEqual(["a", "b", "c"]);
});

describe("too many Events", () => {
  test("about one object are dropped: 25 at once, then one in five minutes", async () => {
    const different = (count: number) =>
      Array.from({ length: count }, (_, index) =>
        about("web-0", { reason: `Reason${rig.api.requests.length}x${index}` }),
      );
    await rig.record(...different(40));
    expect(rig.api.events.size).toBe(25);
    await rig.pass(5 * MINUTE);
    await rig.record(...different(2));
    expect(rig.api.events.size).toBe(26);
    expect(await rig.values("dropped")).toEqual({ rate_limited: 16 });
    expect(rig.log.of("info")).toHaveLength(1);
  });

  test("about one object do not concern another", async () => {
    await rig.record(
      ...Array.from({ length: 30 }, (_, index) => about("loud", { reason: `Reason${index}` })),
      about("web-0"),
    );
    expect(rig.api.events.size).toBe(26);
  });

  test("for the server fill the queue; what does not fit is dropped, and said once", async () => {
    const { api, log } = await restart({ maxQueued: 3 });
    api.script.push("away");
    await rig.record(...["a", "b", "c", "d", "e"].map((name) => about(name)));
    await rig.record(about("a"), about("f"));
    await rig.pass(2 * SECOND);
    expect(api.counts).toEqual([1, 1, 2]);
    expect(await rig.values("dropped")).toEqual({ queue_full: 3 });
    expect(log.of("warning")).toHaveLength(1);
  });
});

test("an Event that was refused before needs room in the queue like a new one", async () => {
  const { api } = await restart({ maxQueued: 1 });
  api.script.push(FORBIDDEN, "away");
  await rig.record(about("a"));
  await rig.record(about("b"));
  await rig.record(about("a"));
  expect(await rig.values("dropped")).toEqual({ forbidden: 1, queue_full: 1 });
});

describe("a write that fails", () => {
  test("for want of a connection holds all others up, and is tried again with longer and longer waits", async () => {
    rig.api.script.push("away", "away", "away");
    await rig.record(about("a"), about("b"));
    const requests = [];
    for (let second = 0; second < 8; second += 1) {
      requests.push(rig.api.requests.length);
      await rig.pass(SECOND);
    }
    expect(requests).toEqual([1, 2, 2, 3, 3, 3, 3, 5]);
    expect(rig.api.counts).toEqual([1, 1]);
  });

  test("after one that came through is tried again soon", async () => {
    rig.api.script.push("away", "away");
    await rig.record(about("a"));
    await rig.pass(3 * SECOND);
    rig.api.script.push("away");
    await rig.record(about("b"));
    await rig.pass(SECOND);
    expect(rig.api.counts).toEqual([1, 1]);
  });

  test("for its own sake lets the others pass", async () => {
    rig.api.script.push(BROKEN);
    await rig.record(about("a"), about("b"));
    expect(rig.api.stored.map(({ regarding }) => regarding?.name)).toEqual(["b"]);
    await rig.pass(SECOND);
    expect(rig.api.stored.map(({ regarding }) => regarding?.name)).toEqual(["b", "a"]);
  });

  test("twelve times is given up, and said", async () => {
    rig.api.script.push(...Array.from({ length: 12 }, () => BROKEN));
    await rig.record(about("a"));
    await rig.pass(4 * MINUTE);
    expect(rig.api.requests).toHaveLength(12);
    expect(await rig.values("dropped")).toEqual({ failed: 1 });
    expect(rig.log.of("warning")).toHaveLength(1);
  });

  test("only in its answer is not written twice", async () => {
    rig.api.script.push("lost");
    await rig.record(about("a"), about("a"));
    await rig.record(about("a"));
    await rig.pass(SECOND);
    expect(rig.api.counts).toEqual([3]);
    expect(await rig.values("recorded")).toEqual({ Warning: 3 });
    await rig.record(about("a"));
    await rig.pass(5 * MINUTE);
    expect(await rig.values("writes")).toEqual({ create: 2, patch: 2 });
  });

  test("as the Event went between two requests is tried again", async () => {
    rig.api.script.push("lost", "fine", { code: 404, reason: "NotFound" });
    await rig.record(about("a"));
    await rig.record(about("a"));
    await rig.pass(3 * SECOND);
    expect(rig.api.counts).toEqual([2]);
  });

  test("while the server is busy waits for as long as it asks", async () => {
    rig.api.script.push({ code: 429, reason: "TooManyRequests", retryAfter: 7 * SECOND });
    await rig.record(about("a"));
    await rig.pass(7 * SECOND - 1);
    expect(rig.api.counts).toEqual([]);
    await rig.pass(1);
    expect(rig.api.counts).toEqual([1]);
  });
});

describe("a write that is refused", () => {
  test("for want of permission is said once, with what to grant, and not tried at each repeat", async () => {
    rig.api.script.push(FORBIDDEN);
    for (let repeat = 0; repeat < 10; repeat += 1) await rig.record(about("a"));
    expect(rig.api.requests).toHaveLength(1);
    expect(rig.log.of("warning")).toEqual([
      expect.stringContaining("create and patch on events in the API group events.k8s.io"),
    ]);
    expect(await rig.values("dropped")).toEqual({ forbidden: 1 });
  });

  test("is tried again after five minutes, with what was seen since", async () => {
    rig.api.script.push(FORBIDDEN);
    await rig.record(about("a", { note: "one" }));
    await rig.record(about("a", { note: "two" }), about("a", { note: "three" }));
    await rig.pass(5 * MINUTE);
    expect(rig.api.stored).toMatchObject([{ note: "two", series: { count: 2 } }]);
  });

  test.each([
    ["is being deleted", TERMINATING],
    ["is not there", { code: 404, reason: "NotFound" }],
  ])("as its namespace %s is no trouble", async (_what, fault) => {
    rig.api.script.push(fault);
    await rig.record(about("a"));
    expect(await rig.values("dropped")).toEqual({ namespace_gone: 1 });
    expect([rig.log.of("error"), rig.log.of("warning"), rig.log.of("info").length]).toEqual([[], [], 1]);
  });

  test("as its namespace went with the Event is no trouble either", async () => {
    await rig.record(about("a"));
    rig.api.script.push({ code: 404, reason: "NotFound" }, { code: 404, reason: "NotFound" });
    await rig.record(about("a"));
    expect(await rig.values("dropped")).toEqual({ namespace_gone: 1 });
  });

  test("as invalid is said with the server's words", async () => {
    rig.api.script.push({ code: 422, reason: "Invalid" });
    await rig.record(about("a"));
    expect(rig.log.lines).toMatchObject([
      { level: "error", fields: { error: { message: expect.stringContaining("Invalid") } } },
    ]);
  });

  test("for the same reason an hour later is said again, with how many there were", async () => {
    rig.api.script.push(FORBIDDEN, FORBIDDEN, FORBIDDEN);
    await rig.record(about("a"), about("b"));
    await rig.pass(60 * MINUTE);
    await rig.record(about("c"));
    expect(rig.log.lines.map(({ fields }) => fields.dropped)).toEqual([1, 2]);
  });
});

describe("a stop", () => {
  test("writes all that is pending, repeats too", async () => {
    for (let repeat = 0; repeat < 5; repeat += 1) await rig.record(about("a"));
    rig.recorder.event(about("b"));
    expect(rig.api.counts).toEqual([2]);
    await rig.stop();
    expect(rig.api.counts).toEqual([5, 1]);
  });

  test("does not wait where nothing is pending", async () => {
    await rig.record(about("a"));
    await rig.stopAtOnce();
    expect({ now: rig.clock.now(), timers: rig.clock.timers }).toEqual({ now: 0, timers: 0 });
  });

  test("ends after half a second while the server does not answer, and counts what was not written", async () => {
    rig.api.script.push("slow");
    await rig.record(about("a"), about("a"), about("b"));
    await rig.stop();
    expect(await rig.values("dropped")).toEqual({ stopped: 3 });
    expect(rig.log.of("warning")).toHaveLength(1);
  });

  test("does not press what fails for its own sake", async () => {
    rig.api.script.push(...Array.from({ length: 12 }, () => BROKEN));
    await rig.record(about("a"));
    await rig.stop();
    expect(rig.api.requests).toHaveLength(1);
  });

  test("tries once more what waits for the server to come back", async () => {
    rig.api.script.push("away", "away", "away");
    await rig.record(about("a"));
    await rig.pass(3 * SECOND);
    await rig.stopAtOnce();
    expect(rig.api.counts).toEqual([1]);
  });

  test("counts what is not written of a series that had been pushed out", async () => {
    const { api } = await restart({ maxSeries: 1 });
    for (let repeat = 0; repeat < 3; repeat += 1) await rig.record(about("a"));
    api.script.push("away", "away");
    await rig.record(about("b"));
    await rig.stop();
    expect(await rig.values("dropped")).toEqual({ stopped: 2 });
  });

  test("takes no Event any more", async () => {
    await rig.stop();
    await rig.record(about("a"));
    expect(await rig.values("dropped")).toEqual({ stopped: 1 });
    expect(rig.api.requests).toEqual([]);
  });

  test("by a kill ends at once", async () => {
    rig.api.script.push("slow");
    await rig.record(about("a"));
    await rig.kill();
    expect(await rig.values("dropped")).toEqual({ stopped: 1 });
    expect(rig.clock.now()).toBe(0);
  });
});

test("a name that cannot report is refused at the start", () => {
  expect(() => new EventRecorder({ client: new FakeApi(), reportingController: "a/b/c" })).toThrow(TypeError);
});
