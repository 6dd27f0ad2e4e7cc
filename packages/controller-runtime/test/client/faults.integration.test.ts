// Through a faulty network, to a real API server. Invariants:
// - A write reaches the server at most once, and who cannot know whether it did is told so.
// - A read comes through whatever happens to its first tries.
// - A watch delivers whole events, in order, however the bytes are cut; what is cut off is never delivered.
// - A call ends by its deadline or its signal, and does not leave its connection in use.
import { type Cluster, type FaultProxy, startCluster, startFaultProxy } from "@pcmc/devcluster";
import type { ConfigMap } from "kubernetes-types/core/v1.d.ts";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { Client, isUncertain } from "../../src/client/client.ts";
import type { WatchEvent } from "../../src/decode/decoder.ts";
import * as errors from "../../src/errors.ts";
import { ConfigMaps, Namespaces } from "../../src/resource.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { TestConfig } from "./test-config.ts";

let cluster: Cluster;
let proxy: FaultProxy;
let client: Client;
/** A namespace of its own for each test. */
let namespace: string;
let tests = 0;

beforeAll(async () => {
  cluster = await startCluster({ controllerManager: false });
  proxy = await startFaultProxy({ target: cluster });
  client = new Client(new TestConfig(proxy.server, { ca: proxy.caPem, rejectUnauthorized: true }));
});

afterAll(async () => {
  await client?.close();
  await proxy?.stop();
  await cluster?.stop();
});

beforeEach(async () => {
  namespace = `test-${++tests}`;
  await cluster.request("POST", "/api/v1/namespaces", { metadata: { name: namespace } });
});

afterEach(() => proxy.clear());

const configMap = (name: string, data: Record<string, string> = {}): ConfigMap => ({
  metadata: { namespace, name },
  data,
});
const failureOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

/** What of this test's requests reached the proxy: method and status. */
const log = () =>
  proxy.requests
    .filter(({ path }) => path.includes(`/${namespace}/`))
    .map(({ method, status }) => `${method} ${status ?? "lost"}`);

/** What is in the namespace, by a way around the proxy. */
const stored = async (): Promise<string[]> => {
  const path = `/api/v1/namespaces/${namespace}/configmaps`;
  const list = await cluster.request<{ items: { metadata: { name: string } }[] }>("GET", path);
  return list.items.map((item) => item.metadata.name);
};

const busy = {
  kind: "Status",
  apiVersion: "v1",
  status: "Failure",
  code: 429,
  reason: "TooManyRequests",
  message: "later",
};

describe("a server that asks for patience", () => {
  it("with 429 and Retry-After is left alone for as long, then asked again, for a write too", async () => {
    const clock = new FakeClock();
    const patient = new Client(client.config, { clock, random: () => 0 });
    try {
      proxy.rule({ times: 1, action: { type: "answer", status: 429, headers: { "retry-after": "2" }, body: busy } });
      const created = patient.create(ConfigMaps, configMap("a"));
      await expect.poll(() => clock.timers, { interval: 1 }).toBe(2);
      await clock.advanceAndSettle(1_999);
      expect(log()).toEqual(["POST 429"]);
      clock.advance(100);
      await created;
      expect(log()).toEqual(["POST 429", "POST 201"]);
    } finally {
      await patient.close();
    }
  });

  it("with 503 and no Retry-After gets a read again, not a write", async () => {
    proxy.rule({ times: 2, action: { type: "answer", status: 503, body: "upstream connect error" } });
    const error = await failureOf(client.create(ConfigMaps, configMap("a")));
    expect(error).toBeInstanceOf(errors.ServiceUnavailableError);
    expect(error).toMatchObject({ message: expect.stringMatching(/: HTTP 503: upstream connect error$/) });
    expect(isUncertain(error)).toBe(true);
    expect((await client.list(ConfigMaps, { namespace })).items).toEqual([]);
    expect(log()).toEqual(["POST 503", "GET 503", "GET 200"]);
  });

  it("with 410 for a page is not asked again: the list has to start over", async () => {
    await client.create(ConfigMaps, configMap("a"));
    await client.create(ConfigMaps, configMap("b"));
    proxy.rule({ match: { path: /continue=/ }, action: { type: "answer", status: 410 } });
    await expect(client.list(ConfigMaps, { namespace, limit: 1 })).rejects.toBeInstanceOf(errors.ExpiredError);
    expect(log().slice(2)).toEqual(["GET 200", "GET 410"]);
  });
});

