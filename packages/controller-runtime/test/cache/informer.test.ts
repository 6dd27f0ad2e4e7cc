/*
 * Invariants
 * - A handler is told each change, in order; folded, they give what the informer holds. What one throws, or causes,
 *   changes nothing for the others. A late one is told what is there first.
 * - Once synced, no object lacks what was asked for.
 * - What others changed is never taken for a change of ours.
 * - The log says of each trouble once, for as long as it lasts.
 */
import type { ConfigMap } from "kubernetes-types/core/v1.d.ts";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Informer, type InformerScope } from "../../src/cache/informer.ts";
import type { Change } from "../../src/cache/store.ts";
import type { Projection } from "../../src/decode/projection.ts";
import { ConnectionError } from "../../src/errors.ts";
import { ConfigMaps } from "../../src/resource.ts";
import { FakeClock, settled } from "../support/fake-clock.ts";
import { type Item, ModelServer } from "../support/model-server.ts";
import { recordedLog } from "../support/recorded-log.ts";
import { type Fault, refusal, ScriptedApi } from "../support/scripted-api.ts";

const clock = () => new FakeClock();

class Rig {
  readonly clock = clock();
  readonly server = new ModelServer();
  readonly api = new ScriptedApi(this.server, this.clock);
  readonly log = recordedLog();
  readonly stop = new AbortController();
  readonly informer: Informer<ConfigMap>;
  #running: Promise<void> | undefined;

  constructor(scope: InformerScope = { namespaces: [""] }, projection: Projection = { metadata: { labels: true } }) {
    const { clock, api, log } = this;
    const random = () => 0;
    this.informer = new Informer<ConfigMap>({
      client: api,
      resource: ConfigMaps,
      scope,
      projection,
      clock,
      random,
      log,
    });
  }

  async start(...script: (Fault | undefined)[]): Promise<void> {
    this.api.script.push(...script);
    this.#running = this.informer.run(this.stop.signal);
    await settled();
  }

  async end(): Promise<void> {
    this.stop.abort(new Error("the test is over"));
    await this.#running;
  }

  /** What a handler is told from now on, as `type name@resourceVersion`. */
  record(): string[] {
    const told: string[] = [];
    this.informer.onChange((change) => told.push(inShort(change)));
    return told;
  }

  content(): string[] {
    return [...this.informer.values()].map(nameOf).sort();
  }
}

const nameOf = ({ metadata }: Item) => `${metadata.name}@${metadata.resourceVersion}`;
const inShort = (change: Change<Item>) => `${change.type} ${nameOf(change.object)}`;

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
});
afterEach(() => rig.end());

