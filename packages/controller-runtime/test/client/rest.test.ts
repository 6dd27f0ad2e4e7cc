// Invariants:
// - A call ends: with an answer, an error, its deadline or its signal, whatever hangs: server, credential, pause.
// - A write reaches the server once, unless the server said that it did nothing.
// - A refused credential is renewed once per try; a second refusal is the caller's.
// - Waiting for the next try keeps neither a closed client alive nor lets the process end without a word.
import { execFile } from "node:child_process";
import type { RequestListener } from "node:http";
import { promisify } from "node:util";
import { afterEach, describe, expect, it } from "vitest";
import { Rest, type RestCall, type RestOptions } from "../../src/client/rest.ts";
import type { Clock } from "../../src/clock.ts";
import { ConnectionError, DeadlineError, ServiceUnavailableError, UnauthorizedError } from "../../src/errors.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { refuse, startHttpsServer } from "./https-server.ts";
import { TestConfig } from "./test-config.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

/** A clock on which a pause is over at once; it notes how long it was to be. Deadlines (30 s) never come. */
class HastyClock implements Clock {
  readonly pauses: number[] = [];

  now(): number {
    return 0;
  }

  date(): Date {
    return new Date(0);
  }

  after(delay: number, callback: () => void) {
    if (delay === 30_000) return { cancel: () => {} };
    this.pauses.push(delay);
    const handle = setImmediate(callback);
    return { cancel: () => clearImmediate(handle) };
  }
}

const start = async (handler: RequestListener, options: Partial<RestOptions> = {}) => {
  const server = await startHttpsServer(handler);
  cleanups.push(() => server[Symbol.asyncDispose]());
  const config = TestConfig.for(server);
  const clock = new HastyClock();
  const rest = new Rest({ config, clock, random: () => 0, userAgent: "test/1", connections: 4, ...options });
  cleanups.push(() => rest.close());
  return { server, config, clock, rest };
};

/** Refuses the first requests with what `refusals` name, one each, then answers `{}`. */
const refusing = (...refusals: [code: number, headers?: Record<string, string>][]): RequestListener => {
  const left = [...refusals];
  return (_request, response) => {
    const next = left.shift();
    if (next === undefined) response.end("{}");
    else refuse(response, ...next);
  };
};

const get: RestCall = { method: "GET", path: "/x?a=1" };
const post: RestCall = { method: "POST", path: "/x?a=1", body: "{}" };

describe("a call", () => {
  it("says who asks and what it sends", async () => {
    const { rest } = await start((request, response) => response.end(JSON.stringify(request.headers)));
    const plain: unknown = JSON.parse((await rest.call(get)).toString());
    expect(plain).toMatchObject({ "user-agent": "test/1", accept: "application/json" });
    expect(plain).not.toHaveProperty("content-type");
    expect(plain).not.toHaveProperty("authorization");
    const patch = { method: "PATCH", path: "/x", body: "[]", contentType: "application/json-patch+json" } as const;
    expect(JSON.parse((await rest.call(patch)).toString())).toMatchObject({
      "content-type": "application/json-patch+json",
      "content-length": "2",
    });
  });

  it("names method and path in its errors, not the query", async () => {
    const { rest } = await start(refusing([404]));
    await expect(rest.call(get)).rejects.toMatchObject({ name: "NotFoundError", message: "GET /x: refused with 404" });
  });
});

describe("an error answer", () => {
  const html = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>nginx</body></html>\r\n";

  it.each<[string, number, string, string]>([
    ["HTML of a proxy", 502, html, "GET /x: HTTP 502: 502 Bad Gateway nginx"],
    ["text", 404, "404 page not found\n", "GET /x: HTTP 404: 404 page not found"],
    ["nothing", 500, "", "GET /x: HTTP 500"],
    ["blanks", 500, " \n ", "GET /x: HTTP 500"],
    ["a Status that is cut off", 409, '{"kind":"Status","mess', 'GET /x: HTTP 409: {"kind":"Status","mess'],
    ["JSON that is no Status", 400, '{"error":"x"}', 'GET /x: HTTP 400: {"error":"x"}'],
    ["JSON null", 400, "null", "GET /x: HTTP 400: null"],
    ["several lines", 400, "one\ntwo", "GET /x: HTTP 400: one two"],
    ["a long text", 400, "x".repeat(100_000), `GET /x: HTTP 400: ${"x".repeat(200)}`],
    ["a bare Status", 418, '{"kind":"Status"}', "GET /x: HTTP 418"],
  ])("that holds %s is an ApiError of the code, with one line", async (_what, code, body, message) => {
    const { rest } = await start((_request, response) => void response.writeHead(code).end(body));
    await expect(rest.call({ ...get, retries: 0 })).rejects.toMatchObject({ code, message });
  });

  it("without a usable code has that of the answer", async () => {
    for (const code of ["null", "0", '"x"']) {
      const body = `{"kind":"Status","code":${code},"message":"m"}`;
      const { rest } = await start((_request, response) => void response.writeHead(404).end(body));
      await expect(rest.call(get)).rejects.toMatchObject({ name: "NotFoundError", code: 404 });
    }
  });

  it("that redirects is an error too: credentials do not follow a redirect", async () => {
    const { rest, server } = await start((_request, response) => {
      response.writeHead(302, { location: "https://127.0.0.1:1/" }).end();
    });
    await expect(rest.call(get)).rejects.toMatchObject({ code: 302 });
    expect(server.requests).toHaveLength(1);
  });
});

