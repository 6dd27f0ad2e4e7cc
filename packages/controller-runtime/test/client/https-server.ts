import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { selfSigned } from "../config/certificate.ts";

/** The certificate of a `startHttpsServer`, and so the name by which a client knows it. */
export const SERVER_NAME = "api.test";

/** A local server that counts what is asked of its connections. */
export interface HttpsServer extends AsyncDisposable {
  /** `https://127.0.0.1:port`. */
  readonly url: string;
  /** What to trust, together with the name `SERVER_NAME`. */
  readonly ca: string;
  /** TLS handshakes so far. */
  readonly handshakes: number;
  /** Method and path of each request so far. */
  readonly requests: readonly string[];
  /** TLS connections that are open. */
  readonly open: number;
  /** Closes all connections. */
  disconnectAll(): void;
}

/** Starts a server on a free port of 127.0.0.1; dispose of it at the end. */
export const startHttpsServer = async (handler: RequestListener): Promise<HttpsServer> => {
  const pair = selfSigned(SERVER_NAME);
  const sockets = new Set<Socket>();
  const requests: string[] = [];
  let handshakes = 0;
  const server = createServer({ ...pair, keepAliveTimeout: 0 }, (request, response) => {
    requests.push(`${request.method} ${request.url}`);
    handler(request, response);
  });
  server.on("secureConnection", (socket: Socket) => {
    handshakes++;
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    socket.on("error", () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const disconnectAll = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: `https://127.0.0.1:${port}`,
    ca: pair.cert,
    requests,
    get handshakes() {
      return handshakes;
    },
    get open() {
      return sockets.size;
    },
    disconnectAll,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      disconnectAll();
      server.closeAllConnections();
      await closed;
    },
  };
};

/** Reads a request's body to its end. */
export const bodyOf = async (request: IncomingMessage): Promise<string> => {
  let text = "";
  for await (const chunk of request.setEncoding("utf8")) text += chunk;
  return text;
};

/** Answers with a `Status`, as the API server refuses. */
export const refuse = (response: ServerResponse, code: number, headers: Record<string, string> = {}): void => {
  response.writeHead(code, { "content-type": "application/json", ...headers });
  response.end(
    JSON.stringify({ kind: "Status", apiVersion: "v1", status: "Failure", code, message: `refused with ${code}` }),
  );
};
