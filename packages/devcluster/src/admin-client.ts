import { Agent, request } from "undici";

/** How a request differs from a plain one. */
export interface RequestOptions {
  /** Default `application/json`; a PATCH needs one of the patch types. */
  readonly contentType?: string;
  readonly signal?: AbortSignal;
}

/** What the API server says when it refuses: the `Status` object as an error. */
export class ApiStatusError extends Error {
  override readonly name = "ApiStatusError";
  /** HTTP status. */
  readonly code: number;
  /** `NotFound`, `Conflict`, ...; empty when the answer was no Status. */
  readonly reason: string;

  constructor(what: string, code: number, body: string) {
    const status = parseStatus(body);
    super(`${what}: ${code} ${status.message ?? body.slice(0, 500)}`);
    this.code = code;
    this.reason = status.reason ?? "";
  }
}

const parseStatus = (body: string): { message?: string; reason?: string } => {
  try {
    const parsed: unknown = JSON.parse(body);
    return typeof parsed === "object" && parsed !== null ? parsed : {};
  } catch {
    return {};
  }
};

/** Credentials of a client certificate. */
export interface ClientCredentials {
  readonly server: string;
  readonly caPem: string;
  readonly certPem: string;
  readonly keyPem: string;
}

/** A small client for tests: one request, one answer. Idle connections do not keep the process alive. */
export class AdminClient {
  readonly #server: string;
  readonly #agent: Agent;

  constructor({ server, caPem, certPem, keyPem }: ClientCredentials) {
    this.#server = server;
    this.#agent = new Agent({ connect: { ca: caPem, cert: certPem, key: keyPem }, connections: 32 });
  }

  /**
   * Sends a request and parses the JSON of the answer. The type is the caller's claim, nobody checks it.
   *
   * @param path - with its query, such as `/api/v1/namespaces/default/pods?limit=5`
   * @param body - sent as JSON
   * @throws {ApiStatusError} for every status from 400 on
   */
  async request<T = unknown>(method: string, path: string, body?: unknown, options: RequestOptions = {}): Promise<T> {
    return JSON.parse(await this.text(method, path, body, options)) as T;
  }

  /** As {@link request}, for what does not answer with JSON. */
  async text(method: string, path: string, body?: unknown, options: RequestOptions = {}): Promise<string> {
    const response = await request(`${this.#server}${path}`, {
      method: method as "GET",
      dispatcher: this.#agent,
      ...(options.signal ? { signal: options.signal } : {}),
      ...(body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { "content-type": options.contentType ?? "application/json" } }),
    });
    const text = await response.body.text();
    if (response.statusCode >= 400) throw new ApiStatusError(`${method} ${path}`, response.statusCode, text);
    return text;
  }

  /** Closes the connections, also those that wait for an answer. */
  close(): Promise<void> {
    return this.#agent.destroy();
  }
}
