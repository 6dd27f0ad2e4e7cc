import { Backoff, REFLECTOR_BACKOFF } from "../backoff.ts";
import type { Client } from "../client/client.ts";
import { type Clock, type Random, sleep } from "../clock.ts";
import type { WatchEvent } from "../decode/decoder.ts";
import { INITIAL_EVENTS_END } from "../decode/json.ts";
import type { Projection } from "../decode/projection.ts";
import { BadRequestError, ExpiredError, ForbiddenError, InvalidError, NotFoundError } from "../errors.ts";
import type { KubernetesObject, Stored } from "../object.ts";
import type { Resource } from "../resource.ts";
import { Liveness, SilentError } from "./liveness.ts";
import { compareResourceVersions } from "./resource-version.ts";

/** What a reflector mirrors. */
export interface Scope {
  /** `""` = all namespaces. */
  readonly namespace: string;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
}

/** Where the states go; `Store` behind an informer. */
export interface Sink<T> {
  /** A complete list begins. Until `finish`, what was there before stays. */
  beginList(): SinkList<T>;
  upsert(object: T): void;
  remove(object: T): void;
}

/** A complete list on its way into a sink. */
export interface SinkList<T> {
  add(object: T): void;
  finish(resourceVersion: string): void;
}

/** Why a reflector does not get on. */
export interface Problem {
  /** `missing`: the server does not know the resource. `forbidden`: no permission. `failing`: anything else. */
  readonly kind: "missing" | "forbidden" | "failing";
  readonly error: unknown;
}

/** Is told how a reflector fares; for logs, metrics and readiness. */
export interface ReflectorObserver {
  /** A complete list is in the sink. */
  onSynced(): void;
  /** Trying did not work; called for every try. */
  onProblem(problem: Problem): void;
  /** It works (again): the server has accepted the list or the watch. */
  onProgress(): void;
  /** A watch ended and is resumed: `ended` by the server, `expired`, `silent`, or `error`. */
  onRestart(reason: "ended" | "expired" | "silent" | "error"): void;
}

export interface ReflectorOptions<T extends KubernetesObject> {
  readonly client: Client;
  readonly resource: Resource<T>;
  readonly scope: Scope;
  readonly projection: Projection;
  readonly sink: Sink<Stored<T>>;
  readonly observer: ReflectorObserver;
  readonly clock: Clock;
  readonly random: Random;
  /** Milliseconds without a byte after which a watch counts as dead. Default 150,000: bookmarks come every minute. */
  readonly silence?: number | undefined;
}

/**
 * Where a reflector stands.
 *
 * ```
 *            ┌───────── expired (410), stream lost before it was complete ─────────┐
 *            ▼                                                                     │
 *          empty ──WatchList──► one stream: initial events, bookmark, watch ──► watching(rv) ──► watching(rv')
 *            └───── no WatchList: pages of a list ─────────────────────────────────┘    stream ended, silent, lost
 * ```
 *
 * `empty` says that a complete list is wanted, not that the sink is empty: it keeps what it has until the list is there.
 */
type State = { readonly name: "empty" } | { readonly name: "watching"; readonly resourceVersion: string };

const EMPTY: State = { name: "empty" };
const SILENCE = 150_000;
/** A stream that ends sooner, without an event, counts as a failure: resuming at once would be a storm. */
const SHORT_WATCH = 1_000;
/** How often a resource that the server does not know is asked for again, at the most. */
const MISSING_CAP = 10_000;

/**
 * Mirrors a collection of the API server into a sink, for as long as its signal lives. No error ends it: it resumes
 * from the last resourceVersion, lists again when that is too old, and backs off while nothing works.
 */
export class Reflector<T extends KubernetesObject> {
  readonly #options: ReflectorOptions<T>;
  readonly #backoff: Backoff;
  readonly #missing: Backoff;
  #watchList = true;

  constructor(options: ReflectorOptions<T>) {
    this.#options = options;
    this.#backoff = new Backoff(REFLECTOR_BACKOFF, options.clock, options.random);
    const missing = { ...REFLECTOR_BACKOFF, cap: MISSING_CAP };
    this.#missing = new Backoff(missing, options.clock, options.random);
  }

  /** Runs until `signal` aborts; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    let state: State = EMPTY;
    while (!signal.aborted) {
      const position: Position = { state };
      try {
        await this.#advance(position, signal);
        state = position.state;
      } catch (error) {
        if (signal.aborted) return;
        state = await this.#recover(position.state, error, signal);
      }
    }
  }

  /** One list or one watch; `position` moves along with what the sink has. */
  async #advance(position: Position, signal: AbortSignal): Promise<void> {
    if (position.state.name === "empty") {
      if (this.#watchList) return this.#watch(position, signal);
      return this.#list(position, signal);
    }
    return this.#watch(position, signal);
  }

