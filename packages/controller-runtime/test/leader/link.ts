import type { CallOptions, ListOptions, WatchOptions } from "../../src/client/client.ts";
import type { Clock } from "../../src/clock.ts";
import type { Page, WatchEvent } from "../../src/decode/decoder.ts";
import { INITIAL_EVENTS_END } from "../../src/decode/json.ts";
import { ConnectionError, DeadlineError } from "../../src/errors.ts";
import type { LeaseClient } from "../../src/leader/elector.ts";
import type { Lease } from "../../src/leader/lease.ts";
import type { KubernetesObject, Stored } from "../../src/object.ts";
import type { Resource } from "../../src/resource.ts";
import type { LeaseServer, StoredLease } from "./lease-server.ts";
import type { Process } from "./process.ts";

export type Verb = "get" | "create" | "update" | "list" | "watch";

/** What becomes of one request: it is lost on the way there, or its answer is, silently or with the connection. */
export type Fate = "arrives" | "never arrives" | "answer lost" | "connection lost after";

export interface LinkOptions {
  readonly server: LeaseServer;
  /** The time of the world. */
  readonly clock: Clock;
  readonly process: Process;
  /** Milliseconds one way, drawn for each message. */
  readonly latency?: () => number;
}

interface Stream {
  readonly fail: (error: Error) => void;
  isDeaf: boolean;
}

const lost = (sent: boolean) => new ConnectionError("PUT /lease?random", { cause: new Error("reset"), sent });

/** What a process has of the API server: requests and watches that take their time, and fail as a test says. */
export class Link implements LeaseClient {
  readonly requests: Verb[] = [];
  /** Creates on their way to the server. */
  creating = 0;
  /** The API server cannot be reached: what is sent is lost, and watches fall silent without a word. */
  isCut = false;
  /** Milliseconds by which watches are late besides. */
  lag = 0;
  /** What the API server says instead of doing what was asked. */
  refuse: (verb: Verb) => Error | undefined = () => undefined;
  /** Decides for each request. */
  fate: (verb: Verb) => Fate = () => "arrives";
  readonly #options: LinkOptions;
  readonly #streams = new Set<Stream>();

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  /** Loses everything that is under way from now on. */
  cut(): void {
    this.isCut = true;
    this.muteWatches();
  }

  /** New requests get through again. */
  mend(): void {
    this.isCut = false;
  }

  /** The open watches tell nothing more, without a word. */
  muteWatches(): void {
    for (const stream of this.#streams) stream.isDeaf = true;
  }

  /** The open watches break. */
  breakWatches(): void {
    for (const stream of [...this.#streams]) this.#options.process.run(() => stream.fail(lost(true)));
  }

  async get<T extends KubernetesObject>(_resource: Resource<T>, _key: object, options: CallOptions = {}) {
    return this.#request<T>("get", options, (server) => server.read());
  }

  async create<T extends KubernetesObject>(_resource: Resource<T>, object: T, options: CallOptions = {}) {
    return this.#request<T>("create", options, (server) => server.create(asLease(object)));
  }

  async update<T extends KubernetesObject>(_resource: Resource<T>, object: T, options: CallOptions = {}) {
    return this.#request<T>("update", options, (server) => server.update(asLease(object)));
  }

  async *pages<T extends KubernetesObject>(
    _resource: Resource<T>,
    options: ListOptions = {},
  ): AsyncGenerator<Page<Stored<T>>, void, undefined> {
    const page = await this.#send("list", options, ({ lease, revision }) => ({
      items: lease === undefined ? [] : [lease],
      resourceVersion: String(revision),
      continue: undefined,
    }));
    // The cast is the boundary: this server has one type.
    yield page as unknown as Page<Stored<T>>;
  }

  async watch<T extends KubernetesObject>(
    _resource: Resource<T>,
    options: WatchOptions,
    onEvent: (event: WatchEvent<Stored<T>>) => void,
  ): Promise<void> {
    // The cast is the boundary: this server has one type.
    const tell = onEvent as unknown as (event: WatchEvent<StoredLease>) => void;
    const [stream] = await this.#send("watch", options, (server) => this.#open(server, options, tell));
    options.onOpen?.();
    await stream;
  }