describe("a retry", () => {
  it("waits at least as long as the server asks, and comes for a write too after 429", async () => {
    const { rest, clock, server } = await start(refusing([429, { "retry-after": "7" }], [429, { "retry-after": "0" }]));
    await rest.call(post);
    expect(clock.pauses[0]).toBeGreaterThanOrEqual(7_000);
    expect(clock.pauses[1]).toBeLessThan(1_000);
    expect(server.requests).toEqual(["POST /x?a=1", "POST /x?a=1", "POST /x?a=1"]);
  });

  it("comes later each time, up to the most", async () => {
    const { rest, clock, server } = await start((_request, response) => refuse(response, 503));
    await expect(rest.call(get)).rejects.toBeInstanceOf(ServiceUnavailableError);
    expect(clock.pauses).toEqual([50, 100, 200, 400, 800, 1_600, 3_200, 5_000]);
    expect(server.requests).toHaveLength(9);
  });

  it("does not come for a write after a 503 that asks for none", async () => {
    const { rest, server } = await start(refusing([503]));
    await expect(rest.call(post)).rejects.toBeInstanceOf(ServiceUnavailableError);
    expect(server.requests).toHaveLength(1);
  });

  it("comes for a write that its caller calls repeatable", async () => {
    const { rest } = await start(refusing([503]));
    await rest.call({ ...post, repeatable: true });
  });

  it("comes as often as the caller allows", async () => {
    const { rest, server } = await start(refusing([429], [429], [429]));
    await expect(rest.call({ ...get, retries: 2 })).rejects.toMatchObject({ code: 429 });
    expect(server.requests).toHaveLength(3);
  });

  it("after a lost connection comes for a read, not for a write", async () => {
    let lost = 0;
    const { rest, server } = await start((request, response) => {
      if (lost++ % 2 === 0) request.socket.destroy();
      else response.end("{}");
    });
    await rest.call(get);
    await expect(rest.call(post)).rejects.toMatchObject({ name: "ConnectionError", sent: true });
    expect(server.requests).toEqual(["GET /x?a=1", "GET /x?a=1", "POST /x?a=1"]);
  });

  it("does not come where it would end the same", async () => {
    const { rest, config, clock } = await start((_request, response) => response.end("{}"));
    config.authorization = () => "Bearer a\nb";
    await expect(rest.call(get)).rejects.toBeInstanceOf(ConnectionError);
    config.authorization = () => undefined;
    config.changeTls({ rejectUnauthorized: true });
    await expect(rest.call(get)).rejects.toThrow(/certificate/);
    expect(clock.pauses).toEqual([]);
  });
});