  /** Reads the pages of a list into the sink. */
  async #list(position: Position, signal: AbortSignal): Promise<void> {
    const { client, resource, scope, projection, sink, observer } = this.#options;
    const list = sink.beginList();
    let resourceVersion = "";
    // Retries are this class's own: it says what is wrong, and keeps saying it.
    const options = { ...scope, project: projection, signal, retries: 0 };
    for await (const page of client.pages(resource, options)) {
      observer.onProgress();
      for (const object of page.items) list.add(object);
      resourceVersion = page.resourceVersion;
    }
    list.finish(resourceVersion);
    position.state = { name: "watching", resourceVersion };
    observer.onSynced();
  }

  /** Watches; from `empty` with the initial events in the same stream (WatchList, KEP-3157). */
  async #watch(position: Position, signal: AbortSignal): Promise<void> {
    const { client, resource, scope, projection, clock, random, observer } = this.#options;
    const initial = position.state.name === "empty";
    using life = new Liveness({ clock, silence: this.#options.silence ?? SILENCE, parent: signal });
    const started = clock.now();
    const take = this.#taker(position, initial);
    const watching = client.watch(
      resource,
      {
        ...scope,
        project: projection,
        sendInitialEvents: initial,
        resourceVersion: position.state.name === "watching" ? position.state.resourceVersion : undefined,
        // Spread, so that the watches of many clients do not end together; the range is client-go's.
        timeoutSeconds: Math.floor(300 * (1 + random())),
        signal: life.signal,
        onOpen: () => observer.onProgress(),
        onActivity: () => life.touch(),
      },
      take.event,
    );
    await watching.finally(() => {
      // What brought an event was worth its request: the next try need not wait long.
      if (take.count() > 0) this.#backoff.reset();
    });
    if (initial && position.state.name === "empty") throw new Error("the watch ended before its initial events were complete");
    if (take.count() === 0 && clock.now() - started < SHORT_WATCH) throw new Error("the watch ended at once");
    observer.onRestart("ended");
  }

  /** The handler of one stream's events. */
  #taker(position: Position, initial: boolean) {
    const { sink, observer } = this.#options;
    let list = initial ? sink.beginList() : undefined;
    let count = 0;
    const event = ({ type, object }: WatchEvent<Stored<T>>) => {
      count++;
      const { resourceVersion, annotations } = object.metadata;
      if (type === "BOOKMARK") {
        refuseRewind(position.state, resourceVersion);
        if (list !== undefined && annotations?.[INITIAL_EVENTS_END] === "true") {
          list.finish(resourceVersion);
          list = undefined;
          position.state = { name: "watching", resourceVersion };
          observer.onSynced();
        }
      } else if (list !== undefined) {
        list.add(object);
        return;
      } else if (type === "DELETED") sink.remove(object);
      else sink.upsert(object);
      if (list === undefined) position.state = { name: "watching", resourceVersion };
    };
    return { event, count: () => count };
  }

  /** Decides where to go on after an error, and waits before that. */
  async #recover(state: State, error: unknown, signal: AbortSignal): Promise<State> {
    const { observer } = this.#options;
    if (state.name === "empty" && this.#watchList && refusesWatchList(error)) {
      this.#watchList = false;
      return EMPTY;
    }
    if (error instanceof ExpiredError || error instanceof RewoundError) {
      observer.onRestart("expired");
      await this.#pause(this.#backoff.next(), signal);
      return EMPTY;
    }
    if (error instanceof SilentError) {
      observer.onRestart("silent");
      return state;
    }
    if (state.name === "watching") observer.onRestart("error");
    observer.onProblem({ kind: kindOf(error), error });
    const backoff = error instanceof NotFoundError ? this.#missing : this.#backoff;
    await this.#pause(backoff.next(), signal);
    // A resource that is gone, or was forbidden, may come back with another history.
    return error instanceof NotFoundError || error instanceof ForbiddenError ? EMPTY : state;
  }

  async #pause(delay: number, signal: AbortSignal): Promise<void> {
    await sleep(this.#options.clock, delay, signal).catch(() => {});
  }
}

/** The server's history went back: it was restored from a backup. A watch from the old future would stay silent. */
class RewoundError extends Error {}

const refuseRewind = (state: State, resourceVersion: string): void => {
  if (state.name !== "watching" || compareResourceVersions(resourceVersion, state.resourceVersion) >= 0) return;
  throw new RewoundError(`the server is at resourceVersion ${resourceVersion}, we were at ${state.resourceVersion}`);
};

/** The state of a reflector, moved on while a stream runs, so that it is right when the stream breaks. */
interface Position {
  state: State;
}

/**
 * Servers before 1.27, and those with the feature off, refuse `sendInitialEvents` or `resourceVersionMatch` of a watch.
 */
const refusesWatchList = (error: unknown): boolean => error instanceof InvalidError || error instanceof BadRequestError;

const kindOf = (error: unknown): Problem["kind"] => {
  if (error instanceof NotFoundError) return "missing";
  return error instanceof ForbiddenError ? "forbidden" : "failing";
};
