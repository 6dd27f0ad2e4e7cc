import type { Clock, Random } from "../clock.ts";
import type { Identity } from "../decode/decoder.ts";
import { covers, mergeProjections, type Projection, withAlwaysDecoded } from "../decode/projection.ts";
import type { Logger } from "../log.ts";
import { type KeyString, type KubernetesObject, keyOf, type Stored } from "../object.ts";
import { type Resource, resourceName } from "../resource.ts";
import { Conditions } from "./conditions.ts";
import type { Health } from "./health.ts";
import { type ChangeHandler, Listeners } from "./listeners.ts";
import { PendingWrites } from "./pending-writes.ts";
import { type ListWatch, type Problem, Reflector, type ReflectorObserver } from "./reflector.ts";
import { type ScopeState, WatchedScope } from "./scope.ts";
import { type Change, type Indexers, Store } from "./store.ts";
import { Troubles } from "./troubles.ts";

export type { ChangeHandler } from "./listeners.ts";
export type { ScopeState } from "./scope.ts";

/** Which objects an informer holds. */
export interface InformerScope {
  /** One reflector each; `[""]` = all namespaces in one. */
  readonly namespaces: readonly string[];
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
}

/** What can be asked of an informer at any time; what gauges show. */
export interface InformerState {
  /** The resource, as users name it. */
  readonly name: string;
  readonly scopes: readonly ScopeState[];
}

/** Is told of what happens to watches, as far as it wants to be; see `cacheMetrics`. */
export interface InformerObserver {
  /** An informer has been made. */
  onInformer?(informer: InformerState): void;
  /** A watch ended and is resumed; see `ReflectorObserver`. */
  onRestart?(resource: string, reason: string): void;
  /** A watch told of a write of ours, so many seconds after the API server had answered it. */
  onLag?(resource: string, seconds: number): void;
}

export interface InformerOptions<T extends KubernetesObject> {
  readonly client: ListWatch;
  readonly resource: Resource<T>;
  readonly scope: InformerScope;
  readonly projection: Projection;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Where its troubles are told. Informers that share it tell of a common trouble once. Default: its own. */
  readonly troubles?: Troubles | undefined;
  readonly observer?: InformerObserver | undefined;
  readonly silence?: number | undefined;
}

/** What a write of ours was based on, and how its answer was decoded. */
export interface WrittenFrom {
  /** The resourceVersion that the write required the object to have; absent when it was created. */
  readonly base?: string | undefined;
  /** Default: that of now. */
  readonly projection?: Projection | undefined;
}

/** Objects for reading, without the means to change them. */
export interface Reader<T extends KubernetesObject> {
  readonly size: number;
  get(key: KeyString): Stored<T> | undefined;
  values(): IterableIterator<Stored<T>>;
  inNamespace(namespace: string): Stored<T>[];
  byIndex(index: string, value: string): Stored<T>[];
}

/**
 * A mirror of the objects of one resource, kept up to date by watches, shared by all who need it.
 *
 * What it returns is shared too: treat it as read-only.
 */
export class Informer<T extends KubernetesObject> implements Reader<T> {
  readonly resource: Resource<T>;
  readonly #options: InformerOptions<T>;
  readonly #store: Store<T>;
  readonly #listeners: Listeners<Stored<T>>;
  readonly #pending: PendingWrites<Stored<T>>;
  /** By namespace. */
  readonly #scopes: ReadonlyMap<string, WatchedScope>;
  readonly #conditions = new Conditions();
  readonly #syncListeners = new Set<() => void>();
  /** Whose first list since the (re)start has neither come to its end nor failed. */
  readonly #listing = new Set<Health>();
  /** More is asked for than the reflectors read. */
  #isOutdated = false;
  #projection: Projection;
  #run: { readonly signal: AbortSignal; restart: AbortController; done: Promise<unknown> } | undefined;

