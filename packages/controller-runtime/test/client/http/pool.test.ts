// Invariants:
// - A connection carries one request at a time, and none after anything on it went wrong.
// - Each request is told of one end, whatever the server does; a connection that fails costs one request, not the others.
// - Nothing stays behind: idle connections end after their time, and do not keep the process up.
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { Connection } from "../../../src/client/http/connection.ts";
import { type Demand, Pool, type PoolOptions } from "../../../src/client/http/pool.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

const OK = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/** A TCP server that answers each request text as `answer` says; it knows its sockets. */
const serve = async (answer: (request: string, socket: Socket) => void) => {
  const sockets: Socket[] = [];
  const server: Server = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => {});
    socket.on("data", (bytes) => answer(bytes.toString(), socket));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
  // The boundary: it listens on TCP.
  const { port } = server.address() as AddressInfo;
  return { sockets, target: { host: "127.0.0.1", port } };
};

const poolOf = (target: { host: string; port: number }, options: Partial<PoolOptions> = {}) => {
  const pool = new Pool(target, { connectTimeout: 5_000, keepAlive: 60_000, ...options });
  cleanups.push(() => pool.close());
  return pool;
};

/** Sends a request through the pool; resolves with what it was told. */
const send = (pool: Pool, path = "/", options: { readonly turnsBack?: boolean } = {}): Promise<string> =>
  new Promise((resolve) => {
    const body: Buffer[] = [];
    const demand: Demand = {
      isWanted: true,
      begin: (_connection: Connection) => {
        if (options.turnsBack !== true) return `GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`;
        resolve("turned back");
        return undefined;
      },
      onHead: () => {},
      onBody: (piece) => body.push(piece),
      onEnd: () => resolve(Buffer.concat(body).toString()),
      onError: (cause, sent) => resolve(`${sent ? "sent" : "not sent"}: ${cause.message}`),
    };
    pool.request(demand);
  });

describe("a connection is used again", () => {
  it("after a whole answer", async () => {
    const { sockets, target } = await serve((_request, socket) => socket.write(OK));
    const pool = poolOf(target);
    for (let i = 0; i < 20; i++) expect(await send(pool)).toBe("ok");
    expect(sockets).toHaveLength(1);
  });

  it("the one that was used last first", async () => {
    const { sockets, target } = await serve((_request, socket) => socket.write(OK));
    const pool = poolOf(target);
    await Promise.all([send(pool), send(pool), send(pool)]);
    const before = sockets.map(({ bytesRead }) => bytesRead);
    for (let i = 0; i < 5; i++) await send(pool);
    expect(sockets.filter(({ bytesRead }, i) => bytesRead !== before[i])).toHaveLength(1);
  });

  it.each([
    ["when the server says close", "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok"],
    ["when the server speaks HTTP/1.0", "HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok"],
    ["when bytes follow the answer", `${OK}HTTP/1.1 408 Request Timeout\r\n\r\n`],
  ])("never %s", async (_name, answer) => {
    const { sockets, target } = await serve((_request, socket) => socket.write(answer));
    const pool = poolOf(target);
    expect(await send(pool)).toBe("ok");
    expect(await send(pool)).toBe("ok");
    expect(sockets).toHaveLength(2);
  });

  it("never when the server has sent something that no request asked for", async () => {
    const { sockets, target } = await serve((_request, socket) => socket.write(OK));
    const pool = poolOf(target);
    await send(pool);
    sockets[0]?.write("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil");
    await once(sockets[0] as Socket, "close");
    expect(await send(pool)).toBe("ok");
    expect(sockets).toHaveLength(2);
  });

  it("never when the server has answered before it had the whole request", async () => {
    let isFirst = true;
    const { sockets, target } = await serve((_request, socket) => {
      socket.write(OK);
      // It takes no more of a request that it has refused.
      if (isFirst) socket.pause();
      isFirst = false;
    });
    const pool = poolOf(target);
    const large = `/${"x".repeat(32 * 1024 * 1024)}`;
    expect(await send(pool, large)).toBe("ok");
    expect(await send(pool)).toBe("ok");
    expect(sockets).toHaveLength(2);
  });

  it("never when it has been idle for longer than the server keeps it", async () => {
    const { sockets, target } = await serve((_request, socket) =>
      socket.write(`HTTP/1.1 200 OK\r\nkeep-alive: timeout=1\r\ncontent-length: 2\r\n\r\nok`),
    );
    const pool = poolOf(target);
    await send(pool);
    await send(pool);
    expect(sockets).toHaveLength(2);
  });
});

