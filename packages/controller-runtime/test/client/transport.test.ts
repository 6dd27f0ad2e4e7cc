// Invariants:
// - A request settles once, with what came first, and its handler hears nothing after that.
// - Nothing stays behind: no listener on the caller's signal, no connection after close().
// - Connections are reused, and no more are made than allowed; an abort costs at most the connection it was on.
// - Requests under way when the TLS material changes end on the old connections; later ones use new ones.
import { getEventListeners } from "node:events";
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { afterEach, describe, expect, it } from "vitest";
import type { StreamHandler } from "../../src/client/call.ts";
import { Transport, type TransportOptions } from "../../src/client/transport.ts";
import { ConnectionError } from "../../src/errors.ts";
import { bodyOf, type HttpsServer, startHttpsServer } from "./https-server.ts";
import { TestConfig } from "./test-config.ts";

const GET = { method: "GET", headers: {} } as const;
const get = (path: string) => ({ ...GET, path });

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

const start = async (handler: RequestListener, options?: TransportOptions) => {
  const server = await startHttpsServer(handler);
  cleanups.push(() => server[Symbol.asyncDispose]());
  const config = TestConfig.for(server);
  const transport = new Transport(config, options);
  cleanups.push(() => transport.close());
  return { server, config, transport };
};

/** A handler that answers all but `/held`, which it answers when it is released. */
const holding = () => {
  const released = Promise.withResolvers<void>();
  const handler = (request: IncomingMessage, response: ServerResponse) => {
    if (request.url !== "/held") return void response.end(request.url);
    void released.promise.then(() => response.end("released"));
  };
  return { handler, release: () => released.resolve() };
};

const seen = async (server: HttpsServer, request: string) => {
  await expect.poll(() => server.requests, { interval: 1 }).toContain(request);
};

/** What a promise comes to, its error too. */
const outcomeOf = (promise: Promise<unknown>): Promise<unknown> => promise.catch((error: unknown) => error);

/** Collects what a handler hears. */
const listener = (onData: (text: string) => void = () => {}) => {
  const heard: (number | string)[] = [];
  const handler: StreamHandler = {
    onResponse: (status) => {
      heard.push(status);
      return true;
    },
    onData: (chunk) => {
      heard.push(chunk.toString());
      onData(chunk.toString());
    },
  };
  return { heard, handler };
};

describe("a request", () => {
  it("carries method, path below the server's, headers and body, and brings back the answer", async () => {
    const server = await startHttpsServer(async (request, response) => {
      const body = await bodyOf(request);
      response.writeHead(201, { "x-answer": "yes" });
      response.end(JSON.stringify({ url: request.url, method: request.method, body, accept: request.headers.accept }));
    });
    cleanups.push(() => server[Symbol.asyncDispose]());
    const transport = new Transport(TestConfig.for(server, "/k8s/clusters/c-1/"));
    cleanups.push(() => transport.close());
    const request = { method: "PATCH", path: "/api/v1/x?a=1", headers: { accept: "a/b" }, body: "é" } as const;
    const answer = await transport.send(request);
    expect(answer.status).toBe(201);
    expect(answer.headers.get("x-answer")).toBe("yes");
    expect(JSON.parse(answer.body.toString())).toEqual({
      url: "/k8s/clusters/c-1/api/v1/x?a=1",
      method: "PATCH",
      body: "é",
      accept: "a/b",
    });
  });

  it("gets an answer that came in many chunks, whole", async () => {
    const { transport } = await start((_request, response) => {
      for (const part of ["a", "b", "c"]) response.write(part);
      response.end();
    });
    expect((await transport.send(get("/"))).body.toString()).toBe("abc");
  });

  it("gets an empty answer as an empty body", async () => {
    const { transport } = await start((_request, response) => response.writeHead(204).end());
    expect(await transport.send(get("/"))).toMatchObject({ status: 204, body: Buffer.alloc(0) });
  });

  it("takes no announcement (1xx) for the answer", async () => {
    const { transport } = await start((_request, response) => {
      response.writeEarlyHints({ link: "</a>; rel=preload" }, () => response.end("ok"));
    });
    expect(await transport.send(get("/"))).toMatchObject({ status: 200, body: Buffer.from("ok") });
  });

  it("that cannot be put into HTTP fails as not sent", async () => {
    const { transport, server } = await start((_request, response) => response.end());
    const bad = transport.send({ ...GET, path: "/", headers: { authorization: "Bearer a\nb" } });
    await expect(bad).rejects.toMatchObject({ name: "ConnectionError", sent: false });
    expect(server.requests).toEqual([]);
  });
});