  /** @throws TypeError when the projection cannot hold what is always decoded. */
  constructor(options: InformerOptions<T>) {
    const { resource, scope, log, projection, observer } = options;
    const name = resourceName(resource);
    withAlwaysDecoded(projection);
    this.resource = resource;
    this.#options = options;
    this.#projection = projection;
    this.#store = new Store(scope.namespaces, (index, error) =>
      log.error("an indexer threw", { resource: name, index, error }),
    );
    this.#listeners = new Listeners((error) => log.error("a change handler threw", { resource: name, error }));
    const release = (changes: readonly Change<Stored<T>>[]) => this.#listeners.emit(changes);
    this.#pending = new PendingWrites({ clock: options.clock, release });
    const troubles = options.troubles ?? new Troubles(options);
    this.#scopes = new Map(scope.namespaces.map((namespace) => [namespace, this.#scope(namespace, troubles)]));
    observer?.onInformer?.({ name, scopes: [...this.#scopes.values()] });
  }

  /** What of each object is decoded. */
  get projection(): Projection {
    return this.#projection;
  }

  /** Whether a complete list has been taken of every namespace, with the projection of now. */
  get synced(): boolean {
    return [...this.#scopes.values()].every((scope) => scope.synced);
  }

  /**
   * Whether it is in step as far as it may look: `synced`, but for namespaces that must not be read while another one can
   * be. What is held of those is nothing, or old: whoever acts on it asks `syncedIn`.
   */
  get ready(): boolean {
    return this.#isInStep(({ synced }) => synced);
  }

  /**
   * Whether it has been `ready` with any projection: it can be read from, though perhaps not all that was asked for since.
   * For readiness of the process, which a wider wish must not take away.
   */
  get serving(): boolean {
    return this.#isInStep(({ health }) => health.held !== undefined);
  }

  /** Whether all objects of a namespace are here, each with at least what `projection` asks for. */
  holds(projection: Projection, namespace: string): boolean {
    const held = this.#scopeOf(namespace)?.health.held;
    return held !== undefined && covers(held, projection);
  }

  #isInStep(isDone: (scope: WatchedScope) => boolean): boolean {
    const scopes = [...this.#scopes.values()];
    const isForbidden = ({ health }: WatchedScope) => health.problem?.kind === "forbidden";
    return scopes.some(isDone) && scopes.every((scope) => isDone(scope) || isForbidden(scope));
  }

  /** Whether a complete list has been taken of one namespace; `false` for one that is not watched. */
  syncedIn(namespace: string): boolean {
    return this.#scopeOf(namespace)?.synced ?? false;
  }

  /** Whether the server does not know the resource: its CRD is not installed. */
  get missing(): boolean {
    return [...this.#scopes.values()].some(({ health }) => health.problem?.kind === "missing");
  }

  /** What keeps it from being in step, for messages; `undefined` when nothing does. */
  get problem(): Problem | undefined {
    for (const { health } of this.#scopes.values()) if (health.problem !== undefined) return health.problem;
    return undefined;
  }

  get size(): number {
    return this.#store.size;
  }

  get(key: KeyString): Stored<T> | undefined {
    return this.#store.get(key);
  }

  values(): IterableIterator<Stored<T>> {
    return this.#store.values();
  }

  inNamespace(namespace: string): Stored<T>[] {
    return this.#store.inNamespace(namespace);
  }

  /** How many objects one namespace has. */
  countIn(namespace: string): number {
    return this.#store.countIn(namespace);
  }

  /** @throws TypeError when there is no index of that name. */
  byIndex(index: string, value: string): Stored<T>[] {
    return this.#store.byIndex(index, value);
  }

  /** How many objects an indexer found under `value`. */
  countByIndex(index: string, value: string): number {
    return this.#store.countByIndex(index, value);
  }

  /** How many writes and deletions of ours the watch has still to tell. */
  get unconfirmed(): number {
    return this.#store.unconfirmed;
  }

  /** Adds indexers; may come at any time. @throws TypeError when a name stands for another function already. */
  addIndexers(indexers: Indexers<Stored<T>>): void {
    this.#store.addIndexers(indexers);
  }

  /**
   * Calls `handler` for what is there already, and then for each change.
   *
   * @returns a function that ends it.
   */
  onChange(handler: ChangeHandler<Stored<T>>): () => void {
    return this.#listeners.add(handler, this.#store.values());
  }

  /** Resolves when `synced`. @throws the signal's reason when it aborts first. */
  whenSynced(signal: AbortSignal): Promise<void> {
    return this.#conditions.when(() => this.synced, signal);
  }

  /** Resolves when `ready`. @throws the signal's reason when it aborts first. */
  whenReady(signal: AbortSignal): Promise<void> {
    return this.#conditions.when(() => this.ready, signal);
  }

  /** Calls `listener` whenever a complete list has been taken of a namespace; returns a function that ends it. */
  onSynced(listener: () => void): () => void {
    this.#syncListeners.add(listener);
    return () => void this.#syncListeners.delete(listener);
  }

  /**
   * Asks for more of each object. Before the start the wishes are merged. Afterwards everything is listed once more with the
   * wider projection; until that is done the store keeps serving the narrow objects and `synced` is false. A list that is
   * under way is let finish first: however many wishes come, one after the other, lists do.
   *
   * @throws TypeError when one wish wants a digest of what another wants whole.
   */
  widen(projection: Projection): void {
    if (covers(this.#projection, projection)) return;
    const wider = mergeProjections(this.#projection, projection);
    withAlwaysDecoded(wider);
    this.#projection = wider;
    if (this.#run === undefined) return;
    for (const { health } of this.#scopes.values()) health.synced = false;
    this.#restartWhenListed();
  }

  /** Mirrors until `signal` aborts. Called once, by the cache. */
  async run(signal: AbortSignal): Promise<void> {
    const onAbort = () => run.restart.abort(signal.reason);
    const run = { signal, restart: new AbortController(), done: Promise.resolve() as Promise<unknown> };
    this.#run = run;
    signal.addEventListener("abort", onAbort, { once: true });
    while (!signal.aborted) {
      if (run.restart.signal.aborted) run.restart = new AbortController();
      this.#isOutdated = false;
      for (const { health } of this.#scopes.values()) this.#listing.add(health);
      const reflectors = [...this.#scopes.values()].map((scope) => this.#reflector(scope));
      run.done = Promise.all(reflectors.map((reflector) => reflector.run(run.restart.signal)));
      await run.done;
    }
    signal.removeEventListener("abort", onAbort);
    for (const { health } of this.#scopes.values()) health.end();
    this.#run = undefined;
  }

  /**
   * A write of ours of `key` goes out. What the watch tells of it before the answer is here reaches the handlers when the
   * write is over (disposed of) or takes long, and as ours where it was: `noteWritten`, `noteDeleted`.
   */
  beginWrite(key: KeyString): Disposable {
    this.#pending.begin(key);
    return { [Symbol.dispose]: () => this.#listeners.emit(this.#pending.end(key)) };
  }

  /** The object that `identity` is of, if it is here in that very state. */
  known(identity: Identity): Stored<T> | undefined {
    return this.#store.known(identity);
  }

  /**
   * Takes the server's answer to a write of ours: whoever reads from now on sees it.
   *
   * The change counts as ours (`origin: "write"`) only when the write was based on the state held here. Otherwise it
   * brings changes of others along, which nobody would be told of if it were taken for ours.
   */
  noteWritten(object: Stored<T>, { base, projection = this.#projection }: WrittenFrom = {}): void {
    // Decoded before more was asked for. The watch brings it again, with all that is wanted.
    if (!covers(projection, this.#projection)) return;
    this.#scopeOf(object.metadata.namespace ?? "")?.written(object.metadata.resourceVersion);
    const { uid, resourceVersion } = object.metadata;
    this.#pending.note(keyOf(object), { uid, resourceVersion, base });
    const isOurs = this.#store.get(keyOf(object))?.metadata.resourceVersion === base;
    this.#emit(asOf(this.#store.upsert(object, "write"), isOurs));
  }

  /** Notes that we deleted `object`: whoever reads from now on does not see it. */
  noteDeleted(object: Stored<T>): void {
    this.#pending.note(keyOf(object), { uid: object.metadata.uid, base: object.metadata.resourceVersion });
    const isOurs = this.#store.get(keyOf(object))?.metadata.resourceVersion === object.metadata.resourceVersion;
    this.#emit(asOf(this.#store.removeOwn(object), isOurs));
  }

  #scope(namespace: string, troubles: Troubles): WatchedScope {
    const { resource, clock, log, observer } = this.#options;
    const name = resourceName(resource);
    const store = this.#store;
    return new WatchedScope({
      resource: name,
      namespace,
      clock,
      log,
      troubles,
      count: () => (namespace === "" ? store.size : store.countIn(namespace)),
      onLag: (seconds) => observer?.onLag?.(name, seconds),
    });
  }

  /** The watch that tells of a namespace. */
  #scopeOf(namespace: string): WatchedScope | undefined {
    return this.#scopes.get("") ?? this.#scopes.get(namespace);
  }

  #reflector(scope: WatchedScope): Reflector<T> {
    const { client, resource, scope: all, clock, random, silence } = this.#options;
    const { labelSelector, fieldSelector } = all;
    return new Reflector<T>({
      client,
      resource,
      scope: { namespace: scope.namespace, labelSelector, fieldSelector },
      projection: this.#projection,
      clock,
      random,
      silence,
      observer: this.#observer(scope, this.#projection),
      sink: scope.sink(this.#store, (changes) => this.#emitAll(changes)),
    });
  }

  #observer({ health }: WatchedScope, projection: Projection): ReflectorObserver {
    const name = resourceName(this.resource);
    return {
      onSynced: () => {
        health.held = projection;
        health.synced = covers(projection, this.#projection);
        this.#listing.delete(health);
        if (!health.synced) this.#restartWhenListed();
        this.#options.log.debug("informer has synced", { resource: name, objects: this.#store.size });
        this.#conditions.look();
        for (const listener of [...this.#syncListeners]) listener();
      },
      onProblem: (problem) => {
        health.onProblem(problem);
        this.#listing.delete(health);
        if (this.#isOutdated) this.#restartWhenListed();
        this.#conditions.look();
      },
      onProgress: () => health.onProgress(),
      onRestart: (reason) => this.#options.observer?.onRestart?.(name, reason),
    };
  }

  /** Begins anew with the projection of now, as soon as no list is under way. */
  #restartWhenListed(): void {
    this.#isOutdated = true;
    if (this.#listing.size === 0) this.#run?.restart.abort(new Error("a wider projection is wanted"));
  }

  #emit(change: Change<Stored<T>> | undefined): void {
    if (change !== undefined) this.#emitAll([change]);
  }

  #emitAll(changes: readonly Change<Stored<T>>[]): void {
    if (changes.length > 0) this.#listeners.emit(changes.flatMap((change) => this.#pending.hold(change)));
  }
}

/** A change by a write of ours, which is not ours alone where others had changed the object before. */
const asOf = <T>(change: Change<T> | undefined, isOurs: boolean): Change<T> | undefined =>
  change === undefined || isOurs ? change : { ...change, origin: "watch" };
