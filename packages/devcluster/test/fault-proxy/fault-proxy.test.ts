// Invariants:
// - Without a rule, a request and its answer pass as they are.
// - A rule is applied to the requests that it is for, as often as it says; the first that fits wins.
// - Each action does to the client what its description says, and no more to the server.
// - After stop() no socket and no timer is left.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { Agent, request } from "node:https";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type FaultProxy, startFaultProxy } from "../../src/fault-proxy/fault-proxy.ts";

const LINES = "one\ntwo é\nthree\n";

let served: string[];
let left: PromiseWithResolvers<void>;
let server: Server;
let proxy: FaultProxy;
let agent: Agent;

/** What stands behind the proxy: `/lines` answers lines, `/endless` lines and then silence, all else an echo. */
const serve = (incoming: IncomingMessage, response: ServerResponse) => {
  served.push(`${incoming.method} ${incoming.url}`);
  response.once("close", () => left.resolve());
  if (incoming.url === "/lines") return void response.end(LINES);
  if (incoming.url === "/endless") return void response.write(LINES);
  const chunks: Buffer[] = [];
  incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
  incoming.on("end", () => {
    const { authorization, "content-type": type } = incoming.headers;
    response.setHeader("x-kept", "yes");
    response.end(JSON.stringify({ authorization, type, body: Buffer.concat(chunks).toString() }));
  });
};

beforeEach(async () => {
  served = [];
  left = Promise.withResolvers();
  server = createServer(serve);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  proxy = await startFaultProxy({ target: { server: `http://127.0.0.1:${port}`, caPem: "" } });
  agent = new Agent({ keepAlive: true, ca: proxy.caPem });
});

afterEach(async () => {
  agent.destroy();
  await proxy.stop();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

interface Got {
  readonly status: number | undefined;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
  readonly chunks: readonly string[];
  /** The answer, or the connection, was broken off. */
  readonly broken: boolean;
}

interface Ask {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
  /** Breaks off once this many bytes are there. */
  readonly leaveAfter?: number;
}

/** A request through the proxy, and all that comes of it. */
const ask = (path: string, { method = "GET", headers = {}, body, leaveAfter }: Ask = {}): Promise<Got> =>
  new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let answer: IncomingMessage | undefined;
    const finish = (broken: boolean) => {
      const got = Buffer.concat(chunks).toString("latin1");
      const texts = chunks.map((chunk) => chunk.toString("latin1"));
      resolve({ status: answer?.statusCode, headers: answer?.headers ?? {}, body: got, chunks: texts, broken });
    };
    const sent = request(`${proxy.server}${path}`, { method, headers, agent }, (incoming) => {
      answer = incoming;
      incoming.on("data", (chunk: Buffer) => {
        chunks.push(chunk);
        if (leaveAfter !== undefined && Buffer.concat(chunks).length >= leaveAfter) sent.destroy();
      });
      incoming.on("end", () => finish(false));
      incoming.on("error", () => finish(true));
    });
    sent.on("error", () => finish(true));
    sent.end(body);
  });

describe("without a rule", () => {
  it("method, path, headers and body arrive, and so does the answer", async () => {
    const headers = { authorization: "Bearer t", "content-type": "application/json" };
    const got = await ask("/echo?a=1", { method: "POST", headers, body: "{}" });
    expect(got).toMatchObject({ status: 200, broken: false, headers: { "x-kept": "yes" } });
    expect(JSON.parse(got.body)).toEqual({ authorization: "Bearer t", type: "application/json", body: "{}" });
    expect(served).toEqual(["POST /echo?a=1"]);
  });

  it("each request is logged with what became of it", async () => {
    await ask("/api/v1/pods?watch=1", { headers: { authorization: "Bearer t" } });
    await ask("/lines");
    expect(proxy.requests).toEqual([
      {
        time: expect.any(Number),
        method: "GET",
        path: "/api/v1/pods?watch=1",
        verb: "watch",
        authorization: "Bearer t",
        connection: 1,
        action: undefined,
        status: 200,
      },
      expect.objectContaining({ path: "/lines", verb: "other", connection: 1, status: 200 }),
    ]);
    expect(proxy.connections).toBe(1);
  });

  it("a client that leaves a stream leaves it at the server too", async () => {
    await ask("/endless", { leaveAfter: LINES.length });
    await left.promise;
  });
});

