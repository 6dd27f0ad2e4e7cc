import type { IncomingMessage, ServerResponse } from "node:http";
import { type Clock, sleep, systemClock } from "../clock.ts";
import { type Deadline, startDeadline } from "../deadline.ts";
import { describe } from "../errors.ts";
import { type Logger, silentLogger } from "../log.ts";
import type { Runnable } from "../manager/manager.ts";
import type { ServerAddress } from "../manager/server.ts";
import { AdmissionEndpoint, type AdmissionRoute, type HttpAnswer, refusal } from "./admission-endpoint.ts";
import type { CertificateSource } from "./certificate-source.ts";
import { BodyBudget, HttpRefusal } from "./request-body.ts";
import { ReviewSlots } from "./review-slots.ts";
import { type ConnectionTimeouts, TlsListener } from "./tls-listener.ts";
import type { RequestObserver } from "./webhook-observer.ts";

export interface AdmissionServerOptions {
  /** Where to listen: `{ host: "", port: 9443 }`. */
  readonly address: ServerAddress;
  /** Handlers by path: `/validate-widgets`. */
  readonly routes: Readonly<Record<string, AdmissionRoute>>;
  readonly certificates: CertificateSource;
  /** Reviews at a time that have come whole; further ones are asked to come again in a second. Default 100. */
  readonly maxInFlight?: number | undefined;
  /** Connections at a time; one more ends the one that has been idle longest. Default 1,024. */
  readonly maxConnections?: number | undefined;
  /**
   * Milliseconds after a stop during which connections are still taken: until every API server has heard that this replica
   * is no longer behind the Service. Default 2,000.
   */
  readonly lameDuck?: number | undefined;
  /** What a client gets for its parts of an exchange. Default: 10 s for a handshake or a head, 30 s for a whole request. */
  readonly timeouts?: ConnectionTimeouts | undefined;
  readonly clock?: Clock | undefined;
  readonly log?: Logger | undefined;
  readonly observer?: RequestObserver | undefined;
  /** Called when the server listens, with its port. */
  readonly onListening?: ((port: number) => void) | undefined;
}

const MAX_IN_FLIGHT = 100;
const LAME_DUCK = 2_000;
/**
 * The API server takes objects of up to 3 MiB, and a review of an update holds two, in JSON, with what their fields cost as
 * text. Nothing that is stored makes a larger one.
 */
const LONGEST_BODY = 8 * 1_024 * 1_024;
/** Reviews are 10 KB, usually; this is what a hundred of the largest must not take, nor those that are on their way. */
const ALL_BODIES = 64 * 1_024 * 1_024;

/**
 * An HTTPS server for admission reviews (admission.k8s.io/v1). Whatever is sent to it gets an answer or is cut off, and
 * nothing ends the process.
 *
 * It listens from the start, and takes no connection before there is a certificate. A new certificate is for new connections;
 * each old one is ended with its next answer, so that none outlives what it was opened with.
 */
export class AdmissionServer implements Runnable {
  readonly name = "webhook-server";
  readonly #options: AdmissionServerOptions;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #endpoints: ReadonlyMap<string, AdmissionEndpoint>;
  readonly #listener: TlsListener;
  readonly #killed = new AbortController();
  /** Answers that have not left yet. */
  readonly #unsent = new Set<ServerResponse>();
  #isStopping = false;
  #onSent: (() => void) | undefined;