describe("the deadline", () => {
  it("ends a call that gets no answer, and its connection", async () => {
    const clock = new FakeClock();
    const { rest, server } = await start(() => {}, { clock });
    const call = rest.call({ ...get, timeout: 5_000 });
    await expect.poll(() => server.requests, { interval: 1 }).toHaveLength(1);
    clock.advance(5_000);
    await expect(call).rejects.toMatchObject({ name: "DeadlineError", message: "GET /x: no result within 5 s" });
    await expect.poll(() => server.open, { interval: 1 }).toBe(0);
    expect(clock.timers).toBe(0);
  });

  it("ends a pause, and says what the last try came to", async () => {
    const clock = new FakeClock();
    const { rest } = await start((_request, response) => refuse(response, 429, { "retry-after": "60" }), { clock });
    const call = rest.call(get);
    // The deadline, and the pause.
    await expect.poll(() => clock.timers, { interval: 1 }).toBe(2);
    clock.advance(30_000);
    const error: unknown = await call.catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(DeadlineError);
    expect(error).toMatchObject({
      message: "GET /x: no result within 30 s (last: GET /x: refused with 429)",
      cause: { code: 429 },
    });
    expect(clock.timers).toBe(0);
  });

  it("ends a call whose credential does not come", async () => {
    const clock = new FakeClock();
    const { rest, config, server } = await start(() => {}, { clock });
    config.authorization = () => new Promise(() => {});
    const call = rest.call(get);
    clock.advance(30_000);
    await expect(call).rejects.toBeInstanceOf(DeadlineError);
    expect(server.requests).toEqual([]);
  });

  it("ends a call whose credential is refused and cannot be renewed in time", async () => {
    const clock = new FakeClock();
    const { rest, config } = await start(refusing([401]), { clock });
    config.onRefresh = () => new Promise(() => {});
    const call = rest.call(get);
    await expect.poll(() => config.refused, { interval: 1 }).toHaveLength(1);
    clock.advance(30_000);
    await expect(call).rejects.toBeInstanceOf(DeadlineError);
  });
});

describe("an abort", () => {
  it("ends a pause at once, with its own reason", async () => {
    const clock = new FakeClock();
    const { rest } = await start((_request, response) => refuse(response, 503), { clock });
    const stop = new AbortController();
    const call = rest.call({ ...get, signal: stop.signal });
    await expect.poll(() => clock.timers, { interval: 1 }).toBe(2);
    stop.abort("stopping");
    await expect(call).rejects.toBe("stopping");
    expect(clock.timers).toBe(0);
  });

  it("that is a deadline of the caller's own comes through as it is", async () => {
    const clock = new FakeClock();
    const { rest } = await start((_request, response) => refuse(response, 503), { clock });
    const stop = new AbortController();
    const call = rest.call({ ...get, signal: stop.signal });
    await expect.poll(() => clock.timers, { interval: 1 }).toBe(2);
    const reason = new DeadlineError("reconcile", 1_000);
    stop.abort(reason);
    await expect(call).rejects.toBe(reason);
  });

  it("ends the wait for a credential, of a stream too", async () => {
    const { rest, config } = await start(() => {});
    config.authorization = () => new Promise(() => {});
    const stop = new AbortController();
    const { signal } = stop;
    const call = rest.call({ ...get, signal });
    const stream = rest.stream({ path: "/x", accept: "application/json", onData: () => {}, signal });
    stop.abort("stopping");
    await expect(call).rejects.toBe("stopping");
    await expect(stream).rejects.toBe("stopping");
  });
});

describe("the credential", () => {
  const echo: RequestListener = (request, response) => response.end(request.headers.authorization);

  it("goes along, whether it is at hand or fetched", async () => {
    const { rest, config } = await start(echo);
    config.authorization = () => "Bearer plain";
    expect((await rest.call(get)).toString()).toBe("Bearer plain");
    config.authorization = async () => "Bearer fetched";
    expect((await rest.call(get)).toString()).toBe("Bearer fetched");
  });

  it("that cannot be had is the call's error, and nothing is sent", async () => {
    const { rest, config, server } = await start(echo);
    config.authorization = () => Promise.reject(new Error("exec plugin: not found"));
    await expect(rest.call(get)).rejects.toThrow("exec plugin: not found");
    config.authorization = () => {
      throw new Error("no token");
    };
    await expect(rest.call(get)).rejects.toThrow("no token");
    expect(server.requests).toEqual([]);
  });
});