describe("a rule", () => {
  it("is for the requests that its match names", async () => {
    const rule = proxy.rule({ match: { method: "GET", path: /lines/g }, action: { type: "answer", status: 500 } });
    expect((await ask("/lines", { method: "POST" })).status).toBe(200);
    expect((await ask("/echo")).status).toBe(200);
    expect((await ask("/lines")).status).toBe(500);
    expect((await ask("/lines")).status).toBe(500);
    expect(rule.hits).toBe(2);
  });

  it("can be for a verb of the API", async () => {
    proxy.rule({ match: { verb: "watch" }, action: { type: "answer", status: 410 } });
    expect((await ask("/api/v1/pods")).status).toBe(200);
    expect((await ask("/api/v1/pods?watch=true")).status).toBe(410);
  });

  it("is applied as often as it says, and the next one after it", async () => {
    proxy.rule({ times: 2, action: { type: "answer", status: 429 } });
    proxy.rule({ times: 1, action: { type: "answer", status: 503 } });
    const statuses = [];
    for (let i = 0; i < 4; i++) statuses.push((await ask("/lines")).status);
    expect(statuses).toEqual([429, 429, 503, 200]);
  });

  it("ends when it is removed, and so do all by clear()", async () => {
    const rule = proxy.rule({ action: { type: "answer", status: 500 } });
    rule.remove();
    expect((await ask("/lines")).status).toBe(200);
    proxy.rule({ action: { type: "answer", status: 500 } });
    proxy.clear();
    expect((await ask("/lines")).status).toBe(200);
  });
});

describe("the action", () => {
  it("answer: status, headers and body are as given, and the server sees nothing", async () => {
    const body = { kind: "Status", code: 429 };
    proxy.rule({ action: { type: "answer", status: 429, headers: { "retry-after": "1" }, body } });
    const got = await ask("/lines");
    expect(got).toMatchObject({ status: 429, headers: { "retry-after": "1", "content-type": "application/json" } });
    expect(JSON.parse(got.body)).toEqual(body);
    expect(served).toEqual([]);
  });

  it("delay: the request comes through, later", async () => {
    proxy.rule({ action: { type: "delay", ms: 5 } });
    expect(await ask("/lines")).toMatchObject({ status: 200, broken: false });
  });

  it("hold: the request comes through once it is released", async () => {
    const rule = proxy.rule({ match: { path: /lines/ }, action: { type: "hold" } });
    const held = ask("/lines");
    await ask("/echo");
    expect(served).toEqual(["GET /echo"]);
    rule.release();
    expect((await held).status).toBe(200);
  });

  it("cut-request: the connection closes, and the server sees nothing", async () => {
    proxy.rule({ action: { type: "cut-request" } });
    expect(await ask("/lines", { method: "POST", body: "x" })).toMatchObject({ status: undefined, broken: true });
    expect(served).toEqual([]);
    expect(proxy.requests).toMatchObject([{ action: "cut-request", status: undefined }]);
  });

  it("lose-answer: the server has carried it out, the client gets not a byte", async () => {
    proxy.rule({ action: { type: "lose-answer" } });
    expect(await ask("/lines", { method: "POST" })).toMatchObject({ status: undefined, broken: true });
    expect(served).toEqual(["POST /lines"]);
  });

  it.each([
    [{}, ""],
    [{ lines: 1 }, "one\n"],
    [{ lines: 1, bytes: 2 }, "one\ntw"],
    [{ insideCharacter: true }, "one\ntwo \u00c3"],
  ])("cut at %j: what lies before arrives, then the connection closes", async (at, body) => {
    proxy.rule({ action: { type: "cut", at } });
    expect(await ask("/endless")).toMatchObject({ status: 200, body, broken: true });
    expect(await ask("/lines")).toMatchObject({ status: 200, body, broken: true });
  });

  it("end: what lies before arrives, and the answer looks complete", async () => {
    proxy.rule({ action: { type: "end", at: { lines: 1 } } });
    expect(await ask("/endless")).toMatchObject({ body: "one\n", broken: false });
    expect(await ask("/lines")).toMatchObject({ body: "one\n", broken: false });
  });

  it("stall: what lies before arrives, then nothing, and the connection stays open", async () => {
    proxy.rule({ match: { path: /lines/ }, times: 1, action: { type: "stall", at: { lines: 1 } } });
    const stalled = ask("/lines");
    await left.promise;
    await ask("/echo");
    let over = false;
    void stalled.then(() => {
      over = true;
    });
    expect((await ask("/lines")).broken).toBe(false);
    expect(over).toBe(false);
    proxy.disconnectAll();
    expect(await stalled).toMatchObject({ body: "one\n", broken: true });
  });

  it("blackhole: neither an answer nor an end", async () => {
    proxy.rule({ match: { path: /lines/ }, action: { type: "blackhole" } });
    const lost = ask("/lines");
    await ask("/echo");
    expect(served).toEqual(["GET /echo"]);
    proxy.disconnectAll();
    expect(await lost).toMatchObject({ status: undefined, broken: true });
  });

  it("lag: the whole answer comes through, in its order", async () => {
    proxy.rule({ action: { type: "lag", ms: 5 } });
    expect(await ask("/lines")).toMatchObject({ body: Buffer.from(LINES).toString("latin1"), broken: false });
  });

  it("rechunk: the same bytes in other chunks", async () => {
    proxy.rule({ action: { type: "rechunk", into: { size: 1 } } });
    const got = await ask("/lines");
    expect(got).toMatchObject({ broken: false, body: Buffer.from(LINES).toString("latin1") });
    expect(got.chunks.every((chunk) => chunk.length === 1)).toBe(true);
  });
});

