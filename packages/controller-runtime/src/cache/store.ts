import { type KeyString, type KubernetesObject, keyOf, type Stored } from "../object.ts";
import { sameProjection } from "./equal.ts";
import { type IndexFunction, IndexMap } from "./index-map.ts";
import { compareResourceVersions } from "./resource-version.ts";

/** Where a new state comes from: the initial list, the watch, or the answer to a write of our own. */
export type Origin = "initial" | "watch" | "write";

/** What changed in a store. */
export type Change<T> =
  | { readonly type: "added"; readonly object: T; readonly origin: Origin }
  | { readonly type: "updated"; readonly object: T; readonly old: T; readonly origin: Origin }
  | {
      readonly type: "deleted";
      /** The last state known. */
      readonly object: T;
      /** The deletion itself was missed: `object` may be older than the object was at its end. */
      readonly finalStateUnknown: boolean;
      readonly origin: Origin;
    };

/** Named functions that say under which values an object is found with `byIndex`. */
export type Indexers<T> = Readonly<Record<string, IndexFunction<T>>>;

/**
 * The objects of an informer, with indexes, in the newest state seen from anywhere.
 *
 * Two sources write to it: the watch, and the answers to our own writes, which come sooner. Every state carries a
 * resourceVersion, and an older one never replaces a newer. An object that we deleted stays away though the watch may
 * still tell of its former life. So a reconcile that follows our own write never sees what was before it.
 */
export class Store<T extends KubernetesObject> {
  readonly #objects = new Map<KeyString, Stored<T>>();
  readonly #indexers: Record<string, IndexFunction<Stored<T>>> = {};
  readonly #indexes = new Map<string, IndexMap>();
  readonly #namespaces = new IndexMap();
  /** Keys of objects that we wrote in a state which neither watch nor list has shown yet. */
  readonly #written = new Set<KeyString>();
  /** uids of objects that we deleted and whose deletion the watch has not told yet; with their namespaces. */
  readonly #deleted = new Map<string, string>();

  /** How many objects there are. */
  get size(): number {
    return this.#objects.size;
  }

  get(key: KeyString): Stored<T> | undefined {
    return this.#objects.get(key);
  }

  values(): IterableIterator<Stored<T>> {
    return this.#objects.values();
  }

  /** The objects of one namespace. */
  inNamespace(namespace: string): Stored<T>[] {
    return this.#resolve(this.#namespaces.get(namespace));
  }

  /** How many objects one namespace has. */
  countIn(namespace: string): number {
    return this.#namespaces.count(namespace);
  }

  /** The namespaces that have objects. */
  namespaces(): Iterable<string> {
    return this.#namespaces.values();
  }

  /**
   * The objects that an indexer found under `value`.
   *
   * @throws TypeError when there is no index of that name.
   */
  byIndex(index: string, value: string): Stored<T>[] {
    return this.#resolve(this.#index(index).get(value));
  }

  /** How many objects an indexer found under `value`. */
  countByIndex(index: string, value: string): number {
    return this.#index(index).count(value);
  }