  constructor(options: AdmissionServerOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#log = options.log ?? silentLogger;
    const bodies = new BodyBudget({ body: LONGEST_BODY, all: ALL_BODIES });
    const slots = new ReviewSlots(options.maxInFlight ?? MAX_IN_FLIGHT);
    const shared = { bodies, slots, clock: this.#clock, log: this.#log, observer: options.observer };
    const routes = Object.entries(options.routes);
    this.#endpoints = new Map(routes.map(([path, route]) => [path, new AdmissionEndpoint({ path, route, ...shared })]));
    for (const [path] of routes) options.observer?.onRoute(path);
    this.#listener = new TlsListener({
      address: options.address,
      certificates: options.certificates,
      timeouts: options.timeouts,
      maxConnections: options.maxConnections,
      log: this.#log,
      onRequest: (request, response) => {
        this.#serve(request, response).catch((error: unknown) => {
          this.#log.error("a review could not be answered", { error });
          response.destroy();
        });
      },
    });
  }

  /** Whether connections are taken: it listens, and has a certificate. */
  get isServing(): boolean {
    return this.#listener.isServing;
  }

  /**
   * Listens until `stop` aborts, then takes connections for a little longer, answers what has come in, and tells each
   * connection to go. `kill` ends all that.
   *
   * @throws Error in one line when the address cannot be listened on.
   */
  async run({ stop, kill }: { readonly stop: AbortSignal; readonly kill: AbortSignal }): Promise<void> {
    const onKill = () => this.#cut(kill.reason);
    if (kill.aborted) onKill();
    else kill.addEventListener("abort", onKill, { once: true });
    try {
      const port = await this.#listener.listen();
      this.#log.info("listening for admission reviews", { port, paths: [...this.#endpoints.keys()] });
      this.#options.onListening?.(port);
      await aborted(stop);
      this.#isStopping = true;
      await sleep(this.#clock, this.#options.lameDuck ?? LAME_DUCK, kill).catch(() => {});
      await this.#close();
    } finally {
      kill.removeEventListener("abort", onKill);
      this.#listener[Symbol.dispose]();
    }
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // A connection that breaks: `close` follows, and there is nothing to answer.
    request.on("error", () => {});
    response.on("error", () => {});
    this.#unsent.add(response);
    response.once("close", () => {
      this.#unsent.delete(response);
      this.#onSent?.();
    });
    const { path, query } = targetOf(request);
    const endpoint = this.#endpoints.get(path);
    if (endpoint === undefined) {
      const paths = [...this.#endpoints.keys()].join(" ");
      this.#send(request, response, refusal(new HttpRefusal(404, `there are: ${paths}`)));
      return;
    }
    const start = this.#clock.now();
    this.#options.observer?.onRequestStart(path);
    const code = await this.#answered(request, response, { endpoint, query });
    this.#options.observer?.onRequest({ webhook: path, code, seconds: (this.#clock.now() - start) / 1_000 });
  }

  /** Answers. @returns what the metrics call the outcome. */
  async #answered(request: IncomingMessage, response: ServerResponse, { endpoint, query }: Target): Promise<string> {
    using gone = this.#goneWith(response);
    try {
      return this.#send(request, response, await endpoint.answer(request, query, gone));
    } catch (error) {
      if (gone.aborted || request.destroyed) return "aborted";
      this.#log.error("a review could not be answered", { error });
      return this.#send(request, response, refusal(new HttpRefusal(500, describe(error))));
    }
  }

  /** Ends when the client goes before its answer, or with all. */
  #goneWith(response: ServerResponse): Deadline {
    const gone = startDeadline({
      clock: this.#clock,
      milliseconds: Number.POSITIVE_INFINITY,
      what: "the client",
      parent: this.#killed.signal,
    });
    response.once("close", () => {
      if (!response.writableEnded) gone.end(new Error("the client has gone"));
    });
    return gone;
  }

  #send(
    request: IncomingMessage,
    response: ServerResponse,
    { status, contentType, body, headers }: HttpAnswer,
  ): string {
    if (response.destroyed) return "aborted";
    const mustGo = this.#isStopping || !this.#listener.isCurrent(request);
    response.writeHead(status, {
      "content-type": contentType,
      "content-length": Buffer.byteLength(body),
      ...(mustGo ? { connection: "close" } : {}),
      ...headers,
    });
    response.end(body);
    return String(status);
  }

  /** Takes no more, answers what is in flight, then ends what is left: idle, or in the middle of a head. */
  async #close(): Promise<void> {
    const closed = this.#listener.close();
    const { promise: sent, resolve } = Promise.withResolvers<void>();
    this.#onSent = () => {
      if (this.#unsent.size === 0) resolve();
    };
    this.#onSent();
    await sent;
    this.#cut(new Error("the webhook server stops"));
    await closed;
  }

  #cut(reason: unknown): void {
    this.#killed.abort(reason);
    this.#listener.cut();
  }
}

interface Target {
  readonly endpoint: AdmissionEndpoint;
  /** Of the URL, without its question mark. */
  readonly query: string;
}

/** Path and query; of a target that is no URL, the path of nothing. */
const targetOf = ({ url = "" }: IncomingMessage): { readonly path: string; readonly query: string } => {
  const at = url.indexOf("?");
  return at < 0 ? { path: url, query: "" } : { path: url.slice(0, at), query: url.slice(at + 1) };
};

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
