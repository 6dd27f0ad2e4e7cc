/*
 * Invariants
 * - Each key that an object is or was about is enqueued for each change of it.
 * - What comes with a list is bulk; what happens is fresh; what we did is left out unless it is asked for.
 */
import type { ConfigMap } from "kubernetes-types/core/v1.d.ts";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Informer } from "../../src/cache/informer.ts";
import { type Watch, watch, watchChanges } from "../../src/controller/watch.ts";
import { silentLogger } from "../../src/log.ts";
import { keyOf } from "../../src/object.ts";
import { Priority } from "../../src/queue/priority.ts";
import { ConfigMaps } from "../../src/resource.ts";
import { FakeClock, settled } from "../support/fake-clock.ts";
import { type Item, ModelServer } from "../support/model-server.ts";
import { ScriptedApi } from "../support/scripted-api.ts";

let server: ModelServer;
let informer: Informer<ConfigMap>;
let stop: AbortController;
let running: Promise<void>;

beforeEach(() => {
  const clock = new FakeClock();
  server = new ModelServer();
  stop = new AbortController();
  informer = new Informer<ConfigMap>({
    client: new ScriptedApi(server, clock),
    resource: ConfigMaps,
    scope: { namespaces: [""] },
    projection: true,
    clock,
    random: () => 0,
    log: silentLogger,
  });
});
afterEach(async () => {
  stop.abort();
  await running;
});

const run = async () => {
  running = informer.run(stop.signal);
  await settled();
};

/** What is enqueued from now on: keys with their priorities. */
const record = (source: Watch) => {
  const keys: string[] = [];
  const end = source.start((key, priority) => keys.push(`${key} ${priority === Priority.bulk ? "bulk" : priority}`));
  return { end, take: () => keys.splice(0) };
};

const value = (item: Item) => item.data?.value;

describe("watch", () => {
  test("enqueues a list as bulk and what happens after it as fresh", async () => {
    server.put("ns", "a");
    const keys = record(watch(informer, keyOf));
    await run();
    server.put("ns", "b");
    server.delete("ns/b");
    expect(keys.take()).toEqual(["ns/a bulk", `ns/b ${Priority.fresh}`, `ns/b ${Priority.fresh}`]);
  });

  test("enqueues what an object was about before, too", async () => {
    server.put("ns", "a", { data: "old" });
    await run();
    const keys = record(watch(informer, value, { priority: 7 }));
    server.put("ns", "a", { data: "new" });
    expect(keys.take()).toEqual(["old 7", "old 7", "new 7"]);
  });

  test("enqueues a key once that old and new are about, and none where there is none", async () => {
    const keys = record(watch(informer, (item) => (value(item) === "none" ? undefined : ["common", "more"])));
    await run();
    server.put("ns", "a", { data: "1" });
    keys.take();
    server.put("ns", "a", { data: "2" });
    expect(keys.take()).toEqual([`common ${Priority.fresh}`, `more ${Priority.fresh}`]);
    server.put("ns", "b", { data: "none" });
    expect(keys.take()).toEqual([]);
  });

  test("leaves our own writes out unless they are asked for", async () => {
    await run();
    const [plain, all] = [record(watch(informer, keyOf)), record(watch(informer, keyOf, { ownWrites: true }))];
    const own = { metadata: { namespace: "ns", name: "a", uid: "u", resourceVersion: "500" } };
    informer.noteWritten(own);
    informer.noteDeleted(own);
    expect(plain.take()).toEqual([]);
    expect(all.take()).toHaveLength(2);
  });

  test("enqueues nothing once it has ended", async () => {
    const keys = record(watch(informer, keyOf));
    await run();
    keys.end();
    server.put("ns", "a");
    expect(keys.take()).toEqual([]);
  });

  test("is ready when its informer is in step, or at once where it may be early", async () => {
    let ready = false;
    const waiting = watch(informer, keyOf)
      .ready(stop.signal)
      .then(() => {
        ready = true;
      });
    await watch(informer, keyOf, { early: true }).ready(stop.signal);
    expect(ready).toBe(false);
    await run();
    await waiting;
    expect(ready).toBe(true);
  });
});

test("watchChanges is told what kind of change it was", async () => {
  const keys = record(watchChanges(informer, (change) => change.type));
  await run();
  server.put("ns", "a", { data: "1" });
  server.put("ns", "a", { data: "2" });
  server.delete("ns/a");
  expect(keys.take().map((line) => line.split(" ")[0])).toEqual(["added", "updated", "deleted"]);
});