describe("a connection that is lost", () => {
  it("before the server has the request leaves a write undone and unknown, and repeats a read", async () => {
    proxy.rule({ times: 2, action: { type: "cut-request" } });
    const error = await failureOf(client.create(ConfigMaps, configMap("a")));
    expect(error).toMatchObject({ name: "ConnectionError", sent: true });
    expect(isUncertain(error)).toBe(true);
    await client.list(ConfigMaps, { namespace });
    expect(log()).toEqual(["POST lost", "GET lost", "GET 200"]);
    expect(await stored()).toEqual([]);
  });

  it("after the server has acted leaves a write done once, and unknown", async () => {
    proxy.rule({ times: 1, action: { type: "lose-answer" } });
    const error = await failureOf(client.create(ConfigMaps, configMap("a")));
    expect(error).toMatchObject({ name: "ConnectionError", sent: true });
    expect(isUncertain(error)).toBe(true);
    expect(log()).toEqual(["POST lost"]);
    expect(await stored()).toEqual(["a"]);
  });

  it("after the server has acted repeats an apply: twice is the same as once", async () => {
    proxy.rule({ times: 1, action: { type: "lose-answer" } });
    expect(await client.apply(ConfigMaps, configMap("a", { k: "v" }))).toMatchObject({ data: { k: "v" } });
    expect(log()).toEqual(["PATCH lost", "PATCH 200"]);
  });

  it("after a delete with a uid finds it gone, without one leaves it unknown", async () => {
    const { metadata } = await client.create(ConfigMaps, configMap("a"));
    const key = { namespace, name: "a" };
    proxy.rule({ times: 1, action: { type: "lose-answer" } });
    const again = await failureOf(client.delete(ConfigMaps, key, { preconditions: { uid: metadata.uid } }));
    expect(again).toBeInstanceOf(errors.NotFoundError);
    await cluster.request("POST", `/api/v1/namespaces/${namespace}/configmaps`, { metadata: { name: "a" } });
    proxy.rule({ times: 1, action: { type: "lose-answer" } });
    expect(isUncertain(await failureOf(client.delete(ConfigMaps, key)))).toBe(true);
    expect(log().slice(1)).toEqual(["DELETE lost", "DELETE 404", "DELETE lost"]);
    expect(await stored()).toEqual([]);
  });

  it.each([
    ["right after the headers", {}],
    ["in mid-body", { bytes: 20 }],
    ["inside a character", { insideCharacter: true }],
  ])("in the middle of an answer, %s, repeats a read, and delivers it whole", async (_where, at) => {
    await client.create(ConfigMaps, configMap("a", { k: "äöü" }));
    proxy.rule({ times: 1, action: { type: "cut", at } });
    expect(await client.get(ConfigMaps, { namespace, name: "a" })).toMatchObject({ data: { k: "äöü" } });
    expect(log().slice(1)).toEqual(["GET 200", "GET 200"]);
  });

  it("with all others at once: reads come through", async () => {
    const held = proxy.rule({ match: { path: new RegExp(namespace) }, times: 8, action: { type: "hold" } });
    const reads = Promise.all(Array.from({ length: 8 }, () => client.list(ConfigMaps, { namespace })));
    await expect.poll(() => held.hits, { interval: 1 }).toBe(8);
    proxy.disconnectAll();
    await reads;
    expect(log()).toHaveLength(16);
  });
});

describe("an answer that a proxy ends early but cleanly", () => {
  it("cannot be decoded, and says so", async () => {
    await client.create(ConfigMaps, configMap("a"));
    proxy.rule({ action: { type: "end", at: { bytes: 30 } } });
    const error = await failureOf(client.get(ConfigMaps, { namespace, name: "a" }));
    expect(error).toBeInstanceOf(errors.DecodeError);
  });
});

