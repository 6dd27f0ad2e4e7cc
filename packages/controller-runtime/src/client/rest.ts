import type { Status } from "kubernetes-types/meta/v1.d.ts";
import { Backoff } from "../backoff.ts";
import { type Clock, type Random, sleep } from "../clock.ts";
import type { ClusterConfig } from "../config/cluster-config.ts";
import { startDeadline } from "../deadline.ts";
import { ApiError, apiError, UnauthorizedError } from "../errors.ts";
import { CALL_BACKOFF, MAX_RETRIES, mayRetry, retryAfterOf } from "./retry.ts";
import { type HttpRequest, type HttpResponse, Transport } from "./transport.ts";

/** Is told of each answer and each retry; see `clientMetrics`. */
export interface RestObserver {
  /** `code` is the HTTP status, or `<error>` where no answer came; `seconds` is the time of that one try. */
  onResult(result: { method: string; host: string; code: string; seconds: number }): void;
  onRetry(retry: { method: string; host: string; code: string }): void;
}

/** One call as the typed client makes it. */
export interface RestCall {
  readonly method: HttpRequest["method"];
  /** Path and query. */
  readonly path: string;
  readonly accept?: string | undefined;
  readonly contentType?: string | undefined;
  readonly body?: string | undefined;
  /** Whether doing it twice is the same as doing it once. Default: true for GET. */
  readonly repeatable?: boolean | undefined;
  /** Milliseconds for the call with all its retries. Default 30,000. */
  readonly timeout?: number | undefined;
  /** Retries at the most. Default 8. */
  readonly retries?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A streamed GET. */
export interface RestStream {
  readonly path: string;
  readonly accept: string;
  readonly onData: (chunk: Buffer) => void;
  /** Called once the server has accepted the request, before any data. */
  readonly onOpen?: (() => void) | undefined;
  readonly signal: AbortSignal;
}

export interface RestOptions {
  readonly config: ClusterConfig;
  readonly clock: Clock;
  readonly random: Random;
  readonly userAgent: string;
  /** Connections for calls; watches have others. */
  readonly connections: number;
  readonly observer?: RestObserver | undefined;
}

const DEFAULT_TIMEOUT = 30_000;

/**
 * Speaks HTTP with the API server: credentials, errors, retries, deadlines. Knows nothing of resources.
 *
 * Calls and watches have pools of their own: a burst of writes neither waits behind watches nor ends them.
 */
export class Rest {
  readonly #options: RestOptions;
  readonly #calls: Transport;
  readonly #watches: Transport;
  readonly #host: string;

  constructor(options: RestOptions) {
    this.#options = options;
    this.#calls = new Transport(options.config, { connections: options.connections });
    this.#watches = new Transport(options.config);
    this.#host = new URL(options.config.server).host;
  }

  /**
   * Makes a call.
   *
   * @returns the body of a 2xx answer.
   * @throws ApiError (by reason), ConnectionError, DeadlineError; the signal's reason when it aborts.
   */
  async call(call: RestCall): Promise<Buffer> {
    const { clock, random } = this.#options;
    const request = describeCall(call);
    const repeatable = call.repeatable ?? call.method === "GET";
    const retries = call.retries ?? MAX_RETRIES;
    using deadline = startDeadline({
      clock,
      milliseconds: call.timeout ?? DEFAULT_TIMEOUT,
      what: request,
      parent: call.signal,
    });
    const { signal } = deadline;
    let backoff: Backoff | undefined;
    for (let retry = 0; ; retry++) {
      try {
        return await this.#authorized(call.method, (authorization) => this.#try(call, { authorization, signal }));
      } catch (error) {
        if (retry >= retries || signal.aborted || !mayRetry(error, repeatable)) throw error;
        backoff ??= new Backoff(CALL_BACKOFF, clock, random);
        const asked = error instanceof ApiError ? (error.retryAfter ?? 0) : 0;
        this.#options.observer?.onRetry({ method: call.method, host: this.#host, code: codeOf(error) });
        await sleep(clock, asked * (1 + 0.1 * random()) + backoff.next(), signal);
      }
    }
  }

