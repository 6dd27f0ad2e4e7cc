// Against a real API server. Invariants:
// - Each verb does what it says and returns what the server stores.
// - Each refusal is the class of its reason, with a message of one line.
// - An int64 keeps all its digits on its way from the server and back.
import { type Cluster, startCluster } from "@pcmc/devcluster";
import type { ConfigMap, Pod } from "kubernetes-types/core/v1.d.ts";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { Client } from "../../src/client/client.ts";
import type { WatchEvent } from "../../src/decode/decoder.ts";
import type { Projection } from "../../src/decode/projection.ts";
import * as errors from "../../src/errors.ts";
import { ConfigMaps, defineResource, Namespaces, Pods } from "../../src/resource.ts";
import { CustomResourceDefinitions, configOf, type Gauge, Gauges, gaugeDefinition } from "./cluster.ts";
import { TestConfig } from "./test-config.ts";

const ClusterRoles = defineResource({
  apiVersion: "rbac.authorization.k8s.io/v1",
  kind: "ClusterRole",
  plural: "clusterroles",
  namespaced: false,
});

let cluster: Cluster;
let client: Client;
/** A namespace of its own for each test. */
let namespace: string;
let tests = 0;

beforeAll(async () => {
  // Without a controller manager; compaction, which makes old versions expire, every second instead of every 5 minutes.
  cluster = await startCluster({
    controllerManager: false,
    apiServerFlags: { "etcd-compaction-interval": "1s" },
    // Off by default before 1.34, but for 1.32.
    featureGates: { WatchList: true },
  });
  client = new Client(configOf(cluster), { userAgent: "verbs-test/1" });
  await client.create(CustomResourceDefinitions, gaugeDefinition);
  await vi.waitFor(() => client.list(Gauges), { timeout: 20_000 });
});

afterAll(async () => {
  await client?.close();
  await cluster?.stop();
});

beforeEach(async () => {
  namespace = `test-${++tests}`;
  await client.create(Namespaces, { metadata: { name: namespace } });
});

const configMap = (name: string, data: Record<string, string> = {}): ConfigMap => ({
  metadata: { namespace, name },
  data,
});
const pod = (name: string, nodeName?: string): Pod => ({
  metadata: { namespace, name },
  spec: { ...(nodeName === undefined ? {} : { nodeName }), containers: [{ name: "a", image: "b" }] },
});

