/*
 * Invariants
 * - What is told of a cache is told by resource, and by namespace where namespaces are watched one by one: never more series.
 * - The lag of a watch is the time from the answer to a write of ours until the watch, or a list, has told of it.
 */
import { Registry } from "prom-client";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Cache } from "../../src/cache/cache.ts";
import type { Informer } from "../../src/cache/informer.ts";
import { cacheMetrics } from "../../src/metrics/cache-metrics.ts";
import { ConfigMaps } from "../../src/resource.ts";
import { FakeClock, settled } from "../support/fake-clock.ts";
import { type Item, ModelServer } from "../support/model-server.ts";
import { refusal, ScriptedApi } from "../support/scripted-api.ts";

let clock: FakeClock;
let api: ScriptedApi;
let registry: Registry;
let stop: AbortController;
let cache: Cache;

beforeEach(() => {
  clock = new FakeClock();
  api = new ScriptedApi(new ModelServer(), clock);
  registry = new Registry();
  stop = new AbortController();
});
afterEach(async () => {
  stop.abort();
  await cache.stopped();
});

const start = async (namespaces: string[] = [], selectors: (string | undefined)[] = [undefined]) => {
  cache = new Cache({ client: api, clock, random: () => 0, namespaces, observer: cacheMetrics(registry) });
  const informers = selectors.map((labelSelector) => cache.informer(ConfigMaps, { labelSelector }));
  cache.start(stop.signal);
  await settled();
  return informers as [Informer<Item>, ...Informer<Item>[]];
};

/** The samples of a metric: `labels value`. */
const samples = async (name: string): Promise<string[]> =>
  (await registry.metrics())
    .split("\n")
    .flatMap((line) => (line.startsWith(`${name}{`) ? line.slice(name.length) : []));

describe("of all namespaces together", () => {
  test("objects, step and the last event are told once for each resource", async () => {
    for (const namespace of ["x", "y"]) api.server.put(namespace, "a");
    await start();
    clock.advance(7_000);
    expect(await samples("informer_objects")).toEqual(['{resource="configmaps",namespace=""} 2']);
    expect(await samples("informer_synced")).toEqual(['{resource="configmaps",namespace=""} 1']);
    expect(await samples("informer_last_event_age_seconds")).toEqual(['{resource="configmaps",namespace=""} 7']);
    api.bookmark();
    expect(await samples("informer_last_event_age_seconds")).toEqual(['{resource="configmaps",namespace=""} 0']);
  });

  test("informers of one resource with other selectors are told together: all objects, the worst of the rest", async () => {
    api.server.put("x", "a");
    api.script.push(undefined, { kind: "refused", error: refusal(500, "InternalError") });
    await start([], ["a=b", "c=d"]);
    expect(await samples("informer_objects")).toEqual(['{resource="configmaps",namespace=""} 1']);
    expect(await samples("informer_synced")).toEqual(['{resource="configmaps",namespace=""} 0']);
  });

  test("before anything came there is no last event", async () => {
    api.script.push({ kind: "refused", error: refusal(403, "Forbidden") });
    await start();
    expect(await samples("informer_last_event_age_seconds")).toEqual([]);
    expect(await samples("informer_synced")).toEqual(['{resource="configmaps",namespace=""} 0']);
  });
});

test("of namespaces one by one, each is told on its own", async () => {
  api.server.put("x", "a");
  api.script.push(undefined, { kind: "refused", error: refusal(403, "Forbidden") });
  await start(["x", "y"]);
  expect(await samples("informer_objects")).toEqual([
    '{resource="configmaps",namespace="x"} 1',
    '{resource="configmaps",namespace="y"} 0',
  ]);
  expect(await samples("informer_synced")).toEqual([
    '{resource="configmaps",namespace="x"} 1',
    '{resource="configmaps",namespace="y"} 0',
  ]);
});

test("watches that end are counted by why", async () => {
  await start();
  clock.advance(2_000);
  api.endWatches();
  await settled();
  expect(await samples("reflector_watch_restarts_total")).toEqual(['{resource="configmaps",reason="ended"} 1']);
});

describe("the lag of a watch", () => {
  /** The lags seen so far: how many, and their sum in seconds. */
  const lags = async () => {
    const [count = "", sum = ""] = [
      ...(await samples("informer_watch_lag_seconds_count")),
      ...(await samples("informer_watch_lag_seconds_sum")),
    ].map((line) => line.replace(/.* /, ""));
    return { count: Number(count), sum: Number(sum) };
  };

  test("is the time until the watch tells of a write; one write is followed at a time", async () => {
    const [informer] = await start();
    api.hold();
    informer.noteWritten(api.server.put("x", "a"));
    clock.advance(3_000);
    informer.noteWritten(api.server.put("x", "b"));
    clock.advance(1_000);
    expect(await lags()).toEqual({ count: 0, sum: 0 });
    api.release();
    expect(await lags()).toEqual({ count: 1, sum: 4 });
  });

  test("is 0 where the watch was faster than the answer", async () => {
    const [informer] = await start();
    const written = api.server.put("x", "a");
    clock.advance(3_000);
    informer.noteWritten(written);
    expect(await lags()).toEqual({ count: 1, sum: 0 });
  });

  test("ends with a list where the watch was lost", async () => {
    const [informer] = await start();
    api.hold();
    informer.noteWritten(api.server.put("x", "a"));
    clock.advance(10_000);
    api.server.compact();
    api.endWatches();
    await clock.advanceAndSettle(5_000);
    expect((await lags()).count).toBe(1);
    expect((await lags()).sum).toBeGreaterThanOrEqual(10);
  });

  test("is not told of a write that the server forgot when it was restored", async () => {
    const [informer] = await start();
    api.server.put("x", "before");
    api.hold();
    informer.noteWritten(api.server.put("x", "a"));
    api.server.rewind(100);
    api.bookmark();
    await clock.advanceAndSettle(5_000);
    api.release();
    informer.noteWritten(api.server.put("x", "b"));
    expect(await lags()).toEqual({ count: 1, sum: 0 });
  });
});
