/*
 * Invariants
 * - Whatever fails, and in whatever order, the sink ends with what the server has, and misses no deletion.
 * - What the sink has stays until a complete list says otherwise.
 * - A stream that ends is resumed from the last resourceVersion, of an event or a bookmark; a list is asked for only
 *   when there is none, when it is too old, or when the server's history went back.
 * - Requests are bounded: no failure is answered by a storm of them.
 */
import fc from "fast-check";
import type { ConfigMap } from "kubernetes-types/core/v1.d.ts";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Problem, Reflector } from "../../src/cache/reflector.ts";
import { type Change, Store } from "../../src/cache/store.ts";
import { keyOf } from "../../src/object.ts";
import { ConfigMaps } from "../../src/resource.ts";
import { FakeClock, settled } from "../support/fake-clock.ts";
import { type Item, ModelServer } from "../support/model-server.ts";
import { type Fault, refusal, ScriptedApi } from "../support/scripted-api.ts";

/** A reflector between a scripted server and a store. */
class Rig {
  readonly clock = new FakeClock();
  readonly server = new ModelServer();
  readonly api = new ScriptedApi(this.server, this.clock);
  readonly store = new Store<ConfigMap>();
  readonly changes: Change<Item>[] = [];
  readonly problems: Problem[] = [];
  readonly restarts: string[] = [];
  synced = 0;
  progressed = 0;
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;

  /** How the complete state is asked for. */

  async start(...script: (Fault | undefined)[]): Promise<this> {
    this.api.script.push(...script);
    this.#running = this.#reflector().run(this.#stop.signal);
    await settled();
    return this;
  }

  async stop(): Promise<void> {
    this.#stop.abort(new Error("the test is over"));
    await this.#running;
  }

  /** `verb` and resourceVersion of each request since the last call. */
  asked(): string[] {
    return this.api.requests
      .splice(0)
      .map(({ verb, resourceVersion }) => (resourceVersion === undefined ? verb : `${verb} ${resourceVersion}`));
  }

  content(): string[] {
    return versionsOf(this.store.values());
  }

  #reflector(): Reflector<ConfigMap> {
    const note = (change: Change<Item> | undefined) => {
      if (change !== undefined) this.changes.push(change);
    };
    return new Reflector<ConfigMap>({
      client: this.api,
      resource: ConfigMaps,
      scope: { namespace: "" },
      projection: true,
      clock: this.clock,
      random: () => 0,
      sink: {
        beginList: () => {
          const list = this.store.beginList("");
          return {
            add: (object) => note(list.add(object)),
            finish: (resourceVersion) => list.finish(resourceVersion).forEach(note),
          };
        },
        upsert: (object) => note(this.store.upsert(object, "watch")),
        remove: (object) => note(this.store.remove(object)),
        confirm: (identity) => this.store.confirm(identity),
        progress: (resourceVersion) => this.store.progress("", resourceVersion).forEach(note),
      },
      observer: {
        onSynced: () => this.synced++,
        onProblem: (problem) => this.problems.push(problem),
        onProgress: () => this.progressed++,
        onRestart: (reason) => this.restarts.push(reason),
      },
    });
  }
}

const versionsOf = (items: Iterable<Item>) =>
  [...items].map((item) => `${item.metadata.name}@${item.metadata.resourceVersion}`).sort();

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
  for (const name of ["a", "b", "c"]) rig.server.put("ns", name);
});
afterEach(() => rig.stop());