describe("a server that never answers", () => {
  it("costs a call its deadline and its connection, no more; a write is unknown then", async () => {
    const clock = new FakeClock();
    const timed = new Client(client.config, { clock });
    try {
      const rule = proxy.rule({ match: { path: new RegExp(namespace) }, action: { type: "blackhole" } });
      const read = failureOf(timed.get(ConfigMaps, { namespace, name: "a" }, { timeout: 1_000 }));
      const write = failureOf(timed.create(ConfigMaps, configMap("a"), { timeout: 2_000 }));
      await expect.poll(() => rule.hits, { interval: 1 }).toBe(2);
      clock.advance(1_000);
      expect(await read).toBeInstanceOf(errors.DeadlineError);
      clock.advance(1_000);
      expect(isUncertain(await write)).toBe(true);
      expect(clock.timers).toBe(0);
      rule.remove();
      await timed.list(ConfigMaps, { namespace });
    } finally {
      await timed.close();
    }
  });

  it("does not hold up an abort, of a call or of a watch", async () => {
    const rule = proxy.rule({ match: { path: new RegExp(namespace) }, action: { type: "blackhole" } });
    const stop = new AbortController();
    const { signal } = stop;
    const call = client.get(ConfigMaps, { namespace, name: "a" }, { signal });
    const watch = client.watch(ConfigMaps, { namespace, signal }, () => {});
    await expect.poll(() => rule.hits, { interval: 1 }).toBe(2);
    stop.abort("stopping");
    await expect(call).rejects.toBe("stopping");
    await expect(watch).rejects.toBe("stopping");
  });
});

interface Watched {
  /** Type, name and a value of each event. */
  readonly events: readonly string[];
  /** The version of the last event: where to go on. */
  readonly resourceVersion: string | undefined;
  /** What the watch came to: `undefined` where it resolved. */
  readonly error: unknown;
}

/** Watches from a version on, until `count` events are there or the watch ends. */
const watchFrom = async (resourceVersion: string, count: number): Promise<Watched> => {
  const events: WatchEvent<ConfigMap>[] = [];
  const stop = new AbortController();
  const onEvent = (event: WatchEvent<ConfigMap>) => {
    if (event.type === "BOOKMARK") return;
    events.push(event);
    if (events.length === count) stop.abort("enough");
  };
  const error = await failureOf(client.watch(ConfigMaps, { namespace, resourceVersion, signal: stop.signal }, onEvent));
  return {
    events: events.map(({ type, object }) => `${type} ${object.metadata?.name} ${object.data?.k}`),
    resourceVersion: events.at(-1)?.object.metadata?.resourceVersion,
    error,
  };
};

/** Three changes whose events a watch from the returned version brings. */
const threeChanges = async (): Promise<string> => {
  const { resourceVersion } = await client.list(ConfigMaps, { namespace });
  await client.create(ConfigMaps, configMap("a", { k: "ä" }));
  await client.update(ConfigMaps, configMap("a", { k: "€" }));
  await client.update(ConfigMaps, configMap("a", { k: "𝄞" }));
  return resourceVersion;
};

const ALL = ["ADDED a ä", "MODIFIED a €", "MODIFIED a 𝄞"];