describe("a guard", () => {
  it("that throws keeps the request from the server, and is what it fails with", async () => {
    const { server, transport } = await start((_request, response) => void response.end("ok"));
    const reason = new Error("not leading");
    const guard = () => {
      throw reason;
    };
    expect(await outcomeOf(transport.send({ ...get("/guarded"), guard }))).toBe(reason);
    expect((await transport.send(get("/free"))).body.toString()).toBe("ok");
    expect(server.requests).toEqual(["GET /free"]);
  });

  it("is asked when the request's turn has come, not when it begins to wait for a connection", async () => {
    const { handler, release } = holding();
    const { server, transport } = await start(handler, { connections: 1 });
    const held = transport.send(get("/held"));
    await seen(server, "GET /held");
    let isLeading = true;
    const guard = () => {
      if (!isLeading) throw new Error("not leading");
    };
    const waiting = outcomeOf(transport.send({ ...get("/late"), guard }));
    isLeading = false;
    release();
    await held;
    expect(await waiting).toEqual(new Error("not leading"));
    expect(server.requests).toEqual(["GET /held"]);
  });
});

describe("connections", () => {
  it("are reused: one handshake for 100 requests in a row", async () => {
    const { transport, server } = await start((_request, response) => response.end());
    for (let i = 0; i < 100; i++) await transport.send(get("/"));
    expect(server.handshakes).toBe(1);
  });

  it("are no more than allowed, and all requests get their turn", async () => {
    const { transport, server } = await start((request, response) => response.end(request.url), { connections: 4 });
    const paths = Array.from({ length: 40 }, (_, i) => `/${i}`);
    const answers = await Promise.all(paths.map((path) => transport.send(get(path))));
    expect(answers.map((answer) => answer.body.toString())).toEqual(paths);
    expect(server.handshakes).toBe(4);
  });

  it("that the server has closed are replaced", async () => {
    const { transport, server } = await start((_request, response) => response.end());
    await transport.send(get("/"));
    server.disconnectAll();
    await expect.poll(() => server.open, { interval: 1 }).toBe(0);
    // The client hears of it in the same turn or the next; either way no error may come out of an idle connection.
    await transport.send(get("/")).catch(() => transport.send(get("/")));
    expect(server.handshakes).toBe(2);
  });
});

describe("a lost connection", () => {
  it("is an error that names server and path, without the query", async () => {
    const transport = new Transport(TestConfig.for({ url: "https://127.0.0.1:1", ca: "" }));
    cleanups.push(() => transport.close());
    const error = await outcomeOf(transport.send(get("/api/v1/pods?labelSelector=long")));
    expect(error).toBeInstanceOf(ConnectionError);
    expect(error).toMatchObject({
      sent: false,
      message: "GET https://127.0.0.1:1/api/v1/pods: connect ECONNREFUSED 127.0.0.1:1",
    });
  });

  it("before an answer leaves it open whether the server has acted", async () => {
    const { transport } = await start((request) => request.socket.destroy());
    await expect(transport.send(get("/"))).rejects.toMatchObject({ name: "ConnectionError", sent: true });
  });

  it("in mid-body is an error, for a length that was announced and for chunks", async () => {
    const { transport } = await start((request, response) => {
      if (request.url === "/length") response.setHeader("content-length", "10");
      response.write("half", () => request.socket.destroy());
    });
    await expect(transport.send(get("/length"))).rejects.toMatchObject({ name: "ConnectionError", sent: true });
    await expect(transport.send(get("/chunks"))).rejects.toMatchObject({ name: "ConnectionError", sent: true });
  });

  it("to a server that is not trusted says so in one line", async () => {
    const { server } = await start((_request, response) => response.end());
    const other = await startHttpsServer(() => {});
    cleanups.push(() => other[Symbol.asyncDispose]());
    const transport = new Transport(TestConfig.for({ url: server.url, ca: other.ca }));
    cleanups.push(() => transport.close());
    const error = await outcomeOf(transport.send(get("/")));
    expect(error).toMatchObject({ sent: false, message: expect.stringMatching(/certificate/) });
    expect(error).not.toMatchObject({ message: expect.stringMatching(/\n/) });
  });
});

