import type { Clock, Random } from "../clock.ts";
import { covers, mergeProjections, type Projection, withAlwaysDecoded } from "../decode/projection.ts";
import type { Logger } from "../log.ts";
import { type KeyString, type KubernetesObject, keyOf, type Stored } from "../object.ts";
import { groupOf, type Resource } from "../resource.ts";
import { Health } from "./health.ts";
import { type ChangeHandler, Listeners } from "./listeners.ts";
import { type ListWatch, type Problem, Reflector, type ReflectorObserver, type Sink } from "./reflector.ts";
import { type Change, type Indexers, Store } from "./store.ts";

export type { ChangeHandler } from "./listeners.ts";

/** Which objects an informer holds. */
export interface InformerScope {
  /** One reflector each; `[""]` = all namespaces in one. */
  readonly namespaces: readonly string[];
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
}

/** Is told of what happens to watches; see `cacheMetrics`. */
export interface InformerObserver {
  onRestart(resource: string, reason: string): void;
}

export interface InformerOptions<T extends KubernetesObject> {
  readonly client: ListWatch;
  readonly resource: Resource<T>;
  readonly scope: InformerScope;
  readonly projection: Projection;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
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
  /** By namespace. */
  readonly #scopes: ReadonlyMap<string, Health>;
  readonly #waiters = new Set<() => void>();
  #projection: Projection;
  #run: { readonly signal: AbortSignal; restart: AbortController; done: Promise<unknown> } | undefined;

  /** @throws TypeError when the projection cannot hold what is always decoded. */
  constructor(options: InformerOptions<T>) {
    const { resource, scope, log, projection } = options;
    const name = resourceName(resource);
    withAlwaysDecoded(projection);
    this.resource = resource;
    this.#options = options;
    this.#projection = projection;
    this.#store = new Store(scope.namespaces, (index, error) =>
      log.error("an indexer threw", { resource: name, index, error }),
    );
    this.#listeners = new Listeners((error) => log.error("a change handler threw", { resource: name, error }));
    const healthOf = (namespace: string) => new Health({ name, log: namespace === "" ? log : log.with({ namespace }) });
    this.#scopes = new Map(scope.namespaces.map((namespace) => [namespace, healthOf(namespace)]));
  }

  /** What of each object is decoded. */
  get projection(): Projection {
    return this.#projection;
  }

  /** Whether a complete list has been taken of every namespace, with the projection of now. */
  get synced(): boolean {
    return [...this.#scopes.values()].every((scope) => scope.synced);
  }

  /** Whether the server does not know the resource: its CRD is not installed. */
  get missing(): boolean {
    return [...this.#scopes.values()].some((scope) => scope.problem?.kind === "missing");
  }

  /** What keeps it from being in step, for messages; `undefined` when nothing does. */
  get problem(): Problem | undefined {
    for (const { problem } of this.#scopes.values()) if (problem !== undefined) return problem;
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
    return this.#when(() => this.synced, signal);
  }

  /**
   * Asks for more of each object. Before the start the wishes are merged. Afterwards everything is listed once more
   * with the wider projection; until that is done the store keeps serving the narrow objects and `synced` is false.
   *
   * @throws TypeError when one wish wants a digest of what another wants whole.
   */
  widen(projection: Projection): void {
    if (covers(this.#projection, projection)) return;
    const wider = mergeProjections(this.#projection, projection);
    withAlwaysDecoded(wider);
    this.#projection = wider;
    if (this.#run === undefined) return;
    for (const scope of this.#scopes.values()) scope.synced = false;
    this.#run.restart.abort(new Error("a wider projection is wanted"));
  }

  /** Mirrors until `signal` aborts. Called once, by the cache. */
  async run(signal: AbortSignal): Promise<void> {
    const onAbort = () => run.restart.abort(signal.reason);
    const run = { signal, restart: new AbortController(), done: Promise.resolve() as Promise<unknown> };
    this.#run = run;
    signal.addEventListener("abort", onAbort, { once: true });
    while (!signal.aborted) {
      if (run.restart.signal.aborted) run.restart = new AbortController();
      const reflectors = [...this.#scopes].map(([namespace, state]) => this.#reflector(namespace, state));
      run.done = Promise.all(reflectors.map((reflector) => reflector.run(run.restart.signal)));
      await run.done;
    }
    signal.removeEventListener("abort", onAbort);
    this.#run = undefined;
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
    const isOurs = this.#store.get(keyOf(object))?.metadata.resourceVersion === base;
    this.#emit(asOf(this.#store.upsert(object, "write"), isOurs));
  }

  /** Notes that we deleted `object`: whoever reads from now on does not see it. */
  noteDeleted(object: Stored<T>): void {
    const isOurs = this.#store.get(keyOf(object))?.metadata.resourceVersion === object.metadata.resourceVersion;
    this.#emit(asOf(this.#store.removeOwn(object), isOurs));
  }

  #reflector(namespace: string, health: Health): Reflector<T> {
    const { client, resource, scope, clock, random, silence } = this.#options;
    const { labelSelector, fieldSelector } = scope;
    return new Reflector<T>({
      client,
      resource,
      scope: { namespace, labelSelector, fieldSelector },
      projection: this.#projection,
      clock,
      random,
      silence,
      observer: this.#observer(health),
      sink: this.#sink(namespace),
    });
  }

  #sink(namespace: string): Sink<Stored<T>> {
    const store = this.#store;
    return {
      beginList: () => {
        const list = store.beginList(namespace);
        return {
          add: (object) => this.#emit(list.add(object)),
          finish: (resourceVersion) => this.#listeners.emit(list.finish(resourceVersion)),
        };
      },
      upsert: (object) => this.#emit(store.upsert(object, "watch")),
      remove: (object) => this.#emit(store.remove(object)),
      progress: (resourceVersion) => this.#listeners.emit(store.progress(namespace, resourceVersion)),
    };
  }

  #observer(health: Health): ReflectorObserver {
    const name = resourceName(this.resource);
    return {
      onSynced: () => {
        health.synced = true;
        this.#options.log.debug("informer has synced", { resource: name, objects: this.#store.size });
        this.#wake();
      },
      onProblem: (problem) => {
        health.onProblem(problem);
        this.#wake();
      },
      onProgress: () => health.onProgress(),
      onRestart: (reason) => this.#options.observer?.onRestart(name, reason),
    };
  }

  #emit(change: Change<Stored<T>> | undefined): void {
    if (change !== undefined) this.#listeners.emit([change]);
  }

  #when(condition: () => boolean, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = () => {
        this.#waiters.delete(check);
        signal.removeEventListener("abort", onAbort);
      };
      const check = () => {
        if (!condition()) return;
        end();
        resolve();
      };
      const onAbort = () => {
        end();
        reject(signal.reason);
      };
      if (signal.aborted) {
        reject(signal.reason);
        return;
      }
      this.#waiters.add(check);
      signal.addEventListener("abort", onAbort, { once: true });
      check();
    });
  }

  #wake(): void {
    for (const check of [...this.#waiters]) check();
  }
}

/** `pods`, `deployments.apps`: as users name it in RBAC. */
export const resourceName = (resource: Resource): string => {
  const group = groupOf(resource);
  return group === "" ? resource.plural : `${resource.plural}.${group}`;
};

/** A change by a write of ours, which is not ours alone where others had changed the object before. */
const asOf = <T>(change: Change<T> | undefined, isOurs: boolean): Change<T> | undefined =>
  change === undefined || isOurs ? change : { ...change, origin: "watch" };
