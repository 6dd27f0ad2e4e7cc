import type { Client } from "../client/client.ts";
import type { Clock, Random } from "../clock.ts";
import { covers, mergeProjections, type Projection } from "../decode/projection.ts";
import { describe } from "../errors.ts";
import type { Logger } from "../log.ts";
import type { KeyString, KubernetesObject, Stored } from "../object.ts";
import { groupOf, type Resource } from "../resource.ts";
import { type Problem, Reflector, type ReflectorObserver } from "./reflector.ts";
import { type Change, type Indexers, Store } from "./store.ts";

/** Is called for each change, in order. One that throws is logged, and changes nothing for the others. */
export type ChangeHandler<T> = (change: Change<T>) => void;

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
  readonly client: Client;
  readonly resource: Resource<T>;
  readonly scope: InformerScope;
  readonly projection: Projection;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly observer?: InformerObserver | undefined;
  readonly silence?: number | undefined;
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
  readonly #store = new Store<T>();
  readonly #handlers = new Set<ChangeHandler<Stored<T>>>();
  readonly #scopes: Map<string, ScopeState>;
  readonly #waiters = new Set<() => void>();
  #projection: Projection;
  #run: { readonly signal: AbortSignal; restart: AbortController; done: Promise<unknown> } | undefined;

  constructor(options: InformerOptions<T>) {
    this.resource = options.resource;
    this.#options = options;
    this.#projection = options.projection;
    this.#scopes = new Map(options.scope.namespaces.map((namespace) => [namespace, newScopeState()]));
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

  /** Adds indexers; may come at any time. @throws TypeError when a name is taken. */
  addIndexers(indexers: Indexers<Stored<T>>): void {
    this.#store.addIndexers(indexers);
  }

  /**
   * Calls `handler` for what is there already, and then for each change.
   *
   * @returns a function that ends it.
   */
  onChange(handler: ChangeHandler<Stored<T>>): () => void {
    for (const object of this.#store.values()) this.#call(handler, { type: "added", object, origin: "initial" });
    this.#handlers.add(handler);
    return () => this.#handlers.delete(handler);
  }

  /** Resolves when `synced`. @throws the signal's reason when it aborts first. */
  whenSynced(signal: AbortSignal): Promise<void> {
    return this.#when(() => this.synced, signal);
  }

  /**
   * Asks for more of each object. Before the start the wishes are merged. Afterwards everything is listed once more
   * with the wider projection; until that is done the store keeps serving the narrow objects and `synced` is false.
   */
  widen(projection: Projection): void {
    if (covers(this.#projection, projection)) return;
    this.#projection = mergeProjections(this.#projection, projection);
    if (this.#run === undefined) return;
    for (const scope of this.#scopes.values()) {
      scope.synced = false;
      scope.again = true;
    }
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

  /** Takes the server's answer to a write of ours: whoever reads from now on sees it. */
  noteWritten(object: Stored<T>): void {
    this.#emit(this.#store.upsert(object, "write"));
  }

  /** Notes that we deleted an object: whoever reads from now on does not see it. */
  noteDeleted(key: KeyString, uid: string): void {
    this.#emit(this.#store.removeOwn(key, uid));
  }

  #reflector(namespace: string, state: ScopeState): Reflector<T> {
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
      observer: this.#observer(namespace, state),
      sink: {
        beginList: () => {
          const list = this.#store.beginList(namespace, state.again);
          return {
            add: (object) => this.#emit(list.add(object)),
            finish: (resourceVersion) => {
              for (const change of list.finish(resourceVersion)) this.#emit(change);
            },
          };
        },
        upsert: (object) => this.#emit(this.#store.upsert(object, "watch")),
        remove: (object) => this.#emit(this.#store.remove(object)),
      },
    });
  }

  #observer(namespace: string, state: ScopeState): ReflectorObserver {
    const log = namespace === "" ? this.#options.log : this.#options.log.with({ namespace });
    const name = resourceName(this.resource);
    return {
      onSynced: () => {
        state.synced = true;
        state.again = false;
        log.debug("informer has synced", { resource: name, objects: this.#store.size });
        this.#wake();
      },
      onProblem: (problem) => {
        report(log, { resource: this.resource, state, problem });
        state.problem = problem;
        state.tries++;
        this.#wake();
      },
      onProgress: () => {
        if (state.tries > 1 || (state.tries === 1 && !state.synced)) log.info("informer works again", { resource: name });
        state.problem = undefined;
        state.tries = 0;
      },
      onRestart: (reason) => this.#options.observer?.onRestart(name, reason),
    };
  }

  #emit(change: Change<Stored<T>> | undefined): void {
    if (change === undefined) return;
    for (const handler of this.#handlers) this.#call(handler, change);
  }

  #call(handler: ChangeHandler<Stored<T>>, change: Change<Stored<T>>): void {
    try {
      handler(change);
    } catch (error) {
      this.#options.log.error("a change handler threw", { resource: resourceName(this.resource), error });
    }
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

interface ScopeState {
  synced: boolean;
  /** The next list replaces also what has the same resourceVersion. */
  again: boolean;
  problem: Problem | undefined;
  /** Failures in a row. */
  tries: number;
}

const newScopeState = (): ScopeState => ({ synced: false, again: false, problem: undefined, tries: 0 });

/** `pods`, `deployments.apps`: as users name it in RBAC. */
export const resourceName = (resource: Resource): string => {
  const group = groupOf(resource);
  return group === "" ? resource.plural : `${resource.plural}.${group}`;
};

/** Says what is wrong and what to do: once for as long as it stays the same. */
const report = (
  log: Logger,
  { resource, state, problem }: { resource: Resource; state: ScopeState; problem: Problem },
): void => {
  const name = resourceName(resource);
  const text = describe(problem.error);
  const isNew = state.problem?.kind !== problem.kind || describe(state.problem.error) !== text;
  // A watch that breaks once is daily life: it is resumed, and only a second failure in a row is worth a line.
  const isWorth = problem.kind !== "failing" || !state.synced || state.tries >= 1;
  if (!isWorth || (!isNew && !(state.tries === 1 && state.synced))) {
    log.debug("informer failed", { resource: name, error: problem.error });
    return;
  }
  if (problem.kind === "missing") {
    log.warning(`the API server does not know ${name}: install its CRD; waiting for it`, { resource: name });
  } else if (problem.kind === "forbidden") {
    log.error(`not allowed to list and watch ${name}: grant "list" and "watch"; waiting for it`, { err: text });
  } else {
    log.warning(`cannot watch ${name}; trying again`, { err: text });
  }
};