describe("a watch", () => {
  it.each([
    ["byte by byte", { size: 1 }],
    ["in random pieces", { upTo: 50, seed: 1 }],
    ["in random pieces", { upTo: 700, seed: 2 }],
  ])("that comes %s brings the same events", async (_how, into) => {
    const from = await threeChanges();
    proxy.rule({ match: { verb: "watch" }, action: { type: "rechunk", into } });
    expect(await watchFrom(from, 3)).toMatchObject({ events: ALL, error: "enough" });
  });

  it.each([
    ["in mid-line", { lines: 1, bytes: 100 }],
    ["inside a character", { lines: 1, insideCharacter: true }],
    ["right after a line", { lines: 1 }],
  ])("that is cut %s fails, delivers whole events only, and can be resumed behind the last one", async (_where, at) => {
    const from = await threeChanges();
    proxy.rule({ match: { verb: "watch" }, times: 1, action: { type: "cut", at } });
    const { events, resourceVersion = "", error } = await watchFrom(from, 3);
    expect(error).toBeInstanceOf(errors.ConnectionError);
    expect(events).toEqual(ALL.slice(0, 1));
    expect((await watchFrom(resourceVersion, 2)).events).toEqual(ALL.slice(1));
  });

  it("that is cut after its headers fails, and has told that it was open", async () => {
    proxy.rule({ match: { verb: "watch" }, action: { type: "cut", at: {} } });
    let opened = 0;
    const onOpen = () => {
      opened++;
    };
    const { signal } = new AbortController();
    await expect(client.watch(ConfigMaps, { namespace, onOpen, signal }, () => {})).rejects.toBeInstanceOf(
      errors.ConnectionError,
    );
    expect(opened).toBe(1);
  });

  it("that ends cleanly resolves, also in mid-line: then without the partial event", async () => {
    const from = await threeChanges();
    proxy.rule({ match: { verb: "watch" }, times: 1, action: { type: "end", at: { lines: 2 } } });
    expect(await watchFrom(from, 3)).toMatchObject({ events: ALL.slice(0, 2), error: undefined });
    proxy.rule({ match: { verb: "watch" }, times: 1, action: { type: "end", at: { lines: 1, bytes: 50 } } });
    expect(await watchFrom(from, 3)).toMatchObject({ events: ALL.slice(0, 1), error: undefined });
  });

  it("that falls silent stays open, and ends by its signal", async () => {
    const from = await threeChanges();
    proxy.rule({ match: { verb: "watch" }, action: { type: "stall", at: { lines: 1 } } });
    expect(await watchFrom(from, 1)).toMatchObject({ events: ALL.slice(0, 1), error: "enough" });
  });

  it.each([
    ["410 as its answer", { status: 410, body: { ...busy, code: 410, reason: "Expired" } }],
    [
      "410 as an event",
      { status: 200, body: '{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired"}}\n' },
    ],
  ])("that gets %s is an ExpiredError", async (_how, answer) => {
    proxy.rule({ match: { verb: "watch" }, action: { type: "answer", ...answer } });
    expect((await watchFrom("1", 1)).error).toBeInstanceOf(errors.ExpiredError);
  });

  it.each([
    ["HTML", "<html>\nlogin</html>\n"],
    ["a line that is no event", "{}{}\n"],
    ["a line that is cut off", '{"type":"ADDED","object":{"metadata"\n'],
  ])("that gets %s is a DecodeError which names the request", async (_what, body) => {
    proxy.rule({ match: { verb: "watch" }, action: { type: "answer", status: 200, body } });
    const { error, events } = await watchFrom("1", 1);
    expect(error).toBeInstanceOf(errors.DecodeError);
    expect(error).toMatchObject({
      message: expect.stringMatching(new RegExp(`^GET /api/v1/namespaces/${namespace}/configmaps: the answer cannot`)),
    });
    expect(events).toEqual([]);
  });

  it("does not keep calls from their connections, nor they it", async () => {
    const narrow = new Client(client.config, { connections: 1 });
    try {
      const stop = new AbortController();
      const opened = Promise.withResolvers<void>();
      const watch = failureOf(
        narrow.watch(ConfigMaps, { namespace, signal: stop.signal, onOpen: () => opened.resolve() }, () => {}),
      );
      await opened.promise;
      await narrow.create(ConfigMaps, configMap("a"));
      stop.abort("stopping");
      expect(await watch).toBe("stopping");
    } finally {
      await narrow.close();
    }
  });
});

describe("a token", () => {
  it("decides who asks where no certificate is presented", async () => {
    const bare = await startFaultProxy({ target: cluster, presentCertificate: false });
    const config = new TestConfig(bare.server, { ca: bare.caPem, rejectUnauthorized: true });
    config.authorization = () => "Bearer unknown";
    const stranger = new Client(config);
    try {
      await expect(stranger.list(Namespaces)).rejects.toBeInstanceOf(errors.UnauthorizedError);
      expect(bare.requests).toMatchObject([{ authorization: "Bearer unknown", status: 401 }]);
    } finally {
      await stranger.close();
      await bare.stop();
    }
  });
});