describe("a connection that the server has begun to close", () => {
  it("is gone as soon as that is read, so that no request is given to it", async () => {
    const { sockets, target } = await serve(() => {});
    const socket = connect(target);
    cleanups.push(() => socket.destroy());
    const gone: unknown[] = [];
    const connection = new Connection(socket, { onFree: () => {}, onGone: (one) => gone.push(one) });
    await expect.poll(() => sockets.length, { interval: 1 }).toBe(1);
    expect(connection.isUsable).toBe(true);
    sockets[0]?.end();
    await once(socket, "end");
    expect(gone).toEqual([connection]);
    expect(connection.isUsable).toBe(false);
  });
});

describe("an idle connection", () => {
  it("ends after its time", async () => {
    const { sockets, target } = await serve((_request, socket) => socket.write(OK));
    const pool = poolOf(target, { keepAlive: 20 });
    await send(pool);
    await expect.poll(() => sockets[0]?.destroyed, { interval: 5 }).toBe(true);
  });
});

describe("a request fails", () => {
  it("alone when its connection cannot be made", async () => {
    const pool = poolOf({ host: "127.0.0.1", port: 1 }, { connections: 2 });
    const told = await Promise.all(Array.from({ length: 5 }, () => send(pool)));
    expect(told).toEqual(Array(5).fill("not sent: connect ECONNREFUSED 127.0.0.1:1"));
  });

  it("when the connection is not made in time", async () => {
    // Accepts, but never speaks TLS.
    const { target } = await serve(() => {});
    const { createSecureContext } = await import("node:tls");
    const tls = { secureContext: createSecureContext(), rejectUnauthorized: true };
    const pool = new Pool({ ...target, tls }, { connectTimeout: 30, keepAlive: 60_000 });
    cleanups.push(() => pool.close());
    expect(await send(pool)).toBe(`not sent: no connection to 127.0.0.1:${target.port} within 0.03 s`);
  });

  it("when the server closes the connection with the answer half told", async () => {
    const { target } = await serve((_request, socket) => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhe"));
    expect(await send(poolOf(target))).toBe("sent: the server closed the connection before its answer was whole");
  });

  it("when the answer is not HTTP", async () => {
    const { target } = await serve((_request, socket) => socket.write("220 smtp.example.com\r\n\r\n"));
    expect(await send(poolOf(target))).toMatch(/^sent: the answer is not HTTP\/1\.1: /);
  });

  it("while others go on", async () => {
    const { target } = await serve((request, socket) => {
      if (request.startsWith("GET /bad")) socket.destroy();
      else socket.write(OK);
    });
    const pool = poolOf(target, { connections: 3 });
    const paths = Array.from({ length: 60 }, (_, i) => (i % 5 === 0 ? "/bad" : "/good"));
    const told = await Promise.all(paths.map((path) => send(pool, path)));
    expect(told.filter((text) => text === "ok")).toHaveLength(48);
    expect(told.filter((text) => text.startsWith("sent: "))).toHaveLength(12);
  });
});

describe("a request that turns back", () => {
  it("leaves its connection to the next", async () => {
    const { sockets, target } = await serve((_request, socket) => socket.write(OK));
    const pool = poolOf(target, { connections: 1 });
    const told = await Promise.all([
      send(pool, "/", { turnsBack: true }),
      send(pool),
      send(pool, "/", { turnsBack: true }),
    ]);
    expect(told).toEqual(["turned back", "ok", "turned back"]);
    expect(sockets).toHaveLength(1);
  });
});