describe("handlers", () => {
  test("are told each change in order, and a late one what is there first", async () => {
    rig.server.put("ns", "a");
    const early = rig.record();
    await rig.start();
    rig.server.put("ns", "b");
    const late = rig.record();
    rig.server.put("ns", "a", { selected: false });
    rig.server.delete("ns/b");
    const common = ["deleted a@101", "deleted b@102"];
    expect(early).toEqual(["added a@101", "added b@102", ...common]);
    expect(late).toEqual(["added a@101", "added b@102", ...common]);
  });

  test("that throw are logged, and change nothing for the others", async () => {
    rig.informer.onChange(() => {
      throw new Error("no");
    });
    const told = rig.record();
    await rig.start();
    rig.server.put("ns", "a");
    rig.server.put("ns", "b");
    expect(told).toEqual(["added a@101", "added b@102"]);
    expect(rig.content()).toEqual(["a@101", "b@102"]);
    expect(rig.log.of("error")).toEqual(["a change handler threw", "a change handler threw"]);
  });

  test("hear what a handler causes after what it was called for", async () => {
    let next: Item | undefined;
    rig.informer.onChange(({ object }) => {
      if (object.metadata.name === "a" && next === undefined) {
        next = { ...object, metadata: { ...object.metadata, resourceVersion: "200", labels: { by: "us" } } };
        rig.informer.noteWritten(next, { base: object.metadata.resourceVersion });
      }
    });
    const told = rig.record();
    await rig.start();
    rig.server.put("ns", "a");
    expect(told).toEqual(["added a@101", "updated a@200"]);
  });

  test("that come while a change is handed out are not told it twice", async () => {
    let late: string[] = [];
    const end = rig.informer.onChange(() => {
      late = rig.record();
      end();
    });
    await rig.start();
    rig.server.put("ns", "a");
    rig.server.put("ns", "b");
    expect(late).toEqual(["added a@101", "added b@102"]);
  });

  test("are told nothing once they have ended", async () => {
    const told: string[] = [];
    const end = rig.informer.onChange((change) => told.push(inShort(change)));
    await rig.start();
    rig.server.put("ns", "a");
    end();
    rig.server.put("ns", "b");
    expect(told).toEqual(["added a@101"]);
  });

  test("are told nothing once another has ended them, in the midst of a change too", async () => {
    let end = () => {};
    rig.informer.onChange(() => end());
    const told: string[] = [];
    end = rig.informer.onChange((change) => told.push(inShort(change)));
    await rig.start();
    rig.server.put("ns", "a");
    expect(told).toEqual([]);
  });

  test("are not told a new state that differs in nothing that was asked for", async () => {
    const bare = new Rig({ namespaces: [""] }, true);
    const told = bare.record();
    await bare.start();
    bare.server.put("ns", "a", { data: "1" });
    bare.server.put("ns", "a", { data: "1" });
    expect(told).toEqual(["added a@101"]);
    expect(bare.content()).toEqual(["a@102"]);
    await bare.end();
  });
});

describe("an indexer that throws", () => {
  test("is logged, and keeps no object out", async () => {
    rig.informer.addIndexers({
      odd: ({ metadata }) => {
        if (metadata.name === "a") throw new Error("no");
        return metadata.name;
      },
    });
    const told = rig.record();
    await rig.start();
    rig.server.put("ns", "a");
    rig.server.put("ns", "b");
    expect(told).toEqual(["added a@101", "added b@102"]);
    expect(rig.informer.byIndex("odd", "b")).toHaveLength(1);
    expect(rig.log.of("error")).toEqual(["an indexer threw"]);
  });
});

describe("a write of ours", () => {
  const take = (object: Item, base?: string) => rig.informer.noteWritten(object, { base });
  const origins = () => {
    const told: string[] = [];
    rig.informer.onChange((change) => told.push(`${inShort(change)} by ${change.origin}`));
    return told;
  };
  /** The server writes, and the watch lags behind. */
  const unseen = (write: () => Item): Item => {
    rig.api.hold();
    return write();
  };

  test("is seen at once, and not told twice", async () => {
    await rig.start();
    const told = origins();
    take(unseen(() => rig.server.put("ns", "a")));
    expect(rig.content()).toEqual(["a@101"]);
    rig.api.release();
    expect(told).toEqual(["added a@101 by write"]);
    expect(rig.informer.unconfirmed).toBe(0);
  });

  test("that was based on what is held counts as ours", async () => {
    rig.server.put("ns", "a");
    await rig.start();
    const told = origins();
    take(
      unseen(() => rig.server.put("ns", "a", { data: "1" })),
      "101",
    );
    expect(told.at(-1)).toBe("updated a@102 by write");
  });

  test("that brings along what others changed before does not count as ours", async () => {
    rig.server.put("ns", "a");
    await rig.start();
    const told = origins();
    unseen(() => rig.server.put("ns", "a", { data: "theirs" }));
    take(rig.server.put("ns", "a", { data: "ours" }), "102");
    rig.api.release();
    expect(told.slice(1)).toEqual(["updated a@103 by watch"]);
  });

  test("of a namespace that is not watched is not taken", async () => {
    const narrow = new Rig({ namespaces: ["ns"] });
    await narrow.start();
    narrow.informer.noteWritten(narrow.server.put("other", "a"));
    expect(narrow.content()).toEqual([]);
    await narrow.end();
  });

  test("that the selector leaves out goes as soon as the watch has passed it", async () => {
    await rig.start();
    take(unseen(() => rig.server.put("ns", "a", { selected: false })));
    expect(rig.content()).toEqual(["a@101"]);
    rig.api.release();
    rig.api.bookmark();
    expect(rig.content()).toEqual([]);
    expect(rig.informer.unconfirmed).toBe(0);
  });

  test("that deleted an object is seen at once, and the object's former life is told no more", async () => {
    const object = rig.server.put("ns", "a");
    await rig.start();
    const told = origins();
    rig.api.hold();
    rig.server.put("ns", "a", { data: "1" });
    rig.server.delete("ns/a");
    rig.informer.noteDeleted(object);
    rig.api.release();
    expect(told.slice(1)).toEqual(["deleted a@101 by write"]);
    expect(rig.informer.unconfirmed).toBe(0);
  });
});

