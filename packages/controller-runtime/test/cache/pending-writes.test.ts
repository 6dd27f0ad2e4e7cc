/*
 * Invariants
 * - While a write of ours is on its way, one change of its key waits for the answer, for a moment; with the second, or when
 *   the moment is over, all go to the handlers, in order.
 * - What the watch told before the answer counts as ours only if it is what the answer says, from the state that the write
 *   was based on.
 * - Reading is never held back, nor are other keys.
 */
import type { ConfigMap } from "kubernetes-types/core/v1.d.ts";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Informer } from "../../src/cache/informer.ts";
import { silentLogger } from "../../src/log.ts";
import { ConfigMaps } from "../../src/resource.ts";
import { FakeClock, settled } from "../support/fake-clock.ts";
import { ModelServer } from "../support/model-server.ts";
import { ScriptedApi } from "../support/scripted-api.ts";

let clock: FakeClock;
let server: ModelServer;
let informer: Informer<ConfigMap>;
let stop: AbortController;
let running: Promise<void>;
let told: string[];

beforeEach(async () => {
  clock = new FakeClock();
  server = new ModelServer();
  server.put("ns", "old");
  informer = new Informer<ConfigMap>({
    client: new ScriptedApi(server, clock),
    resource: ConfigMaps,
    scope: { namespaces: [""] },
    projection: { data: true },
    clock,
    random: () => 0,
    log: silentLogger,
  });
  stop = new AbortController();
  running = informer.run(stop.signal);
  await settled();
  told = [];
  informer.onChange(({ type, object, origin }) => told.push(`${type} ${object.metadata.name} by ${origin}`));
  told.length = 0;
});

afterEach(async () => {
  stop.abort(new Error("the test is over"));
  await running;
});

describe("a write that is on its way", () => {
  test("is taken for ours when the watch was sooner than its answer", async () => {
    {
      using _write = informer.beginWrite("ns/a");
      const created = server.put("ns", "a");
      await settled();
      expect(informer.get("ns/a")?.metadata.resourceVersion).toBe(created.metadata.resourceVersion);
      expect(told).toEqual([]);
      informer.noteWritten(created);
    }
    expect(told).toEqual(["added a by write"]);
  });

  test("does not hide what others did meanwhile", async () => {
    const old = informer.get("ns/old");
    {
      using _write = informer.beginWrite("ns/old");
      server.put("ns", "old", { data: "theirs" });
      const ours = server.put("ns", "old", { data: "ours" });
      server.put("ns", "old", { data: "theirs again" });
      await settled();
      // An update without a resourceVersion: it may have gone on top of anything.
      informer.noteWritten(ours, { base: old?.metadata.resourceVersion });
    }
    expect(told).toEqual(["updated old by watch", "updated old by watch", "updated old by watch"]);
  });

  test("that fails leaves what the watch told to the handlers", async () => {
    {
      using _write = informer.beginWrite("ns/a");
      server.put("ns", "a");
      await settled();
    }
    expect(told).toEqual(["added a by watch"]);
  });

  test("that deletes is taken for ours when the watch was sooner than its answer", async () => {
    const old = informer.get("ns/old");
    if (old === undefined) throw new Error("the cache has lost its object");
    {
      using _write = informer.beginWrite("ns/old");
      server.delete("ns/old");
      await settled();
      expect(informer.get("ns/old")).toBeUndefined();
      informer.noteDeleted(old);
    }
    expect(told).toEqual(["deleted old by write"]);
  });

  test("holds back no other key", async () => {
    using _write = informer.beginWrite("ns/a");
    server.put("ns", "b");
    await settled();
    expect(told).toEqual(["added b by watch"]);
  });

  test("does not keep what the watch tells for longer than a moment", async () => {
    using _write = informer.beginWrite("ns/old");
    server.put("ns", "old", { data: "theirs" });
    await settled();
    await clock.advanceAndSettle(249);
    expect(told).toEqual([]);
    await clock.advanceAndSettle(1);
    expect(told).toEqual(["updated old by watch"]);
    server.put("ns", "old", { data: "theirs again" });
    await settled();
    expect(told).toHaveLength(2);
  });

  test("leaves no timer behind once nothing waits", async () => {
    const timers = clock.timers;
    {
      using _write = informer.beginWrite("ns/a");
      server.put("ns", "a");
      await settled();
      expect(clock.timers).toBe(timers + 1);
    }
    expect(clock.timers).toBe(timers);
  });

  test("waits for the last of several writes of one key", async () => {
    const first = informer.beginWrite("ns/a");
    {
      using _second = informer.beginWrite("ns/a");
      server.put("ns", "a");
      await settled();
    }
    expect(told).toEqual([]);
    first[Symbol.dispose]();
    expect(told).toEqual(["added a by watch"]);
  });
});
