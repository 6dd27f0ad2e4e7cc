/*
 * Over real TLS connections on 127.0.0.1.
 *
 * Invariants
 * - Each review gets the handler's answer under its own uid; everything else gets a 4xx of one line, or its connection ended.
 * - No client can hold a connection that it does not use, more room than there is, or the process; and none that sends slowly,
 *   or not to the end, keeps another's review from being answered.
 * - A handler that fails denies, or leaves it to the failurePolicy, as its route says.
 * - A new certificate is for new connections, breaks none, and old connections end with their next answer.
 * - After a stop what is in flight is answered, every connection is told to go, and nothing is left open.
 */
import { once } from "node:events";
import { Agent } from "node:https";
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { describe, expect, test } from "vitest";
import type { Clock } from "../../src/clock.ts";
import { Registry } from "../../src/metrics/prom-client.ts";
import { type AdmissionResult, allow, deny, invalid } from "../../src/webhook/admission-result.ts";
import { AdmissionServer } from "../../src/webhook/admission-server.ts";
import { webhookMetrics } from "../../src/webhook/webhook-metrics.ts";
import { seededRandom } from "../queue/seeded-random.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { FixedSource, review, servingPair, startServer } from "./rig.ts";

const UID = "0df28fbd-5f5f-11e8-bc74-36e6bb280816";
const routes = { "/validate": { handler: () => allow() } };
const answering = (result: () => AdmissionResult | Promise<AdmissionResult>) => ({ "/validate": { handler: result } });

describe("a review", () => {
  test("that is allowed is answered under its uid", async () => {
    await using server = await startServer({ routes });
    const answer = await server.send({ body: review() });
    expect([answer.status, answer.headers["content-type"]]).toEqual([200, "application/json"]);
    expect(JSON.parse(answer.text)).toEqual({
      apiVersion: "admission.k8s.io/v1",
      kind: "AdmissionReview",
      response: { uid: UID, allowed: true },
    });
  });

  test("that is denied carries code, reason, message, the object's name and kind, causes and warnings", async () => {
    const causes = [{ field: "spec.a", message: "must not be empty", reason: "FieldValueRequired" }];
    await using server = await startServer({
      routes: answering(() =>
        invalid({ message: "spec.a: must not be empty", causes, warnings: ["spec.b is deprecated"] }),
      ),
    });
    const { response } = JSON.parse((await server.send({ body: review() })).text);
    expect(response).toEqual({
      uid: UID,
      allowed: false,
      status: {
        status: "Failure",
        code: 422,
        reason: "Invalid",
        message: "spec.a: must not be empty",
        details: { name: "settings", group: "", kind: "ConfigMap", causes },
      },
      warnings: ["spec.b is deprecated"],
    });
  });

  test("that is to be changed carries a JSON patch, base64, with its type", async () => {
    const patch = [{ op: "add", path: "/metadata/labels/a", value: "b" }] as const;
    await using server = await startServer({ routes: answering(() => allow({ patch })) });
    const { response } = JSON.parse((await server.send({ body: review() })).text);
    expect(response.patchType).toBe("JSONPatch");
    expect(JSON.parse(Buffer.from(response.patch, "base64").toString())).toEqual(patch);
  });

  test("reaches its handler with a deadline and a log that names path and uid", async () => {
    await using server = await startServer({
      routes: {
        "/validate": {
          handler: ({ name }, { deadline, log }) => {
            log.info("asked", { name, aborted: deadline.signal.aborted, timeLeft: deadline.timeLeft });
            return allow();
          },
        },
      },
      clock: new FakeClock(),
    });
    await server.send({ path: "/validate?timeout=2s", body: review() });
    expect(server.log.lines.find(({ message }) => message === "asked")?.fields).toEqual({
      webhook: "/validate",
      uid: UID,
      name: "settings",
      aborted: false,
      timeLeft: 1_800,
    });
  });

  test("of eight MiB is read, one of more is refused", async () => {
    await using server = await startServer({ routes });
    const sized = (size: number) => {
      const text = review({ object: { data: "" } });
      return text.replace('"data":""', `"data":"${"x".repeat(size - text.length)}"`);
    };
    expect((await server.send({ body: sized(8 * 1_024 * 1_024) })).status).toBe(200);
    const refused = await server.send({ body: sized(8 * 1_024 * 1_024 + 1) });
    expect([refused.status, refused.text]).toEqual([413, "a review has to be no larger than 8388608 bytes\n"]);
  });
});

