import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A page of the manager's server; computed anew for each request. */
export interface PageContent {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/** Where to listen. */
export interface ServerAddress {
  /** A host name or an address; empty = all addresses. */
  readonly host: string;
  /** 0 = any free one. */
  readonly port: number;
}

export interface ServerOptions {
  readonly address: ServerAddress;
  /** Path to page: `/healthz`, `/metrics`. */
  readonly pages: Readonly<Record<string, () => PageContent | Promise<PageContent>>>;
}

/** A small HTTP server for probes and scrapes. */
export interface PageServer {
  /** The port it listens on, also where `:0` was asked for. */
  readonly port: number;
  close(): Promise<void>;
}

/**
 * Serves `pages` until closed.
 *
 * @throws Error in one line when the address cannot be listened on.
 */
export const servePages = async ({ address, pages }: ServerOptions): Promise<PageServer> => {
  const server = createServer((request, response) => {
    answer(request, response, pages).catch((error: unknown) => {
      response.writeHead(500, { "content-type": "text/plain" }).end(`${String(error)}\n`);
    });
  });
  // A probe or a scrape is small; whoever is slower than this is not one.
  server.requestTimeout = 10_000;
  server.headersTimeout = 5_000;
  await listen(server, address);
  const { port } = server.address() as AddressInfo;
  return {
    port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
};

const answer = async (request: IncomingMessage, response: ServerResponse, pages: ServerOptions["pages"]) => {
  const path = request.url?.split("?", 1)[0] ?? "/";
  const page = Object.hasOwn(pages, path) ? pages[path] : undefined;
  if (page === undefined) {
    response.writeHead(404, { "content-type": "text/plain" }).end(`there are: ${Object.keys(pages).join(" ")}\n`);
    return;
  }
  if (request.method !== "GET" && request.method !== "HEAD") {
    response.writeHead(405, { allow: "GET, HEAD" }).end();
    return;
  }
  const { status, contentType, body } = await page();
  response.writeHead(status, { "content-type": contentType, "content-length": Buffer.byteLength(body) });
  response.end(request.method === "HEAD" ? undefined : body);
};

const listen = (server: Server, { host, port }: ServerAddress): Promise<void> =>
  new Promise((resolve, reject) => {
    // Stays: a connection that cannot be accepted (no file descriptors left) is an event too, and unheard it would end
    // the process.
    server.on("error", (error) =>
      reject(new Error(`cannot listen on ${host}:${port}: ${error.message}`, { cause: error })),
    );
    server.listen(host === "" ? { port } : { port, host }, () => resolve());
  });
