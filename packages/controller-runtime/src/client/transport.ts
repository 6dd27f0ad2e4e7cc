import { createSecureContext } from "node:tls";
import type { Dispatcher } from "undici";
import Pool from "undici/lib/dispatcher/pool.js";
import type { ClusterConfig } from "../config/cluster-config.ts";
import type { AbortSource } from "../deadline.ts";
import { ConnectionError } from "../errors.ts";

/** A request as it goes on the wire. */
export interface HttpRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Path and query, without the server. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  /** Called right before the first byte is written; what it throws is what the request fails with. */
  readonly guard?: (() => void) | undefined;
}

/** A whole answer. */
export interface HttpResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

/** Takes a streamed answer. A handler that throws ends the stream with its error. */
export interface StreamHandler {
  /** Called once; returns whether the body is to be streamed to `onData`. False = it is collected and returned. */
  onResponse(status: number): boolean;
  onData(chunk: Buffer): void;
}

export interface TransportOptions {
  /** Connections at the most; further requests wait for a free one. Absent = as many as are asked for. */
  readonly connections?: number | undefined;
  /** Milliseconds until a connection attempt counts as failed. */
  readonly connectTimeout?: number | undefined;
}

const CONNECT_TIMEOUT = 10_000;
/** The API server keeps idle connections for 90 s or longer; handing back earlier avoids writing into a closing one. */
const KEEP_ALIVE = 60_000;

/**
 * One pool of HTTP/1.1 connections to the API server, replaced when the TLS material changes: requests under way end on
 * the old one. HTTP/1.1, because there a slow reader holds up nobody but itself: over one HTTP/2 connection the API
 * server ends watches while writes burst.
 */
export class Transport {
  readonly #config: ClusterConfig;
  readonly #options: TransportOptions;
  readonly #origin: string;
  readonly #pathPrefix: string;
  readonly #unsubscribe: () => void;
  /** Pools with older TLS material that still have requests under way. */
  readonly #retired = new Set<Pool>();
  #pool: Pool;
  #closed = false;

  constructor(config: ClusterConfig, options: TransportOptions = {}) {
    const url = new URL(config.server);
    this.#config = config;
    this.#options = options;
    this.#origin = url.origin;
    this.#pathPrefix = url.pathname === "/" ? "" : url.pathname.replace(/\/$/, "");
    this.#pool = this.#newPool();
    this.#unsubscribe = config.onTlsChange(() => this.#replacePool());
  }

  /**
   * Sends a request and collects the answer.
   *
   * @throws ConnectionError; the signal's reason when it aborts.
   */
  send(request: HttpRequest, signal?: AbortSource): Promise<HttpResponse> {
    return this.#dispatch(request, undefined, signal);
  }

  /**
   * Sends a request and hands the answer on chunk by chunk, in order. Resolves when the server ends it.
   *
   * @throws ConnectionError; the handler's error; the signal's reason when it aborts.
   */
  stream(request: HttpRequest, handler: StreamHandler, signal: AbortSignal): Promise<HttpResponse> {
    return this.#dispatch(request, handler, signal);
  }

  /** Ends all connections, also those with requests under way. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#unsubscribe();
    await Promise.all([this.#pool, ...this.#retired].map((pool) => pool.destroy()));
  }

  #dispatch(request: HttpRequest, handler: StreamHandler | undefined, signal: AbortSource | undefined) {
    return new Promise<HttpResponse>((resolve, reject) => {
      const exchange = new Exchange({ request, origin: this.#origin, handler, signal, resolve, reject });
      if (!exchange.listen()) return;
      try {
        this.#pool.dispatch(
          {
            method: request.method,
            path: this.#pathPrefix + request.path,
            headers: request.headers,
            body: request.body ?? null,
            // Deadlines are the caller's: a watch is silent for minutes.
            headersTimeout: 0,
            bodyTimeout: 0,
          },
          exchange,
        );
      } catch (error) {
        exchange.onResponseError(undefined, error instanceof Error ? error : new Error(String(error)));
      }
    });
  }

  #newPool(): Pool {
    const { ca, cert, key, servername, rejectUnauthorized } = this.#config.tls();
    return new Pool(this.#origin, {
      connections: this.#options.connections ?? null,
      allowH2: false,
      pipelining: 1,
      keepAliveTimeout: KEEP_ALIVE,
      autoSelectFamily: true,
      connect: {
        timeout: this.#options.connectTimeout ?? CONNECT_TIMEOUT,
        rejectUnauthorized,
        // Made once: each connection would parse the certificates anew, and keep its own copy.
        secureContext: createSecureContext({ ca, cert, key }),
        ...(servername === undefined ? {} : { servername }),
      },
    });
  }

  #replacePool(): void {
    if (this.#closed) return;
    const old = this.#pool;
    this.#pool = this.#newPool();
    this.#retired.add(old);
    // Waits for what is under way; a failure there has reached its caller already.
    const forget = () => this.#retired.delete(old);
    old.close().then(forget, forget);
  }
}

interface ExchangeOptions {
  readonly request: HttpRequest;
  /** Of the server, for messages. */
  readonly origin: string;
  readonly handler: StreamHandler | undefined;
  readonly signal: AbortSource | undefined;
  readonly resolve: (response: HttpResponse) => void;
  readonly reject: (error: unknown) => void;
}