describe("create and get", () => {
  it("return the object as it is stored, with kind and without managedFields", async () => {
    const made = await client.create(ConfigMaps, configMap("a", { k: "é✓" }));
    expect(made).toMatchObject({ apiVersion: "v1", kind: "ConfigMap", data: { k: "é✓" } });
    expect(made.metadata.uid).not.toBe("");
    expect(made.metadata).not.toHaveProperty("managedFields");
    expect(await client.get(ConfigMaps, { namespace, name: "a" })).toEqual(made);
  });

  it("own what they write under the name of the program", async () => {
    await client.create(ConfigMaps, configMap("a", { k: "v" }));
    const project: Projection = { metadata: { managedFields: true } };
    const { metadata } = await client.get(ConfigMaps, { namespace, name: "a" }, { project });
    expect(metadata.managedFields).toMatchObject([{ manager: "verbs-test", operation: "Update" }]);
  });

  it("give what a projection asks for, and no more", async () => {
    const made = await client.create(ConfigMaps, configMap("a", { k: "v" }), { project: { metadata: {} } });
    expect(made).not.toHaveProperty("data");
    expect(made.metadata.name).toBe("a");
  });

  it("let the server choose a name", async () => {
    const made = await client.create(ConfigMaps, { metadata: { namespace, generateName: "a-" } });
    expect(made.metadata.name).toMatch(/^a-.+/);
  });

  it("of an object that is there: AlreadyExistsError", async () => {
    await client.create(ConfigMaps, configMap("a"));
    await expect(client.create(ConfigMaps, configMap("a"))).rejects.toBeInstanceOf(errors.AlreadyExistsError);
  });

  it("of an object or a resource that is not there: NotFoundError", async () => {
    await expect(client.get(ConfigMaps, { namespace, name: "a" })).rejects.toMatchObject({
      name: "NotFoundError",
      message: `GET /api/v1/namespaces/${namespace}/configmaps/a: configmaps "a" not found`,
    });
    const Nothings = defineResource({ apiVersion: "no.example.com/v1", kind: "No", plural: "nos", namespaced: false });
    await expect(client.list(Nothings)).rejects.toBeInstanceOf(errors.NotFoundError);
  });

  it("in a namespace that is not there: NotFoundError, in one that ends: ForbiddenError with its cause", async () => {
    const elsewhere = { metadata: { namespace: "nowhere", name: "a" } };
    await expect(client.create(ConfigMaps, elsewhere)).rejects.toBeInstanceOf(errors.NotFoundError);
    await client.delete(Namespaces, { namespace: "", name: namespace });
    const error: unknown = await client.create(ConfigMaps, configMap("a")).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(errors.ForbiddenError);
    expect(error instanceof errors.ApiError && error.hasCause("NamespaceTerminating")).toBe(true);
  });

  it("with dryRun store nothing", async () => {
    const made = await client.create(ConfigMaps, configMap("a"), { dryRun: true });
    expect(made.metadata.name).toBe("a");
    await expect(client.get(ConfigMaps, { namespace, name: "a" })).rejects.toBeInstanceOf(errors.NotFoundError);
  });

  it("of a name with characters that mean something in a URL", async () => {
    const name = "odd: name?a=b#c&d+é";
    await client.create(ClusterRoles, { metadata: { name } });
    expect((await client.get(ClusterRoles, { namespace: "", name })).metadata.name).toBe(name);
    await client.delete(ClusterRoles, { namespace: "", name });
  });

  it("of an object that the server refuses: InvalidError with its causes", async () => {
    const gauge: Gauge = { metadata: { namespace, name: "a" }, spec: { total: -1, note: "too long" } };
    const error: unknown = await client.create(Gauges, gauge).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(errors.InvalidError);
    expect(error).toMatchObject({
      code: 422,
      details: { causes: [{ field: expect.stringMatching(/^spec\./) }, { field: expect.stringMatching(/^spec\./) }] },
    });
  });

  it("of an object without a namespace or a name are refused before anything is sent", async () => {
    await expect(client.create(ConfigMaps, { metadata: { name: "a" } })).rejects.toThrow(
      new TypeError("ConfigMap a: a namespaced object needs a namespace"),
    );
    await expect(client.update(ConfigMaps, { metadata: { namespace } })).rejects.toBeInstanceOf(TypeError);
    await expect(client.apply(ConfigMaps, { metadata: { namespace } })).rejects.toBeInstanceOf(TypeError);
  });
});

describe("an int64", () => {
  it("beyond 2^53 keeps all its digits through get, update, patch and watch", async () => {
    const total = 2n ** 53n + 1n;
    await client.create(Gauges, { metadata: { namespace, name: "a" }, spec: { total } });
    const got = await client.get(Gauges, { namespace, name: "a" });
    expect(got.spec?.total).toBe(total);
    const updated = await client.update(Gauges, { ...got, metadata: { ...got.metadata, labels: { x: "y" } } });
    expect(updated.spec?.total).toBe(total);
    const largest = 2n ** 63n - 1n;
    await client.patch(Gauges, { namespace, name: "a" }, { spec: { total: largest } }, { type: "merge" });
    const { items } = await client.list(Gauges, { namespace });
    expect(items[0]?.spec?.total).toBe(largest);
  });
});

