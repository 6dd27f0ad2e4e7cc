/*
 * With a real API server.
 *
 * Invariants
 * - However lists and watches come in, and whatever breaks them, an informer ends with what the server has. The changes
 *   that it told, folded, give the same; none is told twice.
 * - A reconcile never sees less than its own last write.
 */
import { type Cluster, since, startCluster } from "@pcmc/devcluster";
import type { ConfigMap } from "kubernetes-types/core/v1.d.ts";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Cache } from "../../src/cache/cache.ts";
import type { Informer } from "../../src/cache/informer.ts";
import type { ListWatch } from "../../src/cache/reflector.ts";
import { compareResourceVersions } from "../../src/cache/resource-version.ts";
import { writeThrough } from "../../src/cache/write-through.ts";
import { Client } from "../../src/client/client.ts";
import type { ClusterConfig } from "../../src/config/cluster-config.ts";
import { Controller } from "../../src/controller/controller.ts";
import { watch } from "../../src/controller/watch.ts";
import { ConflictError, ConnectionError } from "../../src/errors.ts";
import { type KeyString, keyOf, type Stored } from "../../src/object.ts";
import { ConfigMaps } from "../../src/resource.ts";
import { seededRandom } from "../queue/seeded-random.ts";
import { Gate } from "../support/gate.ts";

type Item = Stored<ConfigMap>;

const configOf = ({ server, caPem, certPem, keyPem }: Cluster): ClusterConfig => ({
  server,
  namespace: "default",
  source: "test",
  tls: () => ({ ca: caPem, cert: certPem, key: keyPem, rejectUnauthorized: true }),
  onTlsChange: () => () => {},
  authorization: () => undefined,
  refresh: async () => false,
  close: () => {},
});

const NAMESPACE = "default";
const map = (name: string, value = "", labels: Record<string, string> = { test: "yes" }): ConfigMap => ({
  metadata: { namespace: NAMESPACE, name, labels },
  data: { value },
});
const summary = (items: Iterable<Item>) =>
  [...items].map(({ metadata, data }) => `${metadata.name}@${metadata.resourceVersion} ${data?.value}`).sort();

/** Folds what an informer tells; a change that does not fit what was told before is an error. */
class Folded {
  readonly items = new Map<KeyString, Item>();
  readonly errors: string[] = [];
  readonly ends: { readonly key: KeyString; readonly finalStateUnknown: boolean }[] = [];

  constructor(informer: Informer<ConfigMap>) {
    informer.onChange((change) => {
      const key = keyOf(change.object);
      if (this.items.has(key) === (change.type === "added")) this.errors.push(`${change.type} ${key}`);
      if (change.type === "deleted") {
        this.items.delete(key);
        this.ends.push({ key, finalStateUnknown: change.finalStateUnknown });
      } else this.items.set(key, change.object);
    });
  }
}

const streaming = since("1.32", "WatchList in beta");

let cluster: Cluster;
let client: Client;
let stop: AbortController;
let caches: Cache[];

beforeAll(async () => {
  // Beta since 1.32, and off again by default in 1.33.
  const featureGates = streaming.missing ? {} : { WatchList: true };
  cluster = await startCluster({ controllerManager: false, featureGates });
  client = new Client(configOf(cluster), { userAgent: "test/1" });
});
afterAll(async () => {
  await client.close();
  await cluster.stop();
});
beforeEach(() => {
  stop = new AbortController();
  caches = [];
});
afterEach(async () => {
  stop.abort(new Error("the test is over"));
  for (const cache of caches) await cache.stopped();
  await Promise.all(
    (await listed()).map(({ metadata }) => client.delete(ConfigMaps, { ...metadata, namespace: NAMESPACE })),
  );
});

const listed = async (labelSelector = "test") => (await client.list(ConfigMaps, { labelSelector })).items;

const follow = async (through: ListWatch, observer?: ConstructorParameters<typeof Cache>[0]["observer"]) => {
  const cache = new Cache({ client: through, observer });
  caches.push(cache);
  const informer = cache.informer(ConfigMaps, { labelSelector: "test" });
  const folded = new Folded(informer);
  cache.start(stop.signal);
  await informer.whenSynced(stop.signal);
  return { informer, folded };
};

