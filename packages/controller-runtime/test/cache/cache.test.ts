/*
 * Invariants
 * - There is one informer, and one watch, for each resource and selector, however many ask for it.
 * - A cache is in step when all its informers are; a resource that is not installed does not hold it up.
 */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Cache, type CacheOptions } from "../../src/cache/cache.ts";
import { ConfigMaps, Nodes, Secrets } from "../../src/resource.ts";
import { FakeClock, settled } from "../support/fake-clock.ts";
import { ModelServer } from "../support/model-server.ts";
import { refusal, ScriptedApi } from "../support/scripted-api.ts";

let clock: FakeClock;
let api: ScriptedApi;
let stop: AbortController;
let cache: Cache;
const start = (options: Partial<CacheOptions> = {}) => {
  cache = new Cache({ client: api, clock, random: () => 0, ...options });
};

beforeEach(() => {
  clock = new FakeClock();
  api = new ScriptedApi(new ModelServer(), clock);
  stop = new AbortController();
  start();
});
afterEach(async () => {
  stop.abort();
  await cache.stopped();
  expect([clock.timers, api.watches]).toEqual([0, 0]);
});

describe("Cache", () => {
  test("shares one informer and one watch among all who ask for the same", async () => {
    const first = cache.informer(ConfigMaps, { labelSelector: "a=b" });
    expect(cache.informer(ConfigMaps, { labelSelector: "a=b" })).toBe(first);
    cache.start(stop.signal);
    await settled();
    expect(cache.informer(ConfigMaps, { labelSelector: "a=b" })).toBe(first);
    expect(api.requests).toHaveLength(1);
  });

  test("keeps resources and selectors apart", () => {
    const informers = [
      cache.informer(ConfigMaps),
      cache.informer(Secrets),
      cache.informer(ConfigMaps, { labelSelector: "a=b" }),
      cache.informer(ConfigMaps, { fieldSelector: "a=b" }),
    ];
    expect(new Set(informers).size).toBe(4);
    expect(cache.informers).toHaveLength(4);
  });

  test("merges what is asked for before the start", async () => {
    cache.informer(ConfigMaps, { project: { data: true } });
    cache.informer(ConfigMaps, { project: { metadata: { labels: true } } });
    cache.start(stop.signal);
    await settled();
    expect(api.projections).toEqual([{ data: true, metadata: { labels: true } }]);
  });

  test("shares an index that two ask for, and refuses another one of its name", () => {
    const pod = () => "pod";
    const informer = cache.informer(ConfigMaps, { index: { pod } });
    cache.informer(ConfigMaps, { index: { pod, name: ({ metadata }) => metadata.name } });
    expect(informer.byIndex("name", "a")).toEqual([]);
    expect(() => cache.informer(ConfigMaps, { index: { late: pod, pod: () => "other" } })).toThrow(TypeError);
    expect(() => informer.byIndex("late", "a")).toThrow(TypeError);
  });

  test("starts an informer at once that is asked for after the start", async () => {
    cache.start(stop.signal);
    const informer = cache.informer(ConfigMaps);
    expect(cache.synced).toBe(false);
    await settled();
    expect([informer.synced, cache.synced]).toEqual([true, true]);
  });

  test("watches each of its namespaces, and resources of no namespace once", async () => {
    start({ namespaces: ["x", "y"] });
    cache.informer(ConfigMaps);
    cache.informer(Nodes);
    cache.start(stop.signal);
    await settled();
    expect(api.requests).toHaveLength(3);
  });

  test("is in step without a resource that is not installed, and waits for one that is forbidden", async () => {
    api.script.push({ kind: "refused", error: refusal(404, "NotFound") });
    api.script.push({ kind: "refused", error: refusal(403, "Forbidden") });
    cache.informer(Secrets);
    cache.informer(ConfigMaps);
    cache.start(stop.signal);
    await settled();
    expect(cache.informers.map(({ missing, synced }) => [missing, synced])).toEqual([
      [true, false],
      [false, false],
    ]);
    expect(cache.synced).toBe(false);
    await clock.advanceAndSettle(1_000);
    expect(cache.synced).toBe(true);
  });
});