describe("list", () => {
  const names = Array.from({ length: 10 }, (_, i) => `m-${i}`);

  beforeEach(async () => {
    await Promise.all(names.map((name) => client.create(ConfigMaps, configMap(name))));
  });

  it("reads page by page, each object once, at one version", async () => {
    const pages = await Array.fromAsync(client.pages(ConfigMaps, { namespace, limit: 3 }));
    expect(pages.map((page) => page.items.length)).toEqual([3, 3, 3, 1]);
    expect(new Set(pages.map((page) => page.resourceVersion)).size).toBe(1);
    expect(pages.flatMap((page) => page.items.map((item) => item.metadata.name))).toEqual(names);
    expect(pages[0]?.items[0]).toMatchObject({ apiVersion: "v1", kind: "ConfigMap" });
  });

  it("puts the pages together", async () => {
    const all = await client.list(ConfigMaps, { namespace, limit: 3 });
    expect(all.items.map((item) => item.metadata.name)).toEqual(names);
    expect(all.resourceVersion).toMatch(/^\d+$/);
  });

  it("of nothing is empty, and has a version", async () => {
    const none = await client.list(ConfigMaps, { namespace, labelSelector: "a=b,c in (d, e)" });
    expect(none.items).toEqual([]);
    expect(none.resourceVersion).toMatch(/^\d+$/);
  });

  it("selects by label, field and namespace", async () => {
    await client.patch(ConfigMaps, { namespace, name: "m-3" }, { metadata: { labels: { a: "b" } } }, { type: "merge" });
    const byLabel = await client.list(ConfigMaps, { labelSelector: "a in (b),a!=c" });
    expect(byLabel.items.map((item) => item.metadata.name)).toEqual(["m-3"]);
    const byField = await client.list(ConfigMaps, { namespace, fieldSelector: "metadata.name=m-4" });
    expect(byField.items.map((item) => item.metadata.name)).toEqual(["m-4"]);
  });

  it("with a selector that makes no sense: BadRequestError", async () => {
    await expect(client.list(ConfigMaps, { labelSelector: "a=b=c" })).rejects.toBeInstanceOf(errors.BadRequestError);
  });
});

/** Watches until `done` says so. */
const watchUntil = async (
  options: { resourceVersion?: string; sendInitialEvents?: boolean },
  done: (events: readonly WatchEvent<ConfigMap>[]) => boolean,
) => {
  const events: WatchEvent<ConfigMap>[] = [];
  const stop = new AbortController();
  const onEvent = (event: WatchEvent<ConfigMap>) => {
    events.push(event);
    if (done(events)) stop.abort(stop);
  };
  const outcome: unknown = await client
    .watch(ConfigMaps, { namespace, ...options, signal: stop.signal }, onEvent)
    .catch((error: unknown) => error);
  if (outcome !== stop) throw outcome;
  return events;
};

const summary = (events: readonly WatchEvent<ConfigMap>[]) =>
  events.map(({ type, object }) => (type === "BOOKMARK" ? type : `${type} ${object.metadata?.name}`));

