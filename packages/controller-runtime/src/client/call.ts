import type { AbortSource } from "../deadline.ts";
import { ConnectionError } from "../errors.ts";
import type { Connection } from "./http/connection.ts";
import type { Demand } from "./http/pool.ts";
import { writeRequest } from "./http/request.ts";
import type { Headers, ResponseHead } from "./http/response-head.ts";

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
  readonly headers: Headers;
  readonly body: Buffer;
}

/** Takes a streamed answer. A handler that throws ends the stream with its error. */
export interface StreamHandler {
  /** Called once; returns whether the body is to be streamed to `onData`. False = it is collected and returned. */
  onResponse(status: number): boolean;
  onData(chunk: Buffer): void;
}

export interface CallOptions {
  readonly request: HttpRequest;
  /** Of the server, for messages. */
  readonly origin: string;
  readonly host: string;
  readonly pathPrefix: string;
  readonly handler: StreamHandler | undefined;
  readonly signal: AbortSource | undefined;
  readonly resolve: (response: HttpResponse) => void;
  readonly reject: (error: unknown) => void;
}

/** One request and its answer. Settles exactly once, whatever order abort, error and end come in. */
export class Call implements Demand {
  readonly #options: CallOptions;
  /** The body that is collected, in the order it came. */
  readonly #pieces: Buffer[] = [];
  /** The one it is on, from its turn until it is settled. */
  #connection: Connection | undefined;
  #head: ResponseHead | undefined;
  #isStreaming = false;
  #isSettled = false;

  constructor(options: CallOptions) {
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

  get isWanted(): boolean {
    return !this.#isSettled;
  }

  begin(connection: Connection): string | undefined {
    // Aborted while it waited.
    if (this.#isSettled) return undefined;
    const { host, pathPrefix, request } = this.#options;
    try {
      request.guard?.();
    } catch (error) {
      this.#fail(error);
      return undefined;
    }
    try {
      const bytes = writeRequest({ ...request, path: pathPrefix + request.path, host });
      this.#connection = connection;
      return bytes;
    } catch (error) {
      this.onError(error, false);
      return undefined;
    }
  }

  onHead(head: ResponseHead): void {
    this.#head = head;
    const { handler } = this.#options;
    if (handler === undefined || this.#isSettled) return;
    this.#handling(() => {
      this.#isStreaming = handler.onResponse(head.status);
    });
  }

  onBody(piece: Buffer): void {
    const { handler } = this.#options;
    if (!this.#isStreaming) this.#pieces.push(piece);
    else if (!this.#isSettled) this.#handling(() => handler?.onData(piece));
  }

  onEnd(): void {
    const head = this.#head;
    if (this.#isSettled || head === undefined) return;
    this.#settle();
    const [first] = this.#pieces;
    const body = this.#pieces.length === 1 && first !== undefined ? first : Buffer.concat(this.#pieces);
    this.#options.resolve({ status: head.status, headers: head.headers, body });
  }

  onError(cause: unknown, sent: boolean): void {
    const { request, origin } = this.#options;
    const [path] = request.path.split("?", 1);
    this.#fail(new ConnectionError(`${request.method} ${origin}${path}`, { cause, sent }));
  }

  /** Calls the handler; its error ends the exchange. */
  #handling(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#abort(error);
    }
  }

  readonly #onAbort = () => this.#abort(this.#options.signal?.reason);

  /** An answer that is no longer wanted costs its connection: HTTP/1.1 knows no other way to stop it. */
  #abort(reason: unknown): void {
    const connection = this.#connection;
    this.#fail(reason);
    connection?.destroy(reason instanceof Error ? reason : new Error(String(reason)));
  }

  #fail(error: unknown): void {
    if (this.#isSettled) return;
    this.#settle();
    this.#options.reject(error);
  }

  #settle(): void {
    this.#isSettled = true;
    this.#connection = undefined;
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
  }
}