describe("a first list", () => {
  test("comes with the watch, in one request", async () => {
    await rig.start();
    expect(rig.asked()).toEqual(["watch list"]);
    expect(rig.content()).toEqual(["a@101", "b@102", "c@103"]);
    expect(rig.synced).toBe(1);
  });

  test("comes in pages, followed by a watch from there, where the server refuses WatchList", async () => {
    rig.api.watchList = false;
    await rig.start();
    rig.server.put("ns", "d");
    expect(rig.asked()).toEqual(["watch list", "list", "watch 103"]);
    expect(rig.content()).toEqual(["a@101", "b@102", "c@103", "d@104"]);
    expect(rig.problems).toEqual([]);
  });

  test("comes in pages where the server takes the request for WatchList and never says that it is complete", async () => {
    await rig.start({ kind: "falls silent", after: 3 });
    expect(rig.synced).toBe(0);
    await rig.clock.advanceAndSettle(150_000);
    expect(rig.asked()).toEqual(["watch list", "list", "watch 103"]);
    expect(rig.problems.map(({ kind }) => kind)).toEqual(["failing"]);
    expect(rig.synced).toBe(1);
  });

  test("is asked for again when the stream is lost before it is complete, and what was there stays meanwhile", async () => {
    await rig.start(undefined, { kind: "refused", error: refusal(410, "Expired") }, { kind: "lost", after: 1 });
    await rig.clock.advanceAndSettle(1_000);
    await endWatch(rig);
    await rig.clock.advanceAndSettle(200);
    expect(rig.asked()).toEqual(["watch list", "watch 103", "watch list"]);
    expect(rig.content()).toEqual(["a@101", "b@102", "c@103"]);
    await rig.clock.advanceAndSettle(60_000);
    expect(rig.asked()).toEqual(["watch list"]);
    expect(rig.content()).toEqual(["a@101", "b@102", "c@103"]);
  });

  test("that is lost in its midst time and again is asked for ever more rarely", async () => {
    await rig.start(...Array.from({ length: 100 }, (): Fault => ({ kind: "lost", after: 2 })));
    await rig.clock.advanceAndSettle(120_000);
    // 0.2 + 0.4 + ... + 25.6 s, then 30 s each.
    expect(rig.api.requests.length).toBeLessThan(13);
    expect(rig.synced).toBe(0);
  });

  test("starts again when it expires between its pages", async () => {
    rig.api.watchList = false;
    await rig.start(undefined, { kind: "expires", after: 1 });
    expect(rig.synced).toBe(0);
    await rig.clock.advanceAndSettle(200);
    expect(rig.asked()).toEqual(["watch list", "list", "list", "watch 103"]);
    expect(rig.content()).toEqual(["a@101", "b@102", "c@103"]);
  });
});

/** Ends the open watch as a server does whose time limit for it is over. */
const endWatch = async (rig: Rig): Promise<void> => {
  rig.api.endWatches();
  await settled();
};

describe("a watch that ends", () => {
  test("is resumed at once from the last event when it brought one", async () => {
    await rig.start();
    rig.server.put("ns", "a");
    await endWatch(rig);
    expect(rig.asked()).toEqual(["watch list", "watch 104"]);
    expect(rig.restarts).toEqual(["ended"]);
  });

  test("is resumed from the last bookmark", async () => {
    await rig.start();
    for (let i = 0; i < 5; i++) rig.server.tick();
    rig.api.bookmark();
    await rig.clock.advanceAndSettle(1_000);
    await endWatch(rig);
    expect(rig.asked()).toEqual(["watch list", "watch 108"]);
  });

  test("is resumed at once as often as it brings changes", async () => {
    await rig.start();
    for (let i = 0; i < 20; i++) {
      rig.server.put("ns", "a");
      await endWatch(rig);
    }
    expect(rig.api.requests).toHaveLength(21);
    expect(rig.clock.now()).toBe(0);
    expect(rig.problems).toEqual([]);
  });

  test("is resumed ever more slowly when it ends at once and brings nothing", async () => {
    await rig.start(undefined, ...Array.from({ length: 100 }, (): Fault => ({ kind: "ends", after: 0 })));
    await rig.clock.advanceAndSettle(1_000);
    await endWatch(rig);
    await rig.clock.advanceAndSettle(120_000);
    expect(rig.api.requests.length).toBeLessThan(14);
    expect(rig.problems.length).toBeGreaterThan(5);
  });

  test("is resumed ever more slowly when it ends at once and brings bookmarks only", async () => {
    await rig.start();
    for (let i = 0; i < 50; i++) {
      rig.server.tick();
      rig.api.bookmark();
      await endWatch(rig);
    }
    expect(rig.api.requests).toHaveLength(1);
    await rig.clock.advanceAndSettle(200);
    expect(rig.api.requests).toHaveLength(2);
  });

  test("has its failures forgotten once it has brought a change", async () => {
    const error = refusal(500, "InternalError");
    await rig.start(undefined, ...Array.from({ length: 6 }, (): Fault => ({ kind: "refused", error })));
    rig.server.put("ns", "a");
    await endWatch(rig);
    await rig.clock.advanceAndSettle(30_000);
    rig.server.put("ns", "a");
    rig.api.script.push({ kind: "refused", error });
    await endWatch(rig);
    rig.asked();
    await rig.clock.advanceAndSettle(200);
    expect(rig.asked()).toEqual(["watch 105"]);
  });

  test("is not taken to work before it has stood for a while or brought something", async () => {
    await rig.start(undefined);
    await rig.clock.advanceAndSettle(1_000);
    await endWatch(rig);
    rig.progressed = 0;
    await rig.clock.advanceAndSettle(999);
    expect(rig.progressed).toBe(0);
    await rig.clock.advanceAndSettle(1);
    expect(rig.progressed).toBe(1);
  });
});