describe("watch", () => {
  it("with initial events brings what is there, a bookmark, and then what happens", async () => {
    await client.create(ConfigMaps, configMap("a"));
    let changed: Promise<unknown> | undefined;
    const events = await watchUntil({ sendInitialEvents: true }, (soFar) => {
      if (soFar.at(-1)?.type === "BOOKMARK") changed ??= client.create(ConfigMaps, configMap("b"));
      return soFar.at(-1)?.object.metadata?.name === "b";
    });
    await changed;
    expect(summary(events)).toEqual(["ADDED a", "BOOKMARK", "ADDED b"]);
    // 1.33 tells there, too, of what kind the list would have been.
    const { "kubernetes.io/initial-events-list-blueprint": _, ...told } = events[1]?.object.metadata?.annotations ?? {};
    expect(told).toEqual({ "k8s.io/initial-events-end": "true" });
    expect(events[0]?.object).toMatchObject({ kind: "ConfigMap", apiVersion: "v1" });
  });

  it("from a version brings each change after it, in order", async () => {
    const { resourceVersion } = await client.list(ConfigMaps, { namespace });
    await client.create(ConfigMaps, configMap("a"));
    await client.update(ConfigMaps, configMap("a", { k: "v" }));
    await client.delete(ConfigMaps, { namespace, name: "a" });
    const events = await watchUntil({ resourceVersion }, (soFar) => soFar.some((event) => event.type === "DELETED"));
    expect(summary(events)).toEqual(["ADDED a", "MODIFIED a", "DELETED a"]);
  });

  it("that the server ends resolves", async () => {
    const { signal } = new AbortController();
    await client.watch(ConfigMaps, { namespace, timeoutSeconds: 1, signal }, () => {});
  });

  it("ends with the error that its handler throws", async () => {
    await client.create(ConfigMaps, configMap("a"));
    const thrown = new Error("handler");
    const watching = client.watch(ConfigMaps, { namespace, signal: new AbortController().signal }, () => {
      throw thrown;
    });
    await expect(watching).rejects.toBe(thrown);
  });

  it("of a resource that is not there: NotFoundError, with no query in the message", async () => {
    const Nothings = defineResource({ apiVersion: "v1", kind: "No", plural: "nos", namespaced: true });
    const { signal } = new AbortController();
    await expect(client.watch(Nothings, { labelSelector: "a=b", signal }, () => {})).rejects.toMatchObject({
      name: "NotFoundError",
      message: "GET /api/v1/nos: the server could not find the requested resource",
    });
  });
});

describe("update", () => {
  it("of what has changed since it was read: ConflictError; without a version it wins", async () => {
    const made = await client.create(ConfigMaps, configMap("a"));
    await client.update(ConfigMaps, { ...made, data: { k: "1" } });
    await expect(client.update(ConfigMaps, { ...made, data: { k: "2" } })).rejects.toBeInstanceOf(errors.ConflictError);
    expect(await client.update(ConfigMaps, configMap("a", { k: "3" }))).toMatchObject({ data: { k: "3" } });
  });

  it("of the status changes the status alone, and the other way round", async () => {
    const made = await client.create(Gauges, {
      metadata: { namespace, name: "a" },
      spec: { total: 1 },
      status: { seen: 9 },
    });
    expect(made).not.toHaveProperty("status");
    const seen = await client.updateStatus(Gauges, { ...made, spec: { total: 2 }, status: { seen: 3 } });
    expect(seen).toMatchObject({ spec: { total: 1 }, status: { seen: 3 } });
    const patched = await client.patch(
      Gauges,
      { namespace, name: "a" },
      { spec: { total: 5 }, status: { seen: 4 } },
      { type: "merge", subresource: "status" },
    );
    expect(patched).toMatchObject({ spec: { total: 1 }, status: { seen: 4 } });
  });
});

describe("patch", () => {
  const key = () => ({ namespace, name: "a" });

  beforeEach(async () => {
    await client.create(ConfigMaps, configMap("a", { keep: "1", drop: "2" }));
  });

  it("merges", async () => {
    const { data } = await client.patch(ConfigMaps, key(), { data: { drop: null, add: "3" } }, { type: "merge" });
    expect(data).toEqual({ keep: "1", add: "3" });
  });

  it("takes the steps of a JSON patch, and a test that fails: InvalidError", async () => {
    const drop = { op: "remove", path: "/data/drop" };
    const { data } = await client.patch(ConfigMaps, key(), [drop], { type: "json" });
    expect(data).toEqual({ keep: "1" });
    const test = { op: "test", path: "/data/keep", value: "other" };
    await expect(client.patch(ConfigMaps, key(), [test], { type: "json" })).rejects.toBeInstanceOf(errors.InvalidError);
  });

  it("merges built-in types by their keys", async () => {
    await client.create(Pods, pod("p"));
    const body = { spec: { containers: [{ name: "a", image: "c" }] } };
    const patched = await client.patch(Pods, { namespace, name: "p" }, body, { type: "strategic" });
    expect(patched.spec?.containers).toMatchObject([{ name: "a", image: "c" }]);
  });

  it("with dryRun stores nothing", async () => {
    const options = { type: "merge", dryRun: true } as const;
    expect((await client.patch(ConfigMaps, key(), { data: { x: "y" } }, options)).data).toHaveProperty("x");
    expect((await client.get(ConfigMaps, key())).data).not.toHaveProperty("x");
  });
});