/** One request and its answer. Settles exactly once, whatever order abort, error and end come in. */
class Exchange implements Dispatcher.DispatchHandler {
  readonly #options: ExchangeOptions;
  readonly #chunks: Buffer[] = [];
  #controller: Dispatcher.DispatchController | undefined;
  #status = 0;
  #headers: HttpResponse["headers"] = {};
  #streaming = false;
  #settled = false;

  constructor(options: ExchangeOptions) {
    this.#options = options;
  }

  /** Starts to listen for an abort; false = aborted already, do not send. */
  listen(): boolean {
    const { signal } = this.#options;
    if (signal?.aborted) {
      this.#fail(signal.reason);
      return false;
    }
    signal?.addEventListener("abort", this.#onAbort, { once: true });
    return true;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    // Aborted while it waited for a connection. Throwing takes it out of the queue; `controller.abort` would close the
    // connection, which others wait for, although nothing has been written to it.
    if (this.#settled) throw new Error("aborted");
    this.#ask(this.#options.request.guard);
    this.#controller = controller;
  }

  #ask(guard: (() => void) | undefined): void {
    try {
      guard?.();
    } catch (error) {
      this.#fail(error);
      throw error;
    }
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, headers: HttpResponse["headers"]): void {
    // 1xx are announcements; the answer follows.
    if (status < 200) return;
    this.#status = status;
    this.#headers = headers;
    this.#handling(controller, () => {
      this.#streaming = this.#options.handler?.onResponse(status) ?? false;
    });
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#settled) return;
    if (!this.#streaming) {
      this.#chunks.push(chunk);
      return;
    }
    this.#handling(controller, () => this.#options.handler?.onData(chunk));
  }

  onResponseEnd(): void {
    if (this.#settled) return;
    this.#settle();
    const [first] = this.#chunks;
    const body = this.#chunks.length === 1 && first !== undefined ? first : Buffer.concat(this.#chunks);
    const response = { status: this.#status, headers: this.#headers, body };
    // undici sets the connection free in a `setImmediate` that it asks for after this call. A caller that went on sooner
    // would find it busy and open a second one: twice the handshakes for calls in a row.
    queueMicrotask(() => setImmediate(this.#options.resolve, response));
  }

  onResponseError(_controller: unknown, cause: Error): void {
    const { request, origin } = this.#options;
    const [path] = request.path.split("?", 1);
    this.#fail(
      new ConnectionError(`${request.method} ${origin}${path}`, { cause, sent: this.#controller !== undefined }),
    );
  }

  /** Calls the handler; its error ends the exchange. */
  #handling(controller: Dispatcher.DispatchController, call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#fail(error);
      controller.abort(error instanceof Error ? error : new Error(String(error)));
    }
  }

  readonly #onAbort = () => {
    const reason: unknown = this.#options.signal?.reason;
    this.#fail(reason);
    this.#controller?.abort(reason instanceof Error ? reason : new Error(String(reason)));
  };

  #fail(error: unknown): void {
    if (this.#settled) return;
    this.#settle();
    this.#options.reject(error);
  }

  #settle(): void {
    this.#settled = true;
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
  }
}
