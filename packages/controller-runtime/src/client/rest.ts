import { Backoff } from "../backoff.ts";
import { type Clock, type Random, sleep } from "../clock.ts";
import type { ClusterConfig } from "../config/cluster-config.ts";
import { type AbortSource, type Deadline, startDeadline } from "../deadline.ts";
import { ApiError, apiError, DeadlineError, UnauthorizedError } from "../errors.ts";
import { firstOf } from "../first-of.ts";
import type { HttpRequest, HttpResponse } from "./call.ts";
import { CALL_BACKOFF, MAX_RETRIES, mayRetry, retryAfterOf } from "./retry.ts";
import { statusOf } from "./status.ts";
import { Transport } from "./transport.ts";
import { untilAborted } from "./until-aborted.ts";

/** Is told of each answer and each retry; see `clientMetrics`. */
export interface RestObserver {
  /**
   * `code` is the HTTP status, or `<error>` where no answer came; `seconds` is the time of that one try, of a stream the
   * time until it was open.
   */
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
  /** Called right before the first byte of each try is written; what it throws ends the call. */
  readonly guard?: (() => void) | undefined;
  /** Whether doing it twice is the same as doing it once. Default: true for GET. */
  readonly repeatable?: boolean | undefined;
  /** Milliseconds for the call with all its retries. Default 30,000. */
  readonly timeout?: number | undefined;
  /** Retries at the most. Default 8. */
  readonly retries?: number | undefined;
  readonly signal?: AbortSource | undefined;
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
/** What `setInterval` can hold. */
const LONGEST_INTERVAL = 0x7fffffff;

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
  readonly #closing = new AbortController();

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
    const repeatable = call.repeatable ?? call.method === "GET";
    const retries = call.retries ?? MAX_RETRIES;
    const milliseconds = call.timeout ?? DEFAULT_TIMEOUT;
    using deadline = startDeadline({ clock, milliseconds, what: () => describeCall(call), parent: call.signal });
    let backoff: Backoff | undefined;
    for (let retry = 0; ; retry++) {
      try {
        return await this.#authorized(call.method, deadline, (authorization) =>
          this.#try(call, authorization, deadline),
        );
      } catch (error) {
        if (retry >= retries || deadline.aborted || !mayRetry(error, repeatable)) throw error;
        backoff ??= new Backoff(CALL_BACKOFF, clock, random);
        const asked = error instanceof ApiError ? (error.retryAfter ?? 0) : 0;
        await this.#pause(call, {
          error,
          delay: asked * (1 + 0.1 * random()) + backoff.next(),
          signal: deadline.signal,
        });
        this.#options.observer?.onRetry({ method: call.method, host: this.#host, code: codeOf(error) });
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
    const { signal } = stream;
    await this.#authorized("GET", { signal }, (authorization) => this.#tryStream(stream, authorization));
  }

  /** Ends all connections; calls that are under way, or wait for their next try, fail. */
  close(): void {
    this.#closing.abort();
    this.#calls.close();
    this.#watches.close();
  }

  /** Runs `attempt` with the credential, and once more with a new one when the server refuses it. */
  async #authorized<T>(
    method: string,
    ending: { readonly signal: AbortSignal },
    attempt: (authorization: string | undefined) => Promise<T>,
  ): Promise<T> {
    const { config, observer } = this.#options;
    // Awaiting only what is a promise keeps the usual case free of an extra turn.
    const current = config.authorization();
    const authorization = current instanceof Promise ? await untilAborted(current, ending.signal) : current;
    try {
      return await attempt(authorization);
    } catch (error) {
      if (!(error instanceof UnauthorizedError)) throw error;
      const { signal } = ending;
      if (!(await untilAborted(config.refresh(authorization), signal))) throw error;
      observer?.onRetry({ method, host: this.#host, code: "401" });
      return await attempt(await untilAborted(Promise.resolve(config.authorization()), signal));
    }
  }

  /**
   * Waits before the next try.
   *
   * @throws the signal's reason, which says of the call's own deadline what the last try came to; `error` on `close`.
   */
  async #pause(call: RestCall, { error, delay, signal }: Pause): Promise<void> {
    using either = firstOf(signal, this.#closing.signal);
    // A pause has no connection, and the clock's timers let the process end: the caller would never hear.
    const hold = setInterval(() => {}, LONGEST_INTERVAL);
    try {
      await sleep(this.#options.clock, delay, either.signal);
    } catch {
      if (!signal.aborted) throw error;
      if (call.signal?.aborted) throw signal.reason;
      throw new DeadlineError(describeCall(call), call.timeout ?? DEFAULT_TIMEOUT, { last: error });
    } finally {
      clearInterval(hold);
    }
  }

  async #try(call: RestCall, authorization: string | undefined, deadline: Deadline) {
    const { method, path, body, guard } = call;
    const headers = this.#headers(call.accept ?? "application/json", authorization);
    if (body !== undefined) headers["content-type"] = call.contentType ?? "application/json";
    const start = this.#options.clock.now();
    try {
      const response = await this.#calls.send({ method, path, headers, body, guard }, deadline);
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
    let answered = false;
    const onResponse = (status: number): boolean => {
      answered = true;
      this.#observe("GET", String(status), start);
      const open = status >= 200 && status < 300;
      if (open) onOpen?.();
      return open;
    };
    const request = { method: "GET", path, headers: this.#headers(stream.accept, authorization) } as const;
    try {
      const response = await this.#watches.stream(request, { onResponse, onData }, signal);
      if (response.status >= 300) throw this.#errorOf(response, describeCall(request));
    } finally {
      if (!answered) this.#observe("GET", "<error>", start);
    }
  }

  #headers(accept: string, authorization: string | undefined): Record<string, string> {
    const headers: Record<string, string> = { accept, "user-agent": this.#options.userAgent };
    if (authorization !== undefined) headers.authorization = authorization;
    return headers;
  }

  #observe(method: string, code: string, start: number): void {
    const seconds = (this.#options.clock.now() - start) / 1_000;
    this.#options.observer?.onResult({ method, host: this.#host, code, seconds });
  }

  #errorOf(response: HttpResponse, request: string): ApiError {
    const retryAfter = retryAfterOf(response.headers.get("retry-after"), this.#options.clock.date().getTime());
    return apiError({ status: statusOf(response), request, retryAfter });
  }
}

/** What a pause between two tries is about. */
interface Pause {
  /** Of the try before. */
  readonly error: unknown;
  /** Milliseconds. */
  readonly delay: number;
  readonly signal: AbortSignal;
}

/** For messages the path suffices; a query can be long, and says little. */
export const describeCall = ({ method, path }: Pick<RestCall, "method" | "path">): string =>
  `${method} ${path.split("?", 1)[0]}`;

const codeOf = (error: unknown): string => (error instanceof ApiError ? String(error.code) : "<error>");
