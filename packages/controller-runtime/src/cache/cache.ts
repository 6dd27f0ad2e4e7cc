import type { Client } from "../client/client.ts";
import { type Clock, type Random, systemClock } from "../clock.ts";
import type { Projection } from "../decode/projection.ts";
import { type Logger, silentLogger } from "../log.ts";
import type { KubernetesObject, Stored } from "../object.ts";
import type { Resource } from "../resource.ts";
import { Informer, type InformerObserver } from "./informer.ts";
import { NamespaceCheck } from "./namespace-check.ts";
import type { ListWatch } from "./reflector.ts";
import type { Indexers } from "./store.ts";
import { Troubles } from "./troubles.ts";

export interface CacheOptions {
  /** Where troubles are told: who shares it tells of a common one once. Default: its own. */
  readonly troubles?: Troubles | undefined;
  /** `get` serves to find out which of `namespaces` do not exist. */
  readonly client: ListWatch & Partial<Pick<Client, "get">>;
  /**
   * Namespaces to look at; absent or empty = all. Cluster-scoped resources are always whole. One that is missing, or may not be
   * read, is told in the log and waited for; the others are served meanwhile.
   */
  readonly namespaces?: readonly string[] | undefined;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly log?: Logger;
  readonly observer?: InformerObserver | undefined;
  /** Milliseconds without a byte after which a watch counts as dead. Default 150,000. */
  readonly silence?: number | undefined;
}

export interface InformerWish<T extends KubernetesObject> {
  /** What of each object is needed; see `Projection`. Default: all but `managedFields`. */
  readonly project?: Projection | undefined;
  /** Server-side selectors: what they leave out never leaves the server. */
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
  /** Indexes for `byIndex`. */
  readonly index?: Indexers<Stored<T>> | undefined;
}

/**
 * The informers of a process: one for each resource and selector, however many controllers ask for it.
 *
 * @example
 * const pods = cache.informer(Pods, { project: { spec: { nodeName: true } } });
 * cache.start(signal);
 * await pods.whenSynced(signal);
 */
export class Cache {
  readonly #options: Required<Omit<CacheOptions, "observer" | "silence" | "namespaces" | "troubles">> & CacheOptions;
  readonly #informers = new Map<string, { readonly informer: Informer<KubernetesObject>; running?: Promise<void> }>();
  readonly #troubles: Troubles;
  #signal: AbortSignal | undefined;
  #namespaceCheck: Promise<void> | undefined;

  constructor(options: CacheOptions) {
    this.#options = { clock: systemClock, random: Math.random, log: silentLogger, ...options };
    this.#troubles = options.troubles ?? new Troubles(this.#options);
  }

  /** All informers there are. */
  get informers(): readonly Informer<KubernetesObject>[] {
    return [...this.#informers.values()].map(({ informer }) => informer);
  }

  /**
   * Whether every informer can be read from, as far as it may look (`Informer.serving`). One whose resource is not installed
   * does not hold it up.
   */
  get synced(): boolean {
    return this.informers.every((informer) => informer.serving || informer.missing);
  }

  /**
   * The informer for a resource and selector, made at the first call. Further calls share it, add their indexes and
   * widen its projection.
   */
  informer<T extends KubernetesObject>(resource: Resource<T>, wish: InformerWish<T> = {}): Informer<T> {
    const { labelSelector, fieldSelector, project = true, index } = wish;
    const key = [resource.apiVersion, resource.plural, labelSelector ?? "", fieldSelector ?? ""].join("|");
    const known = this.#informers.get(key)?.informer;
    // The key names the resource, and a resource has one type of object.
    const informer = (known as Informer<T> | undefined) ?? this.#create(key, resource, wish);
    if (known !== undefined) informer.widen(project);
    if (index !== undefined) informer.addIndexers(index);
    return informer;
  }

  /** Starts all informers, and those that are made later at once. They end with `signal`. */
  start(signal: AbortSignal): void {
    this.#signal = signal;
    for (const entry of this.#informers.values()) entry.running ??= entry.informer.run(signal);
    this.#namespaceCheck ??= this.#checkNamespaces(signal);
  }

  /** Resolves when all informers have ended. */
  async stopped(): Promise<void> {
    await Promise.all([...this.#informers.values()].map(({ running }) => running));
    await this.#namespaceCheck;
  }

  async #checkNamespaces(signal: AbortSignal): Promise<void> {
    const { client, namespaces = [] } = this.#options;
    const get = client.get?.bind(client);
    if (get !== undefined) await new NamespaceCheck({ ...this.#options, client: { get } }).run(namespaces, signal);
  }

  #create<T extends KubernetesObject>(key: string, resource: Resource<T>, wish: InformerWish<T>): Informer<T> {
    const { client, clock, random, log, observer, silence, namespaces } = this.#options;
    const { labelSelector, fieldSelector, project = true } = wish;
    const isNarrow = resource.namespaced && namespaces !== undefined && namespaces.length > 0;
    const scope = { namespaces: isNarrow ? namespaces : [""], labelSelector, fieldSelector };
    const informer = new Informer<T>({
      client,
      resource,
      scope,
      projection: project,
      clock,
      random,
      log,
      troubles: this.#troubles,
      observer,
      silence,
    });
    // Informers of all types live in one map; only `informer` above takes them out again, with the type of their key.
    const untyped = informer as unknown as Informer<KubernetesObject>;
    this.#informers.set(
      key,
      this.#signal ? { informer: untyped, running: informer.run(this.#signal) } : { informer: untyped },
    );
    return informer;
  }
}