describe("a wider projection", () => {
  const WIDE = { metadata: { labels: true }, data: true } as const;
  const asked = () => rig.api.projections.splice(0);

  test("that is wanted before the start is merged, and listed once", async () => {
    rig.informer.widen({ data: true });
    await rig.start();
    expect(asked()).toEqual([WIDE]);
  });

  test("that is covered changes nothing", async () => {
    await rig.start();
    rig.informer.widen({ metadata: { labels: true } });
    await settled();
    expect(rig.informer.synced).toBe(true);
    expect(rig.api.requests).toHaveLength(1);
  });

  test("that is wanted later is listed anew, and only then is the informer in step again", async () => {
    rig.server.put("ns", "a", { data: "1" });
    await rig.start();
    rig.informer.widen({ data: true });
    expect([rig.informer.synced, rig.informer.ready, rig.informer.serving]).toEqual([false, false, true]);
    expect([...rig.informer.values()].map(({ data }) => data)).toEqual([undefined]);
    await settled();
    expect(rig.informer.synced).toBe(true);
    expect(asked().at(-1)).toEqual(WIDE);
    expect([...rig.informer.values()].map(({ data }) => data)).toEqual([{ value: "1" }]);
  });

  test("after another while a list is under way lets that list finish, and is one more list with them", async () => {
    rig.server.put("ns", "a", { data: "1" });
    await rig.start();
    const before = rig.api.requests.length;
    for (let i = 0; i < 20; i++) rig.informer.widen({ spec: { [`x${i}`]: true } });
    await settled();
    expect(rig.informer.synced).toBe(true);
    expect(rig.api.requests.length - before).toBeLessThanOrEqual(4);
    expect(rig.informer.holds({ spec: { x0: true, x19: true } }, "ns")).toBe(true);
    expect(rig.informer.holds({ spec: { x20: true } }, "ns")).toBe(false);
  });

  test("leaves what is held with what it was held with", async () => {
    await rig.start();
    rig.informer.widen({ data: true });
    expect(rig.informer.holds({ metadata: { labels: true } }, "ns")).toBe(true);
    expect(rig.informer.holds({ data: true }, "ns")).toBe(false);
    await settled();
    expect(rig.informer.holds({ data: true }, "ns")).toBe(true);
  });

  test("that is wanted while a list comes in does not take the rest of that list for wide", async () => {
    for (const name of ["a", "b", "c"]) rig.server.put("ns", name, { data: "1" });
    const end = rig.informer.onChange(() => {
      end();
      rig.informer.widen({ data: true });
    });
    const whenSynced = rig.informer
      .whenSynced(rig.stop.signal)
      .then(() => [...rig.informer.values()].map(({ data }) => data?.value));
    await rig.start();
    expect(await whenSynced).toEqual(["1", "1", "1"]);
    expect(asked()).toEqual([{ metadata: { labels: true } }, WIDE]);
    expect([...rig.informer.values()].map(({ data }) => data)).toEqual([
      { value: "1" },
      { value: "1" },
      { value: "1" },
    ]);
  });

  test("keeps out answers to writes that were decoded before", async () => {
    await rig.start();
    const { projection } = rig.informer;
    rig.informer.widen({ data: true });
    await settled();
    rig.api.hold();
    const { data, ...narrow } = rig.server.put("ns", "a", { data: "1" });
    rig.informer.noteWritten(narrow, { projection });
    expect(rig.content()).toEqual([]);
    rig.api.release();
    expect([...rig.informer.values()].map(({ data }) => data)).toEqual([data]);
  });

  test("that cannot be had beside the present one is refused, and changes nothing", async () => {
    rig.informer.widen({ data: "digest" });
    expect(() => rig.informer.widen({ data: true })).toThrow(TypeError);
    expect(rig.informer.projection).toEqual({ metadata: { labels: true }, data: "digest" });
    expect(() => new Rig({ namespaces: [""] }, { metadata: "digest" })).toThrow(TypeError);
  });
});