  /**
   * Opens a stream and hands on its data until the server ends it. No deadline and no retry: the caller knows where to
   * go on.
   *
   * @throws ApiError, ConnectionError, what `onData` throws; the signal's reason when it aborts.
   */
  async stream(stream: RestStream): Promise<void> {
    await this.#authorized("GET", (authorization) => this.#tryStream(stream, authorization));
  }

  /** Ends all connections. */
  async close(): Promise<void> {
    await Promise.all([this.#calls.close(), this.#watches.close()]);
  }

  /** Runs `attempt` with the credential, and once more with a new one when the server refuses it. */
  async #authorized<T>(method: string, attempt: (authorization: string | undefined) => Promise<T>): Promise<T> {
    const { config } = this.#options;
    // Awaiting only what is a promise keeps the usual case free of an extra turn.
    const current = config.authorization();
    const authorization = current instanceof Promise ? await current : current;
    try {
      return await attempt(authorization);
    } catch (error) {
      if (!(error instanceof UnauthorizedError) || !(await config.refresh(authorization))) throw error;
      this.#options.observer?.onRetry({ method, host: this.#host, code: "401" });
      return await attempt(await config.authorization());
    }
  }

  async #try(call: RestCall, { authorization, signal }: { authorization: string | undefined; signal: AbortSignal }) {
    const { method, path, body } = call;
    const headers = this.#headers(call.accept ?? "application/json", authorization);
    if (body !== undefined) headers["content-type"] = call.contentType ?? "application/json";
    const start = this.#options.clock.now();
    try {
      const response = await this.#calls.send({ method, path, headers, body }, signal);
      this.#observe(method, String(response.status), start);
      if (response.status >= 200 && response.status < 300) return response.body;
      throw this.#errorOf(response, describeCall(call));
    } catch (error) {
      if (!(error instanceof ApiError)) this.#observe(method, "<error>", start);
      throw error;
    }
  }

  async #tryStream(stream: RestStream, authorization: string | undefined): Promise<void> {
    const { path, signal, onData, onOpen } = stream;
    const start = this.#options.clock.now();
    const onResponse = (status: number): boolean => {
      this.#observe("GET", String(status), start);
      const open = status >= 200 && status < 300;
      if (open) onOpen?.();
      return open;
    };
    const headers = this.#headers(stream.accept, authorization);
    const response = await this.#watches.stream({ method: "GET", path, headers }, { onResponse, onData }, signal);
    if (response.status >= 300) throw this.#errorOf(response, `GET ${path}`);
  }

  #headers(accept: string, authorization: string | undefined): Record<string, string> {
    const headers: Record<string, string> = { accept, "user-agent": this.#options.userAgent };
    if (authorization !== undefined) headers["authorization"] = authorization;
    return headers;
  }

  #observe(method: string, code: string, start: number): void {
    const seconds = (this.#options.clock.now() - start) / 1_000;
    this.#options.observer?.onResult({ method, host: this.#host, code, seconds });
  }

  #errorOf(response: HttpResponse, request: string): ApiError {
    const retryAfter = retryAfterOf(response.headers["retry-after"], this.#options.clock.date().getTime());
    return apiError({ status: statusOf(response), request, retryAfter });
  }
}

/** For messages the path suffices; a query can be long, and says little. */
const describeCall = (call: RestCall): string => `${call.method} ${call.path.split("?", 1)[0]}`;

const codeOf = (error: unknown): string => (error instanceof ApiError ? String(error.code) : "<error>");

/** The `Status` of an error answer; a proxy's plain text becomes its message. */
const statusOf = (response: HttpResponse): Status => {
  const text = response.body.toString("utf8");
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === "object" && parsed !== null && "kind" in parsed && parsed.kind === "Status") {
      return { code: response.status, ...(parsed as Status) };
    }
  } catch {
    // Not JSON: fall through.
  }
  const line = text.trim().split("\n", 1)[0]?.slice(0, 200);
  return { code: response.status, message: line ? `HTTP ${response.status}: ${line}` : `HTTP ${response.status}` };
};
