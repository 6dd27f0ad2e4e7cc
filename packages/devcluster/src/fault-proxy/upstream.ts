import { Agent, type ClientRequest, type IncomingHttpHeaders, type IncomingMessage, request } from "node:http";
import { Agent as TlsAgent, request as tlsRequest } from "node:https";

/** The server behind the proxy, and as whom to speak to it; PEM text. */
export interface Target {
  /** `https://host:port`. */
  readonly server: string;
  readonly caPem: string;
  /** Client certificate and key; absent = the `Authorization` header of the request is all there is. */
  readonly certPem?: string | undefined;
  readonly keyPem?: string | undefined;
}

/** A request that is in whole. */
export interface WholeRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** Headers that are about one connection, not about the request (RFC 9110, section 7.6.1). */
const HOP_BY_HOP = ["host", "connection", "keep-alive", "transfer-encoding", "content-length"] as const;

/** Sends requests on to the target. */
export class Upstream {
  readonly #target: Target;
  readonly #agent: Agent;
  readonly #open = new Set<ClientRequest>();

  constructor(target: Target) {
    this.#target = target;
    const { caPem: ca, certPem: cert, keyPem: key } = target;
    const isTls = target.server.startsWith("https:");
    this.#agent = isTls ? new TlsAgent({ keepAlive: true, ca, ...(cert && key ? { cert, key } : {}) }) : new Agent();
  }

  /** Sends a request; `onAnswer` or `onError` is called, once. Destroying the returned request ends it. */
  send(whole: WholeRequest, onAnswer: (answer: IncomingMessage) => void, onError: () => void): ClientRequest {
    const { method, path } = whole;
    const send = this.#target.server.startsWith("https:") ? tlsRequest : request;
    const sent = send(
      `${this.#target.server}${path}`,
      { method, agent: this.#agent, headers: forwarded(whole) },
      onAnswer,
    );
    this.#open.add(sent);
    sent.once("close", () => this.#open.delete(sent));
    sent.once("error", onError);
    // An error after the answer has begun is seen on the answer; without a listener it would end the process.
    sent.on("error", () => {});
    sent.end(whole.body);
    return sent;
  }

  /** Ends all connections. */
  close(): void {
    for (const sent of this.#open) sent.destroy();
    this.#agent.destroy();
  }
}

const forwarded = ({ headers, body }: WholeRequest) => {
  const kept: Record<string, string | string[] | number> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) kept[name] = value;
  }
  for (const name of HOP_BY_HOP) delete kept[name];
  if (body.length > 0) kept["content-length"] = body.length;
  return kept;
};