/** Waits until an informer holds what the server has, and has told no more and no less. */
const converged = async ({ informer, folded }: { informer: Informer<ConfigMap>; folded: Folded }, from = client) => {
  const { items } = await from.list(ConfigMaps, { labelSelector: "test" });
  await expect.poll(() => summary(informer.values()), { timeout: 20_000 }).toEqual(summary(items));
  expect(summary(folded.items.values())).toEqual(summary(items));
  expect(folded.errors).toEqual([]);
};

/** Creates, changes and deletes a few. */
const change = async (round: string): Promise<void> => {
  await client.create(ConfigMaps, map(`a-${round}`));
  const b = await client.create(ConfigMaps, map(`b-${round}`));
  await client.update(ConfigMaps, { ...b, data: { value: round } });
  await client.create(ConfigMaps, map(`c-${round}`));
  await client.delete(ConfigMaps, { namespace: NAMESPACE, name: `c-${round}` });
};

describe("an informer", () => {
  test.skipIf(streaming.missing)(`gets the list with the watch, in one request${streaming.note}`, async () => {
    for (const round of ["1", "2", "3"]) await change(round);
    const gate = new Gate(client);
    const followed = await follow(gate);
    await change("4");
    await converged(followed);
    expect(gate.requests).toEqual(["watch list"]);
  });

  test("gets the same from a server without WatchList, page by page", async () => {
    await using old = await startCluster({ controllerManager: false, featureGates: { WatchList: false } });
    const other = new Client(configOf(old), { userAgent: "test/1" });
    for (const name of ["a", "b", "c", "d", "e", "f", "g"]) await other.create(ConfigMaps, map(name, name));
    const gate = new Gate(other);
    const followed = await follow(gate);
    expect(followed.informer.size).toBe(7);
    await other.delete(ConfigMaps, { namespace: NAMESPACE, name: "a" });
    await converged(followed, other);
    expect(gate.requests).toEqual(["watch list", "list", "watch"]);
    stop.abort(new Error("its server ends"));
    for (const cache of caches) await cache.stopped();
    await other.close();
  });

  test("sees an object leave when its label goes, and come back with it", async () => {
    const followed = await follow(client);
    const created = await client.create(ConfigMaps, map("a"));
    await converged(followed);
    const left = await client.update(ConfigMaps, { ...created, metadata: { ...created.metadata, labels: {} } });
    await converged(followed);
    expect(followed.folded.ends).toEqual([{ key: "default/a", finalStateUnknown: false }]);
    await client.update(ConfigMaps, { ...left, metadata: { ...left.metadata, labels: { test: "again" } } });
    await expect.poll(() => followed.informer.size).toBe(1);
  });

  test("goes on where it was when the connection is lost", async () => {
    const gate = new Gate(client);
    await change("1");
    const followed = await follow(gate);
    gate.close();
    await change("2");
    await client.delete(ConfigMaps, { namespace: NAMESPACE, name: "a-1" });
    gate.open();
    await converged(followed);
    if (!streaming.missing) expect(gate.requests).toEqual(["watch list", "watch"]);
    expect(gate.requests.at(-1)).toBe("watch");
    expect(followed.folded.ends).toContainEqual({ key: "default/a-1", finalStateUnknown: false });
  });

  test("lists again when its resourceVersion is too old, and finds what it has missed", async () => {
    const gate = new Gate(client);
    const restarts: string[] = [];
    await change("1");
    const followed = await follow(gate, { onRestart: (_resource, reason) => restarts.push(reason) });
    gate.close();
    await client.delete(ConfigMaps, { namespace: NAMESPACE, name: "a-1" });
    await change("2");
    // A server that starts remembers nothing of what was before.
    await cluster.restart("kube-apiserver");
    gate.open();
    await converged(followed);
    expect(restarts).toContain("expired");
    if (!streaming.missing) expect(gate.requests.at(-1)).toBe("watch list");
    expect(followed.folded.ends).toContainEqual({ key: "default/a-1", finalStateUnknown: true });
  });

  test("loses nothing and tells nothing twice when the API server is killed in the midst of writes", async () => {
    const followed = await follow(client);
    let writing = true;
    const writes = (async () => {
      for (let i = 0; writing; i++) await change(`w${i}`).catch(tolerateDowntime);
    })();
    await expect.poll(() => followed.informer.size).toBeGreaterThan(10);
    await cluster.restart("kube-apiserver", "SIGKILL");
    const there = followed.informer.size;
    await expect.poll(() => followed.informer.size, { timeout: 20_000 }).toBeGreaterThan(there);
    writing = false;
    await writes;
    await converged(followed);
  });
});

