import type { IncomingMessage, RequestListener } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import type { Logger } from "../log.ts";
import type { ServerAddress } from "../manager/server.ts";
import type { CertificateSource, ServingCertificate } from "./certificate-source.ts";
import { Connections } from "./connections.ts";

/** Milliseconds. The API server is close by, and sends at once: whoever takes longer is not it. */
const TIMEOUTS = {
  handshakeTimeout: 10_000,
  headersTimeout: 10_000,
  /** From the first byte of a request to its last. */
  requestTimeout: 30_000,
  /** How often the two above are looked at. */
  connectionsCheckingInterval: 1_000,
  /** Longer than Go's clients keep an idle connection (90 s): so they close it, not we while they send. */
  keepAliveTimeout: 120_000,
};

/** What a client gets for its parts of an exchange, milliseconds. */
export type ConnectionTimeouts = Partial<typeof TIMEOUTS>;

/** Given anew with each certificate: what is left out falls back to Node's own. */
const TLS = { minVersion: "TLSv1.2" } as const;
/** An API server opens one for each request under way, and keeps some. Beyond this the longest idle one ends. */
const MAX_CONNECTIONS = 1_024;

export interface TlsListenerOptions {
  readonly address: ServerAddress;
  readonly certificates: CertificateSource;
  readonly timeouts: ConnectionTimeouts | undefined;
  /** Default 1,024. */
  readonly maxConnections: number | undefined;
  readonly log: Logger;
  readonly onRequest: RequestListener;
}

/**
 * An HTTPS server whose certificate changes while it runs. A new one is for new connections and cuts none; who opened a
 * connection with an earlier one is known, so that it can be asked to go.
 */
export class TlsListener implements Disposable {
  readonly #options: TlsListenerOptions;
  readonly #server: Server;
  readonly #unlisten: () => void;
  /** Of each connection, the certificate with which it was opened. */
  readonly #openedWith = new WeakMap<Socket, ServingCertificate>();
  /** TCP connections, those in their handshake too. */
  readonly #connections: Connections;
  #served: ServingCertificate | undefined;

  constructor(options: TlsListenerOptions) {
    this.#options = options;
    this.#connections = new Connections(options.maxConnections ?? MAX_CONNECTIONS);
    this.#server = this.#createServer();
    this.#unlisten = options.certificates.onChange(() => this.#present());
    this.#present();
  }

  /** Whether connections are taken: it listens, and has a certificate. */
  get isServing(): boolean {
    return this.#server.listening && this.#served !== undefined;
  }

  /** Whether the connection of a request was opened with the certificate of now. */
  isCurrent({ socket }: IncomingMessage): boolean {
    return this.#openedWith.get(socket) === this.#served;
  }

  /** @returns the port. @throws Error in one line when the address cannot be listened on. */
  listen(): Promise<number> {
    const { address, log } = this.#options;
    const { host, port } = address;
    return new Promise((resolve, reject) => {
      // Stays: a connection that cannot be accepted (no file descriptors left) is an event too, and unheard it would end
      // the process.
      this.#server.on("error", (error) => {
        reject(new Error(`cannot listen on ${host}:${port}: ${error.message}`, { cause: error }));
        log.debug("the webhook server has trouble", { error });
      });
      this.#server.listen(host === "" ? { port } : { port, host }, () => {
        // The address of a TCP server is no path.
        resolve((this.#server.address() as AddressInfo).port);
      });
    });
  }

  /** Takes no more connections. Resolves when all there were have ended; see `cut`. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
    });
  }

  /** Ends all connections, whatever they are about. */
  cut(): void {
    this.#connections.cut();
  }

  /** Hears no more of new certificates. */
  [Symbol.dispose](): void {
    this.#unlisten();
  }

  #createServer(): Server {
    const { timeouts, log } = this.#options;
    const { keepAliveTimeout, ...times } = { ...TIMEOUTS, ...timeouts };
    const server = createServer({ ...times, ...TLS }, this.#onRequest);
    server.keepAliveTimeout = keepAliveTimeout;
    server.on("connection", (socket: Socket) => this.#connections.add(socket));
    server.on("secureConnection", (socket: Socket) => {
      if (this.#served === undefined) return;
      this.#openedWith.set(socket, this.#served);
      log.debug("a client has connected", { certificate: this.#served.certificate.id });
    });
    // Scanners, and clients with another CA, which tell their own log.
    server.on("tlsClientError", (error) => log.debug("a TLS handshake failed", { error }));
    return server;
  }

  readonly #onRequest: RequestListener = (request, response) => {
    const { socket } = request;
    this.#connections.begin(socket);
    response.once("close", () => this.#connections.end(socket));
    this.#options.onRequest(request, response);
  };

  /** Uses the source's certificate for connections from now on. */
  #present(): void {
    const { current } = this.#options.certificates;
    if (current === undefined || this.#isServed(current)) return;
    try {
      this.#server.setSecureContext({ ...TLS, cert: current.cert, key: current.key });
      this.#served = current;
    } catch (error) {
      this.#options.log.error("a certificate cannot be served; going on with the one before", { error });
    }
  }

  /** With its chain: an intermediate may come later than the certificate that it has signed. */
  #isServed({ cert, key }: ServingCertificate): boolean {
    return this.#served?.cert === cert && this.#served.key === key;
  }
}