describe("apply", () => {
  it("makes the object, then changes nothing; a field of another is a ConflictError unless it is forced", async () => {
    const made = await client.apply(ConfigMaps, configMap("a", { k: "1" }));
    expect((await client.apply(ConfigMaps, configMap("a", { k: "1" }))).metadata.resourceVersion).toBe(
      made.metadata.resourceVersion,
    );
    const other = new Client(configOf(cluster), { fieldManager: "other" });
    try {
      const error: unknown = await other
        .apply(ConfigMaps, configMap("a", { k: "2" }))
        .catch((caught: unknown) => caught);
      expect(error).toBeInstanceOf(errors.ConflictError);
      expect(error instanceof errors.ApiError && error.hasCause("FieldManagerConflict")).toBe(true);
      expect(await other.apply(ConfigMaps, configMap("a", { k: "2" }), { force: true })).toMatchObject({
        data: { k: "2" },
      });
    } finally {
      await other.close();
    }
  });
});

describe("delete", () => {
  it("takes an object away, once", async () => {
    await client.create(ConfigMaps, configMap("a"));
    expect(await client.delete(ConfigMaps, { namespace, name: "a" })).toBeUndefined();
    await expect(client.delete(ConfigMaps, { namespace, name: "a" })).rejects.toBeInstanceOf(errors.NotFoundError);
  });

  it("of another incarnation or state: ConflictError", async () => {
    const key = { namespace, name: "a" };
    const { metadata } = await client.create(ConfigMaps, configMap("a"));
    const { uid, resourceVersion } = metadata;
    await client.update(ConfigMaps, configMap("a", { k: "v" }));
    await expect(client.delete(ConfigMaps, key, { preconditions: { uid: "other" } })).rejects.toBeInstanceOf(
      errors.ConflictError,
    );
    await expect(client.delete(ConfigMaps, key, { preconditions: { uid, resourceVersion } })).rejects.toBeInstanceOf(
      errors.ConflictError,
    );
    expect(await client.delete(ConfigMaps, key, { preconditions: { uid } })).toBeUndefined();
  });

  it("returns what finalizers still hold", async () => {
    const held = { ...configMap("a"), metadata: { namespace, name: "a", finalizers: ["test.example.com/hold"] } };
    await client.create(ConfigMaps, held);
    const left = await client.delete(ConfigMaps, { namespace, name: "a" });
    expect(left?.metadata).toMatchObject({
      finalizers: ["test.example.com/hold"],
      deletionTimestamp: expect.any(String),
    });
    await client.patch(ConfigMaps, { namespace, name: "a" }, { metadata: { finalizers: null } }, { type: "merge" });
    await expect(client.get(ConfigMaps, { namespace, name: "a" })).rejects.toBeInstanceOf(errors.NotFoundError);
  });

  it("returns a Pod in its grace period, and not one that is gone", async () => {
    await client.create(Pods, pod("bound", "node"));
    await client.create(Pods, pod("unbound"));
    const left = await client.delete(Pods, { namespace, name: "bound" });
    expect(left).toMatchObject({ kind: "Pod", metadata: { name: "bound", deletionGracePeriodSeconds: 30 } });
    expect(await client.delete(Pods, { namespace, name: "bound" }, { gracePeriodSeconds: 0 })).toBeUndefined();
    expect(await client.delete(Pods, { namespace, name: "unbound" })).toBeUndefined();
    expect((await client.list(Pods, { namespace })).items).toEqual([]);
  });

  it("returns a Namespace while it ends", async () => {
    const left = await client.delete(Namespaces, { namespace: "", name: namespace });
    expect(left).toMatchObject({ kind: "Namespace", status: { phase: "Terminating" } });
  });

  it("of an empty name leaves everything where it is", async () => {
    await client.create(ConfigMaps, configMap("a"));
    await expect(client.delete(ConfigMaps, { namespace, name: "" })).rejects.toBeInstanceOf(TypeError);
    expect((await client.list(ConfigMaps, { namespace })).items).toHaveLength(1);
  });
});