describe("a refused credential", () => {
  /** Accepts only `Bearer good`. A refresh makes the token good. */
  const picky = async () => {
    const started = await start((request, response) => {
      if (request.headers.authorization === "Bearer good") response.end("{}");
      else refuse(response, 401);
    });
    const { config } = started;
    let token = "Bearer old";
    config.authorization = () => token;
    config.onRefresh = () => {
      token = "Bearer good";
      return true;
    };
    return started;
  };

  it("is renewed and the call sent again, a write too: a 401 is said before anything is done", async () => {
    const { rest, config, server } = await picky();
    await rest.call(post);
    expect(config.refused).toEqual(["Bearer old"]);
    expect(server.requests).toHaveLength(2);
    await rest.call(post);
    expect(server.requests).toHaveLength(3);
  });

  it("that is refused again is the caller's error: one renewal, two requests", async () => {
    const { rest, config, server } = await picky();
    config.onRefresh = () => true;
    await expect(rest.call(get)).rejects.toBeInstanceOf(UnauthorizedError);
    expect(config.refused).toEqual(["Bearer old"]);
    expect(server.requests).toHaveLength(2);
  });

  it("that cannot be renewed is the caller's error at once", async () => {
    const { rest, config, server } = await picky();
    config.onRefresh = () => false;
    await expect(rest.call(get)).rejects.toBeInstanceOf(UnauthorizedError);
    expect(server.requests).toHaveLength(1);
  });

  it("of many calls at once is told with what each of them sent, and each is sent again once", async () => {
    const { rest, config, server } = await picky();
    await Promise.all(Array.from({ length: 20 }, () => rest.call(get)));
    expect(new Set(config.refused)).toEqual(new Set(["Bearer old"]));
    expect(server.requests).toHaveLength(20 + config.refused.length);
  });

  it("of a stream is renewed too", async () => {
    const { rest, server } = await picky();
    let text = "";
    const onData = (chunk: Buffer) => {
      text += chunk;
    };
    await rest.stream({ path: "/w", accept: "application/json", onData, signal: new AbortController().signal });
    expect(text).toBe("{}");
    expect(server.requests).toHaveLength(2);
  });
});

describe("a stream", () => {
  const stream = { path: "/w?watch=true", accept: "application/json", onData: () => {} };

  it("says once that it is open, before any data", async () => {
    const heard: string[] = [];
    const { rest } = await start((_request, response) => response.end("data"));
    const { signal } = new AbortController();
    const onData = (chunk: Buffer) => heard.push(chunk.toString());
    await rest.stream({ ...stream, onOpen: () => heard.push("open"), onData, signal });
    expect(heard).toEqual(["open", "data"]);
  });

  it("that is refused is the ApiError, is not open and is not tried again", async () => {
    let opened = false;
    const { rest, server } = await start(refusing([429, { "retry-after": "3" }]));
    const onOpen = () => {
      opened = true;
    };
    const { signal } = new AbortController();
    await expect(rest.stream({ ...stream, onOpen, signal })).rejects.toMatchObject({
      message: "GET /w: refused with 429",
      retryAfter: 3_000,
    });
    expect(opened).toBe(false);
    expect(server.requests).toHaveLength(1);
  });

  it("does not wait for a connection behind calls", async () => {
    const { rest, server } = await start((request, response) => {
      if (request.url?.startsWith("/w")) response.end();
    });
    const calls = Promise.allSettled(Array.from({ length: 8 }, () => rest.call({ ...get, retries: 0 })));
    await expect.poll(() => server.requests, { interval: 1 }).toHaveLength(4);
    await rest.stream({ ...stream, signal: new AbortController().signal });
    await rest.close();
    await calls;
  });
});

describe("close", () => {
  it("ends calls under way and in a pause, at once and for good", async () => {
    const clock = new FakeClock();
    const handler: RequestListener = (request, response) => {
      if (request.url === "/busy") refuse(response, 503, { "retry-after": "9" });
    };
    const { rest, server } = await start(handler, { clock });
    const calls = Promise.allSettled([rest.call({ ...get, path: "/busy" }), rest.call({ ...get, path: "/silent" })]);
    await expect.poll(() => clock.timers, { interval: 1 }).toBe(3);
    await expect.poll(() => server.requests, { interval: 1 }).toHaveLength(2);
    await rest.close();
    expect(await calls).toMatchObject([
      { status: "rejected", reason: { code: 503 } },
      { status: "rejected", reason: { name: "ConnectionError" } },
    ]);
    expect(clock.timers).toBe(0);
    await expect(rest.call(get)).rejects.toBeInstanceOf(ConnectionError);
    expect(server.requests).toHaveLength(2);
  });
});

describe("a process that does nothing but wait for the next try", () => {
  it("lives until the call has ended", async () => {
    const client = new URL("../../src/client/client.ts", import.meta.url);
    const program = `
      import { Client } from ${JSON.stringify(client.href)};
      const tls = () => ({ rejectUnauthorized: true });
      const onTlsChange = () => () => {};
      const config = { server: "https://127.0.0.1:1", tls, onTlsChange, authorization: () => undefined };
      const error = await new Client(config).raw("GET", "/version", { retries: 1 }).catch((caught) => caught);
      console.log(error.message);
    `;
    const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", program]);
    expect(stdout.trim()).toBe("GET https://127.0.0.1:1/version: connect ECONNREFUSED 127.0.0.1:1");
  });
});