  /** Adds indexers; objects that are there already are indexed at once. */
  addIndexers(indexers: Indexers<Stored<T>>): void {
    for (const [name, indexer] of Object.entries(indexers)) {
      if (this.#indexes.has(name)) throw new TypeError(`there is an index ${name} already`);
      const index = new IndexMap();
      this.#indexers[name] = indexer;
      this.#indexes.set(name, index);
      for (const [key, object] of this.#objects) eachValue(indexer(object), (value) => index.add(value, key));
    }
  }

  /**
   * Takes a new state of an object.
   *
   * @param again also when the store holds that very resourceVersion: it was decoded with a wider projection.
   * @returns the change, or `undefined` when the state is not newer, or differs in nothing that was asked for.
   */
  upsert(object: Stored<T>, origin: Origin, again = false): Change<Stored<T>> | undefined {
    const { uid, resourceVersion } = object.metadata;
    if (this.#deleted.has(uid)) return undefined;
    const key = keyOf(object);
    const old = this.#objects.get(key);
    if (old === undefined) {
      this.#note(key, origin);
      this.#put(key, object);
      return { type: "added", object, origin };
    }
    const order = compareResourceVersions(resourceVersion, old.metadata.resourceVersion);
    // A list is a most recent read: only a write of our own can be newer. Otherwise the server's history went back
    // (etcd restored from a backup), and what it has now is what counts.
    const isRewound = order < 0 && origin === "initial" && !this.#written.has(key);
    if ((order < 0 && !isRewound) || (order === 0 && !again)) return this.#confirm(key, order, origin);
    this.#note(key, origin);
    this.#unindex(key, old);
    this.#put(key, object);
    if (sameProjection(old, object)) return undefined;
    return { type: "updated", object, old, origin };
  }

  #note(key: KeyString, origin: Origin): void {
    if (origin === "write") this.#written.add(key);
    else this.#written.delete(key);
  }

  /** The state is known already; when it is the watch that shows it, our write is no longer ahead. */
  #confirm(key: KeyString, order: number, origin: Origin): undefined {
    if (order === 0 && origin !== "write") this.#written.delete(key);
  }

  /** Takes the watch's word that an object is gone. */
  remove(object: Stored<T>): Change<Stored<T>> | undefined {
    const { uid, resourceVersion } = object.metadata;
    this.#deleted.delete(uid);
    const key = keyOf(object);
    const old = this.#objects.get(key);
    if (old === undefined) return undefined;
    // Another object has the name by now.
    const isNewer = compareResourceVersions(old.metadata.resourceVersion, resourceVersion) > 0;
    if (old.metadata.uid !== uid && isNewer) return undefined;
    this.#drop(key, old);
    return { type: "deleted", object: old, finalStateUnknown: false, origin: "watch" };
  }

  /** Notes that we deleted `uid`: it is gone at once, and nothing that the watch still tells of it brings it back. */
  removeOwn(key: KeyString, uid: string): Change<Stored<T>> | undefined {
    const old = this.#objects.get(key);
    // The watch was faster: it has told the deletion already, and will not tell it again.
    if (old === undefined || old.metadata.uid !== uid) return undefined;
    this.#deleted.set(uid, old.metadata.namespace ?? "");
    this.#drop(key, old);
    return { type: "deleted", object: old, finalStateUnknown: false, origin: "write" };
  }

  /**
   * Begins to take a complete list of `namespace` (`""` = all). Until `finish` the store keeps serving what it has.
   *
   * The list is a most recent read, so it also says whether what we deleted before it is really gone.
   */
  beginList(namespace: string, again = false): ListInProgress<Stored<T>> {
    for (const [uid, home] of this.#deleted) if (namespace === "" || namespace === home) this.#deleted.delete(uid);
    const seen = new Set<KeyString>();
    return {
      add: (object) => {
        seen.add(keyOf(object));
        return this.upsert(object, "initial", again);
      },
      finish: (resourceVersion) => this.#sweep(namespace, { seen, resourceVersion }),
    };
  }

  #sweep(namespace: string, list: { seen: ReadonlySet<KeyString>; resourceVersion: string }): Change<Stored<T>>[] {
    const keys = namespace === "" ? this.#objects.keys() : this.#namespaces.get(namespace);
    const changes: Change<Stored<T>>[] = [];
    for (const key of [...keys]) {
      const object = this.#objects.get(key);
      if (object === undefined || list.seen.has(key)) continue;
      const isNewer = compareResourceVersions(object.metadata.resourceVersion, list.resourceVersion) > 0;
      // Written by us while the list was under way: the list cannot know it.
      if (isNewer && this.#written.has(key)) continue;
      this.#drop(key, object);
      changes.push({ type: "deleted", object, finalStateUnknown: true, origin: "initial" });
    }
    return changes;
  }

  #put(key: KeyString, object: Stored<T>): void {
    this.#objects.set(key, object);
    this.#namespaces.add(object.metadata.namespace ?? "", key);
    for (const [name, index] of this.#indexes) {
      eachValue(this.#indexers[name]?.(object), (value) => index.add(value, key));
    }
  }

  #drop(key: KeyString, object: Stored<T>): void {
    this.#objects.delete(key);
    this.#written.delete(key);
    this.#namespaces.remove(object.metadata.namespace ?? "", key);
    this.#unindex(key, object);
  }

  #unindex(key: KeyString, object: Stored<T>): void {
    for (const [name, index] of this.#indexes) {
      eachValue(this.#indexers[name]?.(object), (value) => index.remove(value, key));
    }
  }

  #index(name: string): IndexMap {
    const index = this.#indexes.get(name);
    if (index === undefined) throw new TypeError(`there is no index ${name}`);
    return index;
  }

  #resolve(keys: Iterable<KeyString>): Stored<T>[] {
    const objects: Stored<T>[] = [];
    for (const key of keys) {
      const object = this.#objects.get(key);
      if (object !== undefined) objects.push(object);
    }
    return objects;
  }
}

/** A complete list on its way into a store. */
export interface ListInProgress<T> {
  add(object: T): Change<T> | undefined;
  /** What was not in the list is gone. `resourceVersion` is that of the list. */
  finish(resourceVersion: string): Change<T>[];
}

const eachValue = (values: string | readonly string[] | undefined, visit: (value: string) => void): void => {
  if (values === undefined) return;
  if (typeof values === "string") visit(values);
  else for (const value of values) visit(value);
};