describe("what is no review", () => {
  test.each([
    ["another path", { path: "/other" }, 404],
    ["a path with dots", { path: "/../validate" }, 404],
    ["GET", { method: "GET", body: "" }, 405],
    ["DELETE", { method: "DELETE", body: "" }, 405],
    ["another content type", { headers: { "content-type": "text/plain" } }, 415],
    ["compressed content", { headers: { "content-encoding": "gzip" } }, 415],
    ["junk", { body: "junk" }, 400],
    ["another kind", { body: review({}, { kind: "Pod" }) }, 400],
  ])("is refused in one line: %s", async (_what, sending, status) => {
    await using server = await startServer({ routes });
    const answer = await server.send({ body: review(), ...sending });
    expect(answer.status).toBe(status);
    expect(answer.text).toMatch(/^.+\n$/);
  });

  test.each([
    ["a word", "hello\r\n\r\n"],
    ["another protocol", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
    ["a header without end", `POST /validate HTTP/1.1\r\nhost: a\r\nx: ${"y".repeat(100_000)}\r\n\r\n`],
    ["two lengths", "POST /validate HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n{}"],
    [
      "a length and chunks",
      "POST /validate HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
    [
      "a chunk of no size",
      "POST /validate HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    ],
    ["a tunnel", "CONNECT example.com:443 HTTP/1.1\r\nhost: a\r\n\r\n"],
  ])("ends its connection and nothing else: %s", async (_what, text) => {
    await using server = await startServer({ routes });
    const socket = await opened(server);
    socket.end(text);
    await closed(socket);
    expect((await server.send({ body: review() })).status).toBe(200);
  });

  test("ends its connection when it is random bytes, inside TLS and instead of it", async () => {
    await using server = await startServer({ routes });
    const random = seededRandom(7);
    const bytes = () => Buffer.from(Array.from({ length: 500 }, () => Math.floor(random() * 256)));
    for (let i = 0; i < 20; i++) {
      const inside = await opened(server);
      inside.end(bytes());
      const outside = connectTcp(server.port, "127.0.0.1").on("error", () => {});
      outside.end(bytes());
      await Promise.all([closed(inside), closed(outside)]);
    }
    expect((await server.send({ body: review() })).status).toBe(200);
  });
});

describe("a slow client", () => {
  const timeouts = {
    handshakeTimeout: 300,
    headersTimeout: 300,
    requestTimeout: 600,
    keepAliveTimeout: 300,
    connectionsCheckingInterval: 50,
  };

  test.each([
    ["sends nothing", ""],
    ["sends half a head", "POST /validate HTTP/1.1\r\nhost: a\r\n"],
    [
      "sends half a body",
      "POST /validate HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{",
    ],
  ])("is cut off when it %s", async (_what, text) => {
    await using server = await startServer({ routes, timeouts });
    const socket = await opened(server);
    socket.write(text);
    await closed(socket);
    expect((await server.send({ body: review() })).status).toBe(200);
  });

  test("is cut off when it does not even begin with TLS", async () => {
    await using server = await startServer({ routes, timeouts });
    const socket = connectTcp(server.port, "127.0.0.1").on("error", () => {});
    await closed(socket);
    expect((await server.send({ body: review() })).status).toBe(200);
  });

  test("that sends heads and half bodies takes no room: reviews are answered meanwhile", async () => {
    await using server = await startServer({ routes, maxInFlight: 2 });
    const slow = await Promise.all([1, 2, 3, 4].map(() => opened(server)));
    for (const socket of slow) socket.write(`${head("/validate", 100)}{`);
    // Each half request is known to the server once a later one is answered on a connection opened after it.
    for (let i = 0; i < 5; i++) expect((await server.send({ body: review() })).status).toBe(200);
    for (const socket of slow) socket.destroy();
  });

  test("gets no longer for its body than the API server waits for the answer", async () => {
    const clock = new FakeClock();
    await using server = await startServer({ routes, clock });
    const socket = await opened(server);
    socket.write(`${head("/validate?timeout=2s", 100)}{`);
    const answer = textOf(socket);
    await expect.poll(() => clock.timers).toBe(1);
    clock.advance(1_800);
    expect(await answer).toMatch(/^HTTP\/1\.1 408 [\s\S]*the review has not come whole within its time\n$/);
    expect(clock.timers).toBe(0);
  });

  test("that holds back the end of a large body has it given up before a small one is refused", async () => {
    await using server = await startServer({ routes });
    const MIB = 1_024 * 1_024;
    const large = await Promise.all(Array.from({ length: 9 }, () => opened(server)));
    const answers = large.map(textOf);
    for (const socket of large) socket.write(`${head("/validate", 8 * MIB)}${" ".repeat(8 * MIB - 1)}`);
    expect(await Promise.race(answers)).toMatch(/^HTTP\/1\.1 429 [\s\S]*too many bytes are being received\n$/);
    expect((await server.send({ body: review() })).status).toBe(200);
    for (const socket of large) socket.destroy();
  });

  test("that is idle gives its connection up for a new one when there are no more", async () => {
    const gate = Promise.withResolvers<void>();
    let running = 0;
    await using server = await startServer({
      maxConnections: 2,
      routes: answering(async () => {
        running += 1;
        await gate.promise;
        return allow();
      }),
    });
    const asking = server.send({ body: review() });
    await expect.poll(() => running).toBe(1);
    const idle = await opened(server);
    const newest = await opened(server);
    await closed(idle);
    expect(newest.destroyed).toBe(false);
    gate.resolve();
    expect((await asking).status).toBe(200);
  });

  test("that trickles its head, a byte at a time, is cut off too", async () => {
    await using server = await startServer({ routes, timeouts });
    const socket = await opened(server);
    const trickle = setInterval(() => socket.write("x"), 20);
    socket.write("POST /validate HTTP/1.1\r\nx: ");
    await closed(socket);
    clearInterval(trickle);
    expect((await server.send({ body: review() })).status).toBe(200);
  });
});

describe("a handler", () => {
  test("that throws denies with code 500, and is logged in one line", async () => {
    await using server = await startServer({
      routes: answering(() => {
        throw new Error("no\nluck");
      }),
    });
    const answer = await server.send({ body: review() });
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.text).response).toEqual({
      uid: UID,
      allowed: false,
      status: {
        status: "Failure",
        code: 500,
        reason: "InternalError",
        message: "webhook /validate failed: no luck",
        details: { name: "settings", group: "", kind: "ConfigMap" },
      },
    });
    expect(server.log.of("error")).toEqual(["the admission handler failed"]);
  });

  test("that throws leaves it to the failurePolicy where its route says so", async () => {
    const handler = () => Promise.reject(new Error("no luck"));
    await using server = await startServer({ routes: { "/validate": { handler, onFailure: "failurePolicy" } } });
    const answer = await server.send({ body: review() });
    expect([answer.status, answer.text]).toEqual([500, "webhook /validate failed: no luck\n"]);
  });

  test("that returns nothing has failed", async () => {
    const handler: () => AdmissionResult = () => JSON.parse("null");
    await using server = await startServer({ routes: { "/validate": { handler } } });
    const { response } = JSON.parse((await server.send({ body: review() })).text);
    expect(response.status.message).toMatch(/returned no result/);
  });

  test("that takes longer than the API server waits is told to stop, and its request denied with code 504", async () => {
    const clock = new FakeClock();
    const started = Promise.withResolvers<AbortSignal>();
    await using server = await startServer({
      clock,
      routes: {
        "/validate": {
          handler: (_request, { deadline }) => {
            started.resolve(deadline.signal);
            return new Promise<AdmissionResult>(() => {});
          },
        },
      },
    });
    const sent = server.send({ path: "/validate?timeout=2s", body: review() });
    const signal = await started.promise;
    clock.advance(1_799);
    expect(signal.aborted).toBe(false);
    clock.advance(1);
    expect(signal.aborted).toBe(true);
    const { response } = JSON.parse((await sent).text);
    expect(response.status).toMatchObject({ code: 504, reason: "Timeout" });
    expect(response.status.message).toBe("webhook /validate: no result within 1.8 s");
  });

  test("is told when nobody waits for its answer any more", async () => {
    const started = Promise.withResolvers<void>();
    const told: string[] = [];
    const gone = Promise.withResolvers<void>();
    await using server = await startServer({
      routes: {
        "/validate": {
          handler: (_request, { deadline }) => {
            deadline.signal.addEventListener("abort", () => told.push(`signal: ${deadline.signal.reason}`));
            deadline.addEventListener("abort", () => {
              told.push(`deadline: ${deadline.reason}`);
              gone.resolve();
            });
            started.resolve();
            return new Promise<AdmissionResult>(() => {});
          },
        },
      },
    });
    const client = new AbortController();
    const sent = server.send({ body: review(), signal: client.signal }).catch(() => {});
    await started.promise;
    client.abort();
    await Promise.all([gone.promise, sent]);
    expect(told).toEqual(["signal: Error: the client has gone", "deadline: Error: the client has gone"]);
    expect(server.log.of("error")).toEqual([]);
  });

  test("that has its answer when its time is just over gives it, and a fault of its own is told as such", async () => {
    let now = 0;
    // As after a thread was busy: the time is over, and no timer has run yet.
    const clock: Clock = { now: () => now, date: () => new Date(0), after: () => ({ cancel: () => {} }) };
    await using server = await startServer({
      clock,
      routes: {
        "/validate": {
          handler: ({ name }) => {
            now += 60_000;
            if (name === "bad") throw new Error("a fault");
            return allow();
          },
        },
      },
    });
    const answered = await server.send({ body: review() });
    expect(JSON.parse(answered.text).response).toMatchObject({ allowed: true });
    const failed = await server.send({ body: review({ name: "bad" }) });
    expect(JSON.parse(failed.text).response.status).toMatchObject({
      code: 500,
      message: "webhook /validate failed: a fault",
    });
  });

  test("gets no more reviews at a time than there is room for; the others are told to come again", async () => {
    const gate = Promise.withResolvers<void>();
    let running = 0;
    await using server = await startServer({
      maxInFlight: 2,
      routes: answering(async () => {
        running += 1;
        await gate.promise;
        return allow();
      }),
    });
    const first = [1, 2].map(() => server.send({ body: review() }));
    await expect.poll(() => running).toBe(2);
    const third = await server.send({ body: review() });
    expect([third.status, third.headers["retry-after"], third.text]).toEqual([
      429,
      "1",
      "2 reviews are under way, no more at a time\n",
    ]);
    gate.resolve();
    expect((await Promise.all(first)).map(({ status }) => status)).toEqual([200, 200]);
    expect((await server.send({ body: review() })).status).toBe(200);
  });
});

describe("a certificate", () => {
  test("that is replaced is for new connections; an old one is not cut, and ends with its next answer", async () => {
    await using server = await startServer({ routes });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const first = await server.send({ body: review(), agent });
    expect(first.headers.connection).not.toBe("close");
    const { ca, serving } = await servingPair();
    server.source.replace(serving);
    const second = await server.send({ body: review(), agent });
    expect([second.status, second.headers.connection]).toEqual([200, "close"]);
    agent.destroy();
    const { port } = server;
    const socket = connectTls({ host: "127.0.0.1", port, ca });
    await once(socket, "secureConnect");
    expect(socket.getPeerX509Certificate()?.fingerprint256).toBe(serving.certificate.x509.fingerprint256);
    socket.destroy();
  });

  test("that cannot be used leaves the one before in place", async () => {
    await using server = await startServer({ routes });
    const { serving } = await servingPair();
    server.source.replace({ ...serving, key: "no key" });
    expect((await server.send({ body: review() })).status).toBe(200);
    expect(server.log.of("error")).toHaveLength(1);
  });

  test("that is not there yet makes connections fail, not the server", async () => {
    const { ca, serving } = await servingPair();
    const source = new FixedSource();
    await using server = await startServer({ routes, certificates: source });
    expect(server.server.isServing).toBe(false);
    await expect(server.send({ body: review() })).rejects.toThrow();
    source.replace(serving);
    expect(server.server.isServing).toBe(true);
    const socket = connectTls({ host: "127.0.0.1", port: server.port, ca });
    await once(socket, "secureConnect");
    socket.destroy();
  });
});

describe("a stop", () => {
  test("answers what is in flight, tells its connection to go, and ends idle ones", async () => {
    const gate = Promise.withResolvers<void>();
    let running = 0;
    await using server = await startServer({
      routes: answering(async () => {
        running += 1;
        await gate.promise;
        return allow();
      }),
    });
    const idle = await opened(server);
    const sent = server.send({ body: review(), agent: new Agent({ keepAlive: true }) });
    await expect.poll(() => running).toBe(1);
    server.stop.abort();
    await expect.poll(() => server.server.isServing).toBe(false);
    gate.resolve();
    const answer = await sent;
    expect([answer.status, answer.headers.connection]).toEqual([200, "close"]);
    await Promise.all([server.ended, closed(idle)]);
  });

  test("goes on taking connections for a while, each for one answer", async () => {
    const clock = new FakeClock();
    await using server = await startServer({ routes, clock, lameDuck: 5_000 });
    server.stop.abort();
    await expect.poll(() => clock.timers).toBe(1);
    const answer = await server.send({ body: review(), agent: new Agent({ keepAlive: true }) });
    expect([answer.status, answer.headers.connection]).toEqual([200, "close"]);
    clock.advance(5_000);
    await server.ended;
    await expect(server.send({ body: review() })).rejects.toThrow();
  });

  test("that becomes a kill tells handlers, and ends all", async () => {
    const started = Promise.withResolvers<AbortSignal>();
    await using server = await startServer({
      routes: {
        "/validate": {
          handler: (_request, { deadline }) => {
            started.resolve(deadline.signal);
            return new Promise<AdmissionResult>(() => {});
          },
        },
      },
    });
    const sent = server.send({ body: review() });
    const failed = expect(sent).rejects.toThrow();
    const signal = await started.promise;
    server.stop.abort();
    server.kill.abort(new Error("enough"));
    await Promise.all([failed, server.ended]);
    expect(signal.aborted).toBe(true);
  });
});

test("an address that is taken ends the start in one line", async () => {
  await using first = await startServer({ routes });
  const never = new AbortController().signal;
  const address = { host: "127.0.0.1", port: first.port };
  const second = new AdmissionServer({ address, routes, certificates: new FixedSource() });
  await expect(second.run({ stop: never, kill: never })).rejects.toThrow(/^cannot listen on 127\.0\.0\.1:\d+: /);
});

test("metrics count requests by path and code, as controller-runtime does", async () => {
  const registry = new Registry();
  const observer = webhookMetrics(registry);
  await using server = await startServer({
    routes: { ...routes, "/deny": { handler: () => deny({ message: "no" }) } },
    observer,
  });
  await server.send({ body: review() });
  await server.send({ path: "/deny", body: review() });
  await server.send({ body: "junk" });
  await server.send({ path: "/nowhere", body: review() });
  const lines = (await registry.metrics()).split("\n");
  expect(lines).toEqual(
    expect.arrayContaining([
      'controller_runtime_webhook_requests_total{webhook="/validate",code="200"} 1',
      'controller_runtime_webhook_requests_total{webhook="/validate",code="400"} 1',
      'controller_runtime_webhook_requests_total{webhook="/validate",code="500"} 0',
      'controller_runtime_webhook_requests_total{webhook="/deny",code="200"} 1',
      'controller_runtime_webhook_requests_in_flight{webhook="/validate"} 0',
      'controller_runtime_webhook_panics_total{webhook="/validate"} 0',
      'controller_runtime_webhook_latency_seconds_count{webhook="/validate"} 2',
    ]),
  );
  expect(lines.some((line) => line.includes("/nowhere"))).toBe(false);
});

/** An open TLS connection, on which nothing has been sent. */
const opened = async ({ port, ca }: { readonly port: number; readonly ca: string }): Promise<TLSSocket> => {
  const socket = connectTls({ host: "127.0.0.1", port, ca });
  socket.on("error", () => {});
  await once(socket, "secureConnect");
  return socket;
};

const head = (target: string, length: number): string =>
  `POST ${target} HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n`;

/** All that comes on a connection until it ends. */
const textOf = (socket: Socket): Promise<string> =>
  new Promise((resolve) => {
    const chunks: Buffer[] = [];
    socket.on("data", (chunk: Buffer) => chunks.push(chunk));
    socket.once("close", () => resolve(Buffer.concat(chunks).toString("utf8")));
  });

/** Resolves when a connection has ended, in whichever way. */
const closed = (socket: Socket): Promise<void> =>
  new Promise((resolve) => {
    socket.resume();
    if (socket.closed) resolve();
    else socket.once("close", () => resolve());
  });