describe("an informer of two namespaces", () => {
  const two = () => new Rig({ namespaces: ["x", "y"] });

  test("is in step when both are, and serves the one that is meanwhile", async () => {
    rig = two();
    rig.server.put("x", "a");
    rig.server.put("y", "b");
    await rig.start(undefined, { kind: "refused", error: refusal(403, "Forbidden") });
    expect(rig.content()).toEqual(["a@101"]);
    expect(rig.informer.synced).toBe(false);
    expect(rig.informer.problem?.kind).toBe("forbidden");
    await rig.clock.advanceAndSettle(200);
    expect(rig.content()).toEqual(["a@101", "b@102"]);
    expect(rig.informer.synced).toBe(true);
    expect(rig.informer.problem).toBeUndefined();
  });

  test("is ready when one is in step and the other must not be read, and says which", async () => {
    rig = two();
    let ready = false;
    const heard: string[] = [];
    rig.informer.onSynced(() => heard.push(["x", "y", "z"].filter((name) => rig.informer.syncedIn(name)).join()));
    const waiting = rig.informer.whenReady(rig.stop.signal).then(() => {
      ready = true;
    });
    const forbidden: Fault = { kind: "refused", error: refusal(403, "Forbidden") };
    await rig.start(forbidden, { kind: "refused", error: refusal(500, "InternalError") }, forbidden);
    expect(rig.informer.ready).toBe(false);
    await rig.clock.advanceAndSettle(300);
    await waiting;
    expect([ready, rig.informer.ready, rig.informer.synced]).toEqual([true, true, false]);
    await rig.clock.advanceAndSettle(1_000);
    expect(rig.informer.synced).toBe(true);
    expect(heard).toEqual(["y", "x,y"]);
  });

  test("is not ready while neither may be read", async () => {
    rig = two();
    await rig.start(...Array.from({ length: 2 }, (): Fault => ({ kind: "refused", error: refusal(403, "Forbidden") })));
    expect(rig.informer.ready).toBe(false);
  });

  test("is not ready while one is in step and the other fails", async () => {
    rig = two();
    await rig.start(undefined, { kind: "refused", error: refusal(500, "InternalError") });
    expect(rig.informer.ready).toBe(false);
  });

  test("lists each on its own: what one misses does not touch the other", async () => {
    rig = two();
    rig.server.put("x", "a");
    rig.server.put("y", "b");
    await rig.start();
    rig.api.hold();
    rig.server.delete("x/a");
    rig.server.compact();
    rig.api.endWatches();
    rig.api.release();
    for (let i = 0; i < 5; i++) await rig.clock.advanceAndSettle(1_000);
    expect(rig.content()).toEqual(["b@102"]);
  });
});