describe("a resourceVersion that is too old", () => {
  const missEvents = () => {
    rig.server.delete("ns/b");
    rig.server.put("ns", "a");
    rig.server.put("ns", "d");
    rig.server.compact();
  };

  test.each<[string, Fault | undefined]>([
    ["refused with 410", undefined],
    ["answered by an ERROR event", { kind: "expires", after: 0 }],
  ])("is followed by a list that leaves no gap, when it is %s", async (_how, fault) => {
    await rig.start(undefined, { kind: "falls silent", after: 0 });
    await endWatch(rig);
    rig.api.script.push(fault);
    missEvents();
    rig.changes.length = 0;
    await rig.clock.advanceAndSettle(150_000);
    await rig.clock.advanceAndSettle(400);
    expect(rig.content()).toEqual(["a@105", "c@103", "d@106"]);
    const ends = rig.changes.filter((change) => change.type === "deleted");
    expect(ends.map((change) => [keyOf(change.object), change.finalStateUnknown, change.origin])).toEqual([
      ["ns/b", true, "initial"],
    ]);
    rig.server.put("ns", "e");
    expect(rig.content()).toContain("e@107");
  });

  test("time and again is followed by ever fewer lists", async () => {
    // The initial events and their bookmark come, and then the stream says that it cannot go on.
    await rig.start(...Array.from({ length: 200 }, (): Fault => ({ kind: "expires", after: 4 })));
    rig.server.put("ns", "a");
    await rig.clock.advanceAndSettle(1);
    for (let i = 0; i < 1_200; i++) {
      rig.server.put("ns", "a");
      await rig.clock.advanceAndSettle(100);
    }
    expect(rig.api.requests.length).toBeLessThan(13);
  });
});

test("a stream that stands, and has not told the whole list, is not taken to work", async () => {
  await rig.start({ kind: "falls silent", after: 2 });
  await rig.clock.advanceAndSettle(100_000);
  expect(rig.progressed).toBe(0);
});

describe("silence", () => {
  test("ends a watch that had told something, which is resumed from there", async () => {
    await rig.start({ kind: "falls silent", after: 5 });
    rig.server.put("ns", "a");
    rig.server.put("ns", "b");
    await rig.clock.advanceAndSettle(149_999);
    expect(rig.asked()).toEqual(["watch list"]);
    await rig.clock.advanceAndSettle(1);
    expect(rig.asked()).toEqual(["watch 104"]);
    expect(rig.restarts).toEqual(["silent"]);
    expect(rig.content()).toEqual(["a@104", "b@105", "c@103"]);
  });

  test("is put off by each sign of life", async () => {
    await rig.start();
    for (let i = 0; i < 10; i++) {
      await rig.clock.advanceAndSettle(100_000);
      rig.api.bookmark();
    }
    expect(rig.asked()).toEqual(["watch list"]);
  });

  test("from the beginning of a resumed watch asks for a list: the server may be behind what we know", async () => {
    await rig.start(undefined, { kind: "falls silent", after: 0 });
    await rig.clock.advanceAndSettle(1_000);
    await endWatch(rig);
    // A restored server tells a watch from its future nothing at all, no bookmark either.
    rig.server.rewind(101);
    await rig.clock.advanceAndSettle(150_000);
    expect(rig.asked()).toEqual(["watch list", "watch 103", "watch list"]);
    expect(rig.content()).toEqual(["a@101"]);
  });
});

test("a bookmark from before what is known says that the history went back, and asks for a list", async () => {
  await rig.start();
  rig.server.rewind(101);
  rig.api.bookmark();
  await rig.clock.advanceAndSettle(200);
  expect(rig.asked()).toEqual(["watch list", "watch list"]);
  expect(rig.content()).toEqual(["a@101"]);
  expect(rig.restarts).toEqual(["expired"]);
});