describe("an abort", () => {
  it("before the request keeps it from being sent", async () => {
    const { transport, server } = await start((_request, response) => response.end());
    const reason = new Error("stopping");
    await expect(transport.send(get("/"), AbortSignal.abort(reason))).rejects.toBe(reason);
    expect(server.requests).toEqual([]);
  });

  it("rejects with any reason as it is", async () => {
    const { transport } = await start(() => {});
    const stop = new AbortController();
    const sent = transport.send(get("/"), stop.signal);
    stop.abort("a string");
    await expect(sent).rejects.toBe("a string");
  });

  it("while it waits for the answer closes its connection", async () => {
    const { transport, server } = await start(() => {});
    const stop = new AbortController();
    const sent = transport.send(get("/"), stop.signal);
    await seen(server, "GET /");
    stop.abort(new Error("stopping"));
    await expect(sent).rejects.toThrow("stopping");
    await expect.poll(() => server.open, { interval: 1 }).toBe(0);
  });

  it("while it waits for a connection costs nobody a connection", async () => {
    const { handler, release } = holding();
    const { transport, server } = await start(handler, { connections: 1 });
    const held = transport.send(get("/held"));
    await seen(server, "GET /held");
    const stop = new AbortController();
    const waiting = Array.from({ length: 5 }, () => transport.send(get("/aborted"), stop.signal));
    const last = transport.send(get("/last"));
    stop.abort("stopping");
    for (const outcome of await Promise.allSettled(waiting)) {
      expect(outcome).toEqual({ status: "rejected", reason: "stopping" });
    }
    release();
    expect((await held).body.toString()).toBe("released");
    expect((await last).body.toString()).toBe("/last");
    expect(server.requests).toEqual(["GET /held", "GET /last"]);
    expect(server.handshakes).toBe(1);
  });

  it("while the connection is being made leaves the others their turn", async () => {
    const { transport, server } = await start((request, response) => response.end(request.url), { connections: 1 });
    const stop = new AbortController();
    const aborted = transport.send(get("/aborted"), stop.signal);
    const other = transport.send(get("/other"));
    stop.abort("stopping");
    await expect(aborted).rejects.toBe("stopping");
    expect((await other).body.toString()).toBe("/other");
    expect(server.requests).toEqual(["GET /other"]);
  });

  it("in mid-body ends the stream: not a chunk after it", async () => {
    const { transport, server } = await start((_request, response) => void response.write("a"));
    const stop = new AbortController();
    const { heard, handler } = listener(() => stop.abort("enough"));
    await expect(transport.stream(get("/"), handler, stop.signal)).rejects.toBe("enough");
    expect(heard).toEqual([200, "a"]);
    await expect.poll(() => server.open, { interval: 1 }).toBe(0);
  });

  it("from within onResponse ends the stream before its data", async () => {
    const { transport } = await start((_request, response) => response.end("a"));
    const stop = new AbortController();
    const { heard, handler } = listener();
    const onResponse = () => {
      stop.abort("enough");
      return true;
    };
    await expect(transport.stream(get("/"), { ...handler, onResponse }, stop.signal)).rejects.toBe("enough");
    expect(heard).toEqual([]);
  });

  it("after the answer changes nothing", async () => {
    const { transport, server } = await start((_request, response) => response.end("a"));
    const stop = new AbortController();
    await transport.send(get("/"), stop.signal);
    stop.abort();
    await transport.send(get("/"));
    expect(server.handshakes).toBe(1);
  });

  it("and the end of the connection in one moment are one rejection, in either order", async () => {
    const { transport, server } = await start(() => {});
    for (const first of ["abort", "close"]) {
      const stop = new AbortController();
      const sent = transport.send(get(`/${first}`), stop.signal);
      await seen(server, `GET /${first}`);
      if (first === "abort") stop.abort("stopping");
      server.disconnectAll();
      if (first === "close") stop.abort("stopping");
      await expect(sent).rejects.toBe("stopping");
      expect(getEventListeners(stop.signal, "abort")).toEqual([]);
    }
  });
});