describe("whenSynced", () => {
  test("resolves once a complete list is there, also for who asks later", async () => {
    const waiting = rig.informer.whenSynced(rig.stop.signal);
    await rig.start();
    await expect(waiting).resolves.toBeUndefined();
    await expect(rig.informer.whenSynced(rig.stop.signal)).resolves.toBeUndefined();
  });

  test("rejects with the signal's reason", async () => {
    const gone = new AbortController();
    const waiting = rig.informer.whenSynced(gone.signal);
    gone.abort("enough");
    await expect(waiting).rejects.toBe("enough");
    await expect(rig.informer.whenSynced(gone.signal)).rejects.toBe("enough");
  });
});

describe("the log", () => {
  const refused = (error: Error, times: number) =>
    Array.from({ length: times }, (): Fault => ({ kind: "refused", error }));
  /** What someone sees who does not look for detail. */
  const said = () => rig.log.lines.filter(({ level }) => level !== "debug").map(({ message }) => message);

  test("names a missing CRD once, and says when it is there", async () => {
    await rig.start(...refused(refusal(404, "NotFound"), 8));
    expect(rig.informer.missing).toBe(true);
    await rig.clock.advanceAndSettle(120_000);
    expect(said()).toEqual([
      "the API server does not know configmaps: install its CRD; waiting for it",
      "the API server knows configmaps now",
    ]);
    expect(rig.informer.missing).toBe(false);
  });

  test("names a missing permission once, also when it is withdrawn later", async () => {
    await rig.start(undefined, ...refused(refusal(403, "Forbidden"), 4));
    rig.server.put("ns", "a");
    rig.api.endWatches();
    await rig.clock.advanceAndSettle(60_000);
    expect(said()).toEqual([
      'not allowed to list and watch configmaps: grant "list" and "watch"; waiting for it',
      "allowed to list and watch again",
    ]);
  });

  test("says nothing of a watch that breaks once", async () => {
    await rig.start(undefined, ...refused(refusal(500, "InternalError"), 1));
    rig.server.put("ns", "a");
    rig.api.endWatches();
    await rig.clock.advanceAndSettle(60_000);
    expect(said()).toEqual([]);
  });

  test("names an API server that is away once, though each try's request is another", async () => {
    const errors = Array.from(
      { length: 8 },
      (_, i) =>
        new ConnectionError(`GET /?timeoutSeconds=${i}`, { cause: new Error("connect ECONNREFUSED"), sent: false }),
    );
    await rig.start(undefined, ...errors.flatMap((error) => refused(error, 1)));
    rig.server.put("ns", "a");
    rig.api.endWatches();
    await rig.clock.advanceAndSettle(120_000);
    expect(said()).toEqual([
      "cannot reach the API server: check that it runs, its address and its CA; trying again",
      "the API server answers again",
    ]);
  });

  test("names a stream once that is accepted and lost before it is complete, time and again", async () => {
    await rig.start(...Array.from({ length: 8 }, (): Fault => ({ kind: "lost", after: 0 })));
    await rig.clock.advanceAndSettle(120_000);
    expect(said()).toEqual([
      "connections to the API server break: check it, and what is in between; trying again",
      "the API server answers again",
    ]);
  });

  test("names a trouble anew when it becomes another", async () => {
    await rig.start(...refused(refusal(500, "InternalError"), 2), ...refused(refusal(403, "Forbidden"), 3));
    await rig.clock.advanceAndSettle(2_500);
    expect(said()).toEqual([
      "cannot watch configmaps; trying again",
      'not allowed to list and watch configmaps: grant "list" and "watch"; waiting for it',
    ]);
  });
});

test("an end leaves no timer, no watch and no request behind", async () => {
  await rig.start();
  await rig.end();
  expect([rig.clock.timers, rig.api.watches, rig.api.requests.length]).toEqual([0, 0, 1]);
});