describe("a resource", () => {
  test("that the server does not know is asked for every ten seconds or so, until it is there", async () => {
    await rig.start(...Array.from({ length: 20 }, (): Fault => ({ kind: "refused", error: refusal(404, "NotFound") })));
    await rig.clock.advanceAndSettle(60_000);
    expect(new Set(rig.problems.map(({ kind }) => kind))).toEqual(new Set(["missing"]));
    expect(rig.api.requests.length).toBeLessThan(13);
    await rig.clock.advanceAndSettle(180_000);
    expect(rig.synced).toBe(1);
  });

  test("that is gone and comes back is listed, not resumed", async () => {
    await rig.start(undefined, { kind: "refused", error: refusal(404, "NotFound") });
    rig.server.put("ns", "a");
    await endWatch(rig);
    await rig.clock.advanceAndSettle(200);
    expect(rig.asked()).toEqual(["watch list", "watch 104", "watch list"]);
  });

  test("that is forbidden is asked for again, and said to be so", async () => {
    await rig.start({ kind: "refused", error: refusal(403, "Forbidden") });
    expect(rig.problems.map(({ kind }) => kind)).toEqual(["forbidden"]);
    expect(rig.synced).toBe(0);
    await rig.clock.advanceAndSettle(200);
    expect(rig.synced).toBe(1);
  });
});

test("an end in the middle of a wait, a list or a watch ends it, and leaves no timer", async () => {
  for (const script of [
    [{ kind: "refused", error: refusal(500, "InternalError") }],
    [{ kind: "falls silent", after: 1 }],
    [],
  ]) {
    const other = new Rig();
    await other.start(...(script as Fault[]));
    await other.stop();
    expect(other.clock.timers).toBe(0);
    expect(other.api.watches).toBe(0);
  }
});

describe("whatever fails", () => {
  const fault: fc.Arbitrary<Fault | undefined> = fc.oneof(
    fc.constant(undefined),
    fc
      .constantFrom(
        refusal(410, "Expired"),
        refusal(500, "InternalError"),
        refusal(403, "Forbidden"),
        refusal(404, "NotFound"),
      )
      .map((error): Fault => ({ kind: "refused", error })),
    fc
      .record({ kind: fc.constantFrom("ends" as const, "lost" as const, "expires" as const), after: fc.nat(5) })
      .map((fault): Fault => fault),
    fc.nat(5).map((after): Fault => ({ kind: "falls silent", after })),
  );
  type Operation = (rig: Rig) => void;
  const name = fc.constantFrom("a", "b", "c", "d", "e");
  const operation: fc.Arbitrary<Operation> = fc.oneof(
    {
      arbitrary: name.map(
        (name): Operation =>
          (rig) =>
            void rig.server.put("ns", name),
      ),
      weight: 4,
    },
    {
      arbitrary: name.map(
        (name): Operation =>
          (rig) =>
            rig.server.get(`ns/${name}`) && rig.server.delete(`ns/${name}`),
      ),
      weight: 3,
    },
    { arbitrary: fc.constant<Operation>((rig) => rig.api.bookmark()), weight: 1 },
    { arbitrary: fc.constant<Operation>((rig) => rig.api.endWatches()), weight: 1 },
    { arbitrary: fc.constant<Operation>((rig) => rig.server.compact()), weight: 1 },
  );
  const moment = fc.record({ operation, pause: fc.constantFrom(0, 0, 300, 5_000, 151_000) });

  test("the sink ends with what the server has, and requests are bounded", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fault, { maxLength: 12 }),
        fc.array(moment, { maxLength: 25 }),
        fc.boolean(),
        async (script, moments, watchList) => {
          const rig = new Rig();
          rig.api.watchList = watchList;
          await rig.start(...script);
          for (const { operation, pause } of moments) {
            operation(rig);
            await rig.clock.advanceAndSettle(pause);
          }
          // Each fault may cost a silence, or a wait of the backoff.
          for (let i = 0; i <= script.length; i++) await rig.clock.advanceAndSettle(151_000);
          rig.api.bookmark();
          const { requests, server } = rig.api;
          await rig.stop();
          expect(rig.content()).toEqual(versionsOf(server.selected()));
          // What each fault, each end, each compaction, and each silence of a quiet watch may cost: a try, and a list.
          expect(requests.length).toBeLessThan(3 * (script.length + moments.length) + 2 * (script.length + 2) + 3);
        },
      ),
      { numRuns: 150 },
    );
  });
});