describe("who asks", () => {
  const callWith = async (config: TestConfig): Promise<unknown> => {
    const other = new Client(config);
    try {
      return await other.list(Pods, { namespace, timeout: 5_000 }).catch((error: unknown) => error);
    } finally {
      await other.close();
    }
  };

  it("without a right: ForbiddenError, which says who lacks what", async () => {
    const { certPem: cert, keyPem: key } = await cluster.addUser({ name: "nobody" });
    const error = await callWith(configOf(cluster, { cert, key }));
    expect(error).toBeInstanceOf(errors.ForbiddenError);
    expect(error).toMatchObject({ message: expect.stringMatching(/User "nobody" cannot list resource "pods"/) });
  });

  it("with a token that nobody knows: UnauthorizedError, after one try to renew it", async () => {
    const config = new TestConfig(cluster.server, { ca: cluster.caPem, rejectUnauthorized: true });
    config.authorization = () => "Bearer unknown";
    expect(await callWith(config)).toBeInstanceOf(errors.UnauthorizedError);
    expect(config.refused).toEqual(["Bearer unknown"]);
  });

  it("of a server that cannot be reached or is not trusted: ConnectionError of one clear line, at once", async () => {
    const nowhere = new Client(new TestConfig("https://127.0.0.1:1", { rejectUnauthorized: true }));
    await expect(nowhere.list(Pods, { retries: 0 })).rejects.toMatchObject({
      name: "ConnectionError",
      message: "GET https://127.0.0.1:1/api/v1/pods: connect ECONNREFUSED 127.0.0.1:1",
    });
    await nowhere.close();
    const { caPem: ca } = await otherAuthority();
    for (const tls of [{ ca, rejectUnauthorized: true }, { rejectUnauthorized: true }]) {
      const error = await callWith(new TestConfig(cluster.server, tls));
      expect(error).toBeInstanceOf(errors.ConnectionError);
      expect(error).toMatchObject({ sent: false, message: expect.stringMatching(/^GET https:\S+: .*certificate.*$/) });
    }
  });

  it("of a server that is not trusted, on demand, gets through", async () => {
    const { certPem: cert, keyPem: key } = cluster;
    expect(await callWith(new TestConfig(cluster.server, { cert, key, rejectUnauthorized: false }))).toMatchObject({
      items: [],
    });
  });
});

/** Some authority that did not sign the cluster's certificate. */
const otherAuthority = async () => {
  const { selfSigned } = await import("../config/certificate.ts");
  return { caPem: selfSigned("another authority").cert };
};

describe("raw", () => {
  it("reads what has no resource", async () => {
    expect(await client.raw("GET", "/version")).toMatchObject({ major: "1" });
    await expect(client.raw("GET", "/no/such")).rejects.toBeInstanceOf(errors.NotFoundError);
    await expect(client.raw("GET", "/healthz")).rejects.toBeInstanceOf(errors.DecodeError);
  });
});

// Last, because the first compaction takes a few seconds.
describe("a list", () => {
  it("whose pages come too late: ExpiredError", async () => {
    // The token of a page at version 1, which is soon compacted; the API server's own format.
    const token = Buffer.from(JSON.stringify({ v: "meta.k8s.io/v1", rv: 1, start: "m-3\0" })).toString("base64url");
    const path = `/api/v1/namespaces/${namespace}/configmaps?limit=3&continue=${token}`;
    const late = () => client.raw("GET", path).catch((error: unknown) => error);
    await expect.poll(late, { timeout: 20_000 }).toBeInstanceOf(errors.ExpiredError);
  });
});
