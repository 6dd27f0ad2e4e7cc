import { Backoff, REFLECTOR_BACKOFF } from "../backoff.ts";
import type { Client } from "../client/client.ts";
import { type Clock, type Random, sleep, type Timer } from "../clock.ts";
import type { Identity } from "../decode/decoder.ts";
import type { Projection } from "../decode/projection.ts";
import { BadRequestError, ExpiredError, ForbiddenError, InvalidError, NotFoundError } from "../errors.ts";
import type { KubernetesObject, Stored } from "../object.ts";
import type { Resource } from "../resource.ts";
import { Liveness, SilentError } from "./liveness.ts";
import { type Position, RewoundError, type State, Taker } from "./taker.ts";

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
  /** Whether it has just this state already; the watch has told it now too. */
  confirm(identity: Identity): boolean;
  /** The watch has told all up to here; after each event and bookmark. */
  progress(resourceVersion: string): void;
}

/** The two verbs that mirroring needs. */
export type ListWatch = Pick<Client, "pages" | "watch">;

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
  /** It works (again): a list is complete, or a watch brought something or has stood for a while. */
  onProgress(): void;
  /** A watch ended and is resumed: `ended` by the server, `expired`, `silent`, or `error`. */
  onRestart(reason: "ended" | "expired" | "silent" | "error"): void;
}

export interface ReflectorOptions<T extends KubernetesObject> {
  readonly client: ListWatch;
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

const EMPTY: State = { name: "empty" };
const SILENCE = 150_000;
/**
 * A stream that ends sooner, without an event, counts as a failure: resuming at once would be a storm. One that stands
 * for longer works.
 */
const SHORT_WATCH = 1_000;
/** How often a resource that the server does not know is asked for again, at the most. */
const MISSING_CAP = 10_000;

/**
 * Mirrors a collection of the API server into a sink, for as long as its signal lives. No error ends it: it resumes
 * from the last resourceVersion, lists again when that is too old, and backs off while nothing works.
 *
 * ```
 *            ┌──── expired (410), lost before it was complete, silent from its beginning, history gone back ────┐
 *            ▼                                                                                                  │
 *          empty ──WatchList──► one stream: initial events, bookmark, watch ──► watching(rv) ──► watching(rv')──┘
 *            └───── no WatchList: pages of a list ─────────────────────────────────┘    stream ended, silent, lost
 * ```
 *
 * `empty` says that a complete list is wanted, not that the sink is empty: it keeps what it has until the list is there.
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
      // Aborted while the page came: perhaps because another projection is wanted by now.
      signal.throwIfAborted();
      for (const object of page.items) list.add(object);
      resourceVersion = page.resourceVersion;
    }
    signal.throwIfAborted();
    list.finish(resourceVersion);
    position.state = { name: "watching", resourceVersion };
    observer.onSynced();
    observer.onProgress();
  }

  /** Watches; from `empty` with the initial events in the same stream (WatchList, KEP-3157). */
  async #watch(position: Position, signal: AbortSignal): Promise<void> {
    const { client, resource, scope, projection, clock, random, observer } = this.#options;
    const initial = position.state.name === "empty";
    using life = new Liveness({ clock, silence: this.#options.silence ?? SILENCE, parent: signal });
    using steady = new Steady(clock, () => observer.onProgress());
    const started = clock.now();
    const taker = new Taker<T>({ position, sink: this.#options.sink, observer, signal });
    const watching = client.watch<T>(
      resource,
      {
        ...scope,
        project: projection,
        sendInitialEvents: initial,
        resourceVersion: position.state.name === "watching" ? position.state.resourceVersion : undefined,
        // Spread, so that the watches of many clients do not end together; the range is client-go's.
        timeoutSeconds: Math.floor(300 * (1 + random())),
        signal: life.signal,
        // From `empty` only the complete list is proof.
        onOpen: () => (initial ? undefined : steady.start()),
        onActivity: () => life.touch(),
        skip: (identity) => taker.skip(identity),
      },
      (event) => taker.take(event),
    );
    try {
      await watching;
    } catch (error) {
      if (error instanceof SilentError) this.#onSilence(position, taker.heard);
      throw error;
    } finally {
      // What brought a change was worth its request: the next try need not wait long. Initial events are none, or a
      // stream that breaks in their midst would have the server send them again and again.
      if (taker.changed) this.#backoff.reset();
    }
    if (position.state.name === "empty") {
      this.#watchList = false;
      throw new Error("the watch ended before its initial events were complete");
    }
    if (!taker.changed && clock.now() - started < SHORT_WATCH) throw new Error("the watch ended at once");
    observer.onRestart("ended");
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
      // A list that expires before it is complete is trouble; a resourceVersion that does is daily life.
      if (state.name === "empty") observer.onProblem({ kind: "failing", error });
      await this.#pause(this.#backoff.next(), signal);
      return EMPTY;
    }
    if (error instanceof SilentError) {
      observer.onRestart("silent");
      // Waited long enough already.
      if (state.name === "empty") observer.onProblem({ kind: "failing", error });
      return state;
    }
    if (state.name === "watching") observer.onRestart("error");
    observer.onProblem({ kind: kindOf(error), error });
    const backoff = error instanceof NotFoundError ? this.#missing : this.#backoff;
    await this.#pause(backoff.next(), signal);
    // A resource that is gone, or was forbidden, may come back with another history.
    return error instanceof NotFoundError || error instanceof ForbiddenError ? EMPTY : state;
  }

  /** A stream fell silent. */
  #onSilence(position: Position, heard: boolean): void {
    // Servers that know nothing of WatchList may ignore the request for it, and never say that the list is complete.
    if (position.state.name === "empty") this.#watchList = false;
    // Not even a bookmark: to a watch from a future that a restored server has not reached again, it tells nothing.
    else if (!heard) position.state = EMPTY;
  }

  async #pause(delay: number, signal: AbortSignal): Promise<void> {
    await sleep(this.#options.clock, delay, signal).catch(() => {});
  }
}

/** Calls back when a watch has stood for a while. */
class Steady implements Disposable {
  readonly #clock: Clock;
  readonly #callback: () => void;
  #timer: Timer | undefined;
  #disposed = false;

  constructor(clock: Clock, callback: () => void) {
    this.#clock = clock;
    this.#callback = callback;
  }

  /** The watch has been accepted. */
  start(): void {
    if (!this.#disposed) this.#timer ??= this.#clock.after(SHORT_WATCH, this.#callback);
  }

  [Symbol.dispose](): void {
    this.#disposed = true;
    this.#timer?.cancel();
  }
}

/**
 * Servers before 1.27, and those with the feature off, refuse `sendInitialEvents` or `resourceVersionMatch` of a watch.
 */
const refusesWatchList = (error: unknown): boolean => error instanceof InvalidError || error instanceof BadRequestError;

const kindOf = (error: unknown): Problem["kind"] => {
  if (error instanceof NotFoundError) return "missing";
  return error instanceof ForbiddenError ? "forbidden" : "failing";
};