describe("the action replay", () => {
  const WATCH = "/api/v1/pods?watch=true&sendInitialEvents=true";
  const BOOKMARK = '{"type":"BOOKMARK","k8s.io/initial-events-end":"true"}\n';
  let recording: FaultProxy;
  let world: string[];
  let first: FaultProxy;

  beforeEach(async () => {
    world = [];
    server.removeAllListeners("request");
    server.on("request", (incoming: IncomingMessage, response: ServerResponse) => {
      response.setHeader("content-type", "application/json");
      for (const event of world) response.write(event);
      // A watch goes on.
      if (incoming.url?.includes("watch")) response.write(`${BOOKMARK}later\n`);
      else response.end();
    });
    const { port } = server.address() as AddressInfo;
    const target = { server: `http://127.0.0.1:${port}`, caPem: "" };
    recording = await startFaultProxy({ target, record: { path: /pods/ } });
    // `ask` goes to `proxy`.
    first = proxy;
    proxy = recording;
    agent.destroy();
    agent = new Agent({ keepAlive: true, ca: proxy.caPem });
  });

  afterEach(() => first.stop());

  /** Looks at the world as it is now, up to what comes after the state. */
  const look = () => ask(`${WATCH}&timeoutSeconds=1`, { leaveAfter: world.join("").length + BOOKMARK.length + 6 });

  it("answers with the state as it was, without what came after, and ends", async () => {
    world = ["one\n"];
    await look();
    world = ["one\n", "two\n"];
    await look();
    proxy.rule({ times: 1, action: { type: "replay", age: 1 } });
    const got = await ask(`${WATCH}&timeoutSeconds=2`);
    expect(got).toMatchObject({ status: 200, body: `one\n${BOOKMARK}`, broken: false });
    expect(got.headers["content-type"]).toBe("application/json");
  });

  it("answers with the oldest where there are not so many, and with the last for age 0", async () => {
    for (const state of ["one\n", "two\n", "three\n"]) {
      world = [state];
      await ask("/api/v1/pods?resourceVersion=1");
    }
    proxy.rule({ times: 1, action: { type: "replay", age: 99 } });
    proxy.rule({ times: 1, action: { type: "replay", age: 0 } });
    expect((await ask("/api/v1/pods")).body).toBe("one\n");
    expect((await ask("/api/v1/pods")).body).toBe("three\n");
  });

  it("passes on what was never recorded", async () => {
    world = ["one\n"];
    await ask("/api/v1/pods");
    proxy.rule({ action: { type: "replay", age: 0 } });
    expect((await ask("/api/v1/configmaps")).body).toBe("one\n");
  });
});

describe("the end", () => {
  it("a server that cannot be reached looks like a closed connection", async () => {
    const lonely = await startFaultProxy({ target: { server: "http://127.0.0.1:1", caPem: "" } });
    try {
      const got = await new Promise((resolve) => {
        const sent = request(`${lonely.server}/`, { ca: lonely.caPem }, () => resolve("answered"));
        sent.on("error", () => resolve("closed")).end();
      });
      expect(got).toBe("closed");
    } finally {
      await lonely.stop();
    }
  });

  it("leaves no socket and no timer, whatever was held, delayed or stalled", async () => {
    const resources = () => process.getActiveResourcesInfo().filter((name) => /TCP|TLS|Timeout/.test(name));
    const before = resources();
    const { port } = server.address() as AddressInfo;
    const other = await startFaultProxy({ target: { server: `http://127.0.0.1:${port}`, caPem: "" } });
    other.rule({ match: { path: /hold/ }, action: { type: "hold" } });
    other.rule({ match: { path: /delay/ }, action: { type: "delay", ms: 3_600_000 } });
    other.rule({ match: { path: /hole/ }, action: { type: "blackhole" } });
    other.rule({ match: { path: /endless/ }, action: { type: "stall", at: { lines: 1 } } });
    other.rule({ match: { path: /lines/ }, action: { type: "lag", ms: 3_600_000 } });
    const broken = ["/hold", "/delay", "/hole", "/endless", "/lines"].map(
      (path) =>
        new Promise<void>((resolve) => {
          const sent = request(`${other.server}${path}`, { ca: other.caPem, agent: false }, (incoming) => {
            incoming.on("error", () => resolve()).resume();
          });
          sent.on("error", () => resolve()).end();
        }),
    );
    await expect.poll(() => other.requests.length, { timeout: 10_000 }).toBe(5);
    await other.stop();
    await Promise.all(broken);
    // Not expect.poll, which has timers of its own. What an earlier test left may go meanwhile; nothing may be added.
    const deadline = performance.now() + 10_000;
    while (resources().length > before.length && performance.now() < deadline) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(resources().length).toBeLessThanOrEqual(before.length);
  });
});
