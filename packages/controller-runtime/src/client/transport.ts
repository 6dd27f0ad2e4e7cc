import { createSecureContext } from "node:tls";
import type { ClusterConfig } from "../config/cluster-config.ts";
import type { AbortSource } from "../deadline.ts";
import { Call, type HttpRequest, type HttpResponse, type StreamHandler } from "./call.ts";
import type { Target } from "./http/connect.ts";
import { Pool } from "./http/pool.ts";

export interface TransportOptions {
  /** Connections at the most; further requests wait for a free one. Absent = as many as are asked for. */
  readonly connections?: number | undefined;
  /** Milliseconds until a connection attempt counts as failed. */
  readonly connectTimeout?: number | undefined;
}

const CONNECT_TIMEOUT = 10_000;
/** The API server keeps idle connections for 90 s or longer; handing back earlier avoids writing into a closing one. */
const KEEP_ALIVE = 45_000;

/**
 * Connections to the API server over HTTP/1.1, because there a slow reader holds up nobody but itself: over one HTTP/2
 * connection the API server ends watches while writes burst. They are replaced when the TLS material changes: requests
 * under way end on the old ones.
 */
export class Transport {
  readonly #config: ClusterConfig;
  readonly #url: URL;
  readonly #pathPrefix: string;
  readonly #pool: Pool;
  readonly #unsubscribe: () => void;

  constructor(config: ClusterConfig, options: TransportOptions = {}) {
    this.#config = config;
    this.#url = new URL(config.server);
    this.#pathPrefix = this.#url.pathname === "/" ? "" : this.#url.pathname.replace(/\/$/, "");
    this.#pool = new Pool(this.#target(), {
      connections: options.connections,
      connectTimeout: options.connectTimeout ?? CONNECT_TIMEOUT,
      keepAlive: KEEP_ALIVE,
    });
    this.#unsubscribe = config.onTlsChange(() => this.#pool.retarget(this.#target()));
  }

  /**
   * Sends a request and collects the answer.
   *
   * @throws ConnectionError; the signal's reason when it aborts.
   */
  send(request: HttpRequest, signal?: AbortSource): Promise<HttpResponse> {
    return this.#request(request, undefined, signal);
  }

  /**
   * Sends a request and hands the answer on piece by piece, in order. Resolves when the server ends it.
   *
   * @throws ConnectionError; the handler's error; the signal's reason when it aborts.
   */
  stream(request: HttpRequest, handler: StreamHandler, signal: AbortSignal): Promise<HttpResponse> {
    return this.#request(request, handler, signal);
  }

  /** Ends all connections, also those with requests under way. */
  close(): void {
    this.#unsubscribe();
    this.#pool.close();
  }

  #request(request: HttpRequest, handler: StreamHandler | undefined, signal: AbortSource | undefined) {
    return new Promise<HttpResponse>((resolve, reject) => {
      const { origin, host } = this.#url;
      const call = new Call({ request, origin, host, pathPrefix: this.#pathPrefix, handler, signal, resolve, reject });
      if (call.listen()) this.#pool.request(call);
    });
  }

  #target(): Target {
    const { protocol, hostname, port } = this.#url;
    // The brackets of an IPv6 address belong to the URL.
    const host = hostname.replace(/^\[|\]$/g, "");
    if (protocol === "http:") return { host, port: Number(port || 80) };
    const { ca, cert, key, servername, rejectUnauthorized } = this.#config.tls();
    // Made once: each connection would parse the certificates anew, and keep its own copy.
    const secureContext = createSecureContext({ ca, cert, key });
    return { host, port: Number(port || 443), tls: { secureContext, servername, rejectUnauthorized } };
  }
}