describe("a stream", () => {
  it("hands on each chunk in order and resolves at the end", async () => {
    const { transport } = await start((_request, response) => {
      response.write("a", () => response.write("b", () => response.end("c")));
    });
    const { heard, handler } = listener();
    const answer = await transport.stream(get("/"), handler, new AbortController().signal);
    expect(heard[0]).toBe(200);
    expect(heard.slice(1).join("")).toBe("abc");
    expect(answer).toMatchObject({ status: 200, body: Buffer.alloc(0) });
  });

  it("that is not wanted is collected", async () => {
    const { transport } = await start((_request, response) => response.writeHead(410).end("gone"));
    const { heard, handler } = listener();
    const unwanted = { ...handler, onResponse: () => false };
    const answer = await transport.stream(get("/"), unwanted, new AbortController().signal);
    expect(answer).toMatchObject({ status: 410, body: Buffer.from("gone") });
    expect(heard).toEqual([]);
  });

  it("ends with the error that its handler throws, and its connection with it", async () => {
    const { transport, server } = await start((_request, response) => void response.write("a"));
    const thrown = new Error("handler");
    const { handler } = listener();
    const fail = () => {
      throw thrown;
    };
    const { signal } = new AbortController();
    await expect(transport.stream(get("/data"), { ...handler, onData: fail }, signal)).rejects.toBe(thrown);
    await expect(transport.stream(get("/response"), { ...handler, onResponse: fail }, signal)).rejects.toBe(thrown);
    await expect.poll(() => server.open, { interval: 1 }).toBe(0);
    expect(getEventListeners(signal, "abort")).toEqual([]);
  });
});

describe("a shared signal", () => {
  it("keeps no listener of 10,000 calls, whatever became of them", async () => {
    const { transport } = await start((request, response) => {
      if (request.url === "/lost") request.socket.destroy();
      else response.end();
    });
    const { signal } = new AbortController();
    const worker = async () => {
      for (let i = 0; i < 200; i++) {
        await transport.send(get(i % 100 === 0 ? "/lost" : "/"), signal).catch(() => {});
      }
    };
    await Promise.all(Array.from({ length: 50 }, worker));
    expect(getEventListeners(signal, "abort")).toEqual([]);
  });

  it("of many calls at once brings no warning of a leak", async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error) => warnings.push(warning);
    process.on("warning", onWarning);
    cleanups.push(() => process.off("warning", onWarning));
    const { transport } = await start((_request, response) => response.end());
    const { signal } = new AbortController();
    await Promise.all(Array.from({ length: 50 }, () => transport.send(get("/"), signal)));
    expect(warnings).toEqual([]);
  });
});

describe("a change of the TLS material", () => {
  it("lets what is under way end on the old connection, and makes new ones for what follows", async () => {
    const { handler, release } = holding();
    const { transport, server, config } = await start(handler);
    const held = transport.send(get("/held"));
    await seen(server, "GET /held");
    config.changeTls({ ...config.tls() });
    expect((await transport.send(get("/next"))).body.toString()).toBe("/next");
    expect(server.handshakes).toBe(2);
    release();
    expect((await held).body.toString()).toBe("released");
    // The old pool closes what it no longer needs.
    await expect.poll(() => server.open, { interval: 1 }).toBe(1);
  });

  it("takes effect for the next request: what is no longer trusted is refused", async () => {
    const { transport, config } = await start((_request, response) => response.end());
    await transport.send(get("/"));
    config.changeTls({ rejectUnauthorized: true });
    await expect(transport.send(get("/"))).rejects.toMatchObject({ name: "ConnectionError", sent: false });
  });
});

describe("close", () => {
  it("ends what is under way, also what is on connections from before a change of the TLS material", async () => {
    const { transport, server, config } = await start(() => {});
    const old = outcomeOf(transport.send(get("/old")));
    await seen(server, "GET /old");
    config.changeTls({ ...config.tls() });
    const current = outcomeOf(transport.send(get("/current")));
    await seen(server, "GET /current");
    await transport.close();
    expect(await old).toBeInstanceOf(ConnectionError);
    expect(await current).toBeInstanceOf(ConnectionError);
    await expect.poll(() => server.open, { interval: 1 }).toBe(0);
  });

  it("fails what waits for a connection as not sent", async () => {
    const { transport, server } = await start(() => {}, { connections: 1 });
    const first = outcomeOf(transport.send(get("/first")));
    await seen(server, "GET /first");
    const waiting = outcomeOf(transport.send(get("/waiting")));
    await transport.close();
    expect(await first).toMatchObject({ sent: true });
    expect(await waiting).toMatchObject({ sent: false });
  });

  it("can be called twice, stops listening for changes, and lets nothing through after it", async () => {
    const { transport, config } = await start((_request, response) => response.end());
    await transport.close();
    await transport.close();
    expect(config.listeners).toBe(0);
    await expect(transport.send(get("/"))).rejects.toMatchObject({ name: "ConnectionError", sent: false });
  });
});