  /** Opens a stream at the server; the promise in it lasts as long as the stream. */
  #open(server: LeaseServer, options: WatchOptions, tell: (event: WatchEvent<StoredLease>) => void) {
    const { clock, process } = this.#options;
    const { promise, reject } = Promise.withResolvers<void>();
    promise.catch(() => {});
    const stream: Stream = { fail: reject, isDeaf: false };
    let last = 0;
    const send = (event: WatchEvent<StoredLease>) => {
      // In order, whatever the delays.
      last = Math.max(last, clock.now() + this.#latency() + this.lag);
      clock.after(last - clock.now(), () => {
        if (stream.isDeaf || this.isCut) return;
        process.run(() => deliver(event));
      });
    };
    const deliver = (event: WatchEvent<StoredLease>) => {
      if (!this.#streams.has(stream)) return;
      options.onActivity?.();
      try {
        tell(event);
      } catch (error) {
        stream.fail(error instanceof Error ? error : new Error(String(error)));
      }
    };
    const unsubscribe = server.subscribe(follow(server, options, send));
    const end = () => {
      unsubscribe();
      this.#streams.delete(stream);
      options.signal.removeEventListener("abort", onAbort);
    };
    const onAbort = () => reject(options.signal.reason);
    options.signal.addEventListener("abort", onAbort, { once: true });
    this.#streams.add(stream);
    promise.finally(end).catch(() => {});
    if (options.signal.aborted) onAbort();
    // In an array: an async function would wait for a promise that it returns.
    return [promise] as const;
  }

  async #request<T extends KubernetesObject>(
    verb: Verb,
    options: CallOptions,
    act: (server: LeaseServer) => StoredLease,
  ): Promise<Stored<T>> {
    // The cast is the boundary: this server has one type.
    return (await this.#send(verb, options, act)) as unknown as Stored<T>;
  }

  /** A request that has been sent arrives, or not, whether or not anybody still waits for its answer. */
  #send<R>(verb: Verb, options: CallOptions, act: (server: LeaseServer) => R): Promise<R> {
    const { server, clock, process } = this.#options;
    this.requests.push(verb);
    const { promise, resolve, reject } = Promise.withResolvers<R>();
    const onAbort = () => reject(options.signal?.reason);
    const { timeout = 30_000, signal } = options;
    const timer = verb === "watch" ? undefined : process.after(timeout, () => reject(new DeadlineError(verb, timeout)));
    if (signal?.aborted) onAbort();
    else signal?.addEventListener("abort", onAbort, { once: true });
    const fate = this.fate(verb);
    if (verb === "create") this.creating += 1;
    clock.after(this.#latency(), () => {
      if (verb === "create") this.creating -= 1;
      if (this.isCut || fate === "never arrives") return;
      const answer = outcome(() => {
        const refused = this.refuse(verb);
        if (refused !== undefined) throw refused;
        return act(server);
      });
      if (fate === "answer lost") return;
      clock.after(this.#latency(), () => {
        if (this.isCut) return;
        process.run(() => {
          if (fate === "connection lost after") reject(lost(true));
          else if ("error" in answer) reject(answer.error);
          else resolve(answer.value);
        });
      });
    });
    const end = () => {
      timer?.cancel();
      signal?.removeEventListener("abort", onAbort);
    };
    promise.then(end, end);
    return promise;
  }

  #latency(): number {
    return this.#options.latency?.() ?? 1;
  }
}

/** The cast is the boundary: this server has one type. */
const asLease = (object: KubernetesObject): Lease => object as Lease;

const outcome = <R>(act: () => R): { readonly value: R } | { readonly error: unknown } => {
  try {
    return { value: act() };
  } catch (error) {
    return { error };
  }
};

/** Sends what a watch with these options tells; returns what to call for more. */
const follow = (
  server: LeaseServer,
  { sendInitialEvents, resourceVersion }: WatchOptions,
  send: (event: WatchEvent<StoredLease>) => void,
): (() => void) => {
  let position = sendInitialEvents ? server.revision : Number(resourceVersion);
  if (sendInitialEvents) {
    if (server.lease !== undefined) send({ type: "ADDED", object: server.lease });
    const annotations = { [INITIAL_EVENTS_END]: "true" };
    const metadata = { name: "", uid: "", resourceVersion: String(position), annotations };
    send({ type: "BOOKMARK", object: { metadata } });
  }
  const pump = () => {
    const from = position;
    position = server.revision;
    for (const { type, object, revision } of server.history) if (revision > from) send({ type, object });
  };
  pump();
  return pump;
};