const tolerateDowntime = (error: unknown): void => {
  if (!(error instanceof ConnectionError)) throw error;
};

describe("a reconcile", () => {
  const KEYS = 10;
  const WRITES = 200;

  test("sees at least its own last write, whatever others write at the same time", async () => {
    const cache = new Cache({ client });
    caches.push(cache);
    const informer = cache.informer(ConfigMaps, { labelSelector: "test" });
    const writer = writeThrough(client, informer);
    const written = new Map<KeyString, number>();
    const last = new Map<KeyString, Item | undefined>();
    const stale: string[] = [];
    const random = seededRandom(1);
    let meddling = true;

    const look = (key: KeyString): Item | undefined => {
      const seen = informer.get(key);
      const own = last.get(key);
      if (!last.has(key)) return seen;
      // After our deletion only a new object may be there; others delete nothing here.
      const isOlder = own === undefined ? seen !== undefined : seen === undefined || isBefore(seen, own);
      if (isOlder) stale.push(`${key}: ${seen?.metadata.resourceVersion} after ${own?.metadata.resourceVersion}`);
      return seen;
    };
    const step = async (key: KeyString, signal: AbortSignal): Promise<Item | undefined> => {
      const seen = look(key);
      if (seen === undefined) return writer.create(map(key.slice(NAMESPACE.length + 1)), { signal });
      const changed: ConfigMap = { ...seen, data: { value: String(written.get(key)) } };
      if (random() > 0.3) return writer.update(changed, { signal });
      await writer.delete(seen, { signal });
      return undefined;
    };
    const controller = new Controller({
      name: "busy",
      workers: KEYS,
      watches: [watch(informer, keyOf)],
      reconcile: async (key, { signal }) => {
        const count = written.get(key) ?? 0;
        if (count === WRITES) return undefined;
        last.set(key, await step(key, signal));
        written.set(key, count + 1);
        return { requeueAfter: 0 };
      },
    });

    cache.start(stop.signal);
    const running = controller.run({ stop: stop.signal, kill: new AbortController().signal });
    const keys = Array.from({ length: KEYS }, (_, i) => `${NAMESPACE}/busy-${i}`);
    for (const key of keys) controller.enqueue(key);
    const meddler = (async () => {
      for (let i = 0; meddling; i++) {
        const seen = informer.get(keys[i % KEYS] ?? "");
        const labels = { test: "yes", by: `others-${i}` };
        const body = { metadata: { labels, resourceVersion: seen?.metadata.resourceVersion } };
        if (seen === undefined) await new Promise(setImmediate);
        else
          await client
            .patch(ConfigMaps, { namespace: NAMESPACE, name: seen.metadata.name }, body, { type: "merge" })
            .catch(ignoreRace);
      }
    })();
    await expect
      .poll(() => keys.filter((key) => written.get(key) === WRITES).length, { timeout: 50_000, interval: 50 })
      .toBe(KEYS);
    meddling = false;
    await meddler;
    const content = summary(await listed());
    await expect.poll(() => summary(informer.values())).toEqual(content);
    expect(stale).toEqual([]);
    expect(informer.unconfirmed).toBe(0);
    stop.abort();
    await running;
  });
});

const isBefore = (a: Item, b: Item): boolean =>
  compareResourceVersions(a.metadata.resourceVersion, b.metadata.resourceVersion) < 0;

const ignoreRace = (error: unknown): void => {
  const isRace = error instanceof ConflictError || (error instanceof Error && error.name === "NotFoundError");
  if (!isRace) throw error;
};
