import type { Identity } from "../decode/decoder.ts";
import { type KeyString, type KubernetesObject, keyOf, keyString, type Stored } from "../object.ts";
import { Ahead } from "./ahead.ts";
import { sameProjection } from "./equal.ts";
import { IndexMap } from "./index-map.ts";
import { type IndexErrorHandler, type Indexers, Indexes } from "./indexes.ts";
import { compareResourceVersions } from "./resource-version.ts";

/** Where a new state comes from: the initial list, the watch, or the answer to a write of our own. */
export type Origin = "initial" | "watch" | "write";

/** What changed in a store. */
export type Change<T> =
  | { readonly type: "added"; readonly object: T; readonly origin: Origin }
  | {
      readonly type: "updated";
      readonly object: T;
      /** May be an earlier object of the same name, with another uid, when its deletion was missed. */
      readonly old: T;
      readonly origin: Origin;
    }
  | {
      readonly type: "deleted";
      /** The last state known. */
      readonly object: T;
      /** The deletion itself was missed: `object` may be older than the object was at its end. */
      readonly finalStateUnknown: boolean;
      readonly origin: Origin;
    };

export type { Indexers } from "./indexes.ts";

/**
 * The objects of an informer, with indexes, in the newest state seen from anywhere.
 *
 * Two sources write to it: the watch, and the answers to our own writes, which come sooner. Every state carries a
 * resourceVersion, and an older one never replaces a newer. An object that we deleted stays away though the watch may
 * still tell of its former life. So a reconcile that follows our own write never sees what was before it.
 */
export class Store<T extends KubernetesObject> {
  readonly #objects = new Map<KeyString, Stored<T>>();
  readonly #indexes: Indexes<Stored<T>>;
  readonly #namespaces = new IndexMap();
  /** By namespace of the watch; `""` = the one of all namespaces. */
  readonly #ahead: ReadonlyMap<string, Ahead>;

  /** `namespaces` are those that are watched, each by a watch of its own; `[""]` = all, by one. */
  constructor(namespaces: readonly string[] = [""], onIndexError: IndexErrorHandler = () => {}) {
    this.#indexes = new Indexes(onIndexError);
    this.#ahead = new Map(namespaces.map((namespace) => [namespace, new Ahead()]));
  }

  /** How many writes and deletions of ours the watches have still to tell. */
  get unconfirmed(): number {
    let count = 0;
    for (const ahead of this.#ahead.values()) count += ahead.size;
    return count;
  }

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
    return this.#resolve(this.#indexes.named(index).get(value));
  }

  /** How many objects an indexer found under `value`. */
  countByIndex(index: string, value: string): number {
    return this.#indexes.named(index).count(value);
  }

  /** Adds indexers, over what is there too. @throws TypeError when a name stands for another function already. */
  addIndexers(indexers: Indexers<Stored<T>>): void {
    this.#indexes.add(indexers, this.#objects);
  }

  /**
   * Takes a new state of an object.
   *
   * @returns the change, or `undefined` when the state is not newer, or differs in nothing that was asked for.
   */
  upsert(object: Stored<T>, origin: Origin): Change<Stored<T>> | undefined {
    const { uid, resourceVersion } = object.metadata;
    const ahead = this.#aheadOf(object);
    // Of a namespace that no watch tells of.
    if (ahead === undefined) return undefined;
    const key = keyOf(object);
    // Of a life that we ended.
    if (ahead.isDeleted(key, object.metadata)) {
      if (origin === "watch") ahead.noteSeen(key, uid);
      return undefined;
    }
    const old = this.#objects.get(key);
    // The answer to our write was slower than the news that the object has gone again: nobody would tell that twice.
    if (old === undefined && origin === "write" && ahead.hasPassed(resourceVersion)) return undefined;
    const order = old === undefined ? 1 : compareResourceVersions(resourceVersion, old.metadata.resourceVersion);
    if (!isNews(order, origin, ahead.isWritten(key))) {
      if (order === 0 && origin !== "write") ahead.forgetWritten(key);
      return undefined;
    }
    if (origin === "write") ahead.noteWritten(key, resourceVersion);
    else ahead.forgetWritten(key);
    if (old !== undefined) this.#indexes.drop(key, old);
    this.#put(key, object);
    if (old === undefined) return { type: "added", object, origin };
    return sameProjection(old, object) ? undefined : { type: "updated", object, old, origin };
  }

  /** Whether this very state is here already, as the answer to a write of ours; the watch has told it now too. */
  confirm(identity: Identity): boolean {
    const known = this.known(identity);
    if (known === undefined) return false;
    this.#aheadOf(known)?.forgetWritten(keyOf(known));
    return true;
  }

  /** The object that `identity` is of, if it is here in that very state. */
  known({ namespace, name, uid, resourceVersion }: Identity): Stored<T> | undefined {
    const object = this.#objects.get(keyString(namespace, name));
    const { metadata } = object ?? {};
    return metadata?.resourceVersion === resourceVersion && metadata.uid === uid ? object : undefined;
  }

  /** Takes the watch's word that an object is gone, or that its selector leaves it out from now on. */
  remove(object: Stored<T>): Change<Stored<T>> | undefined {
    const { resourceVersion } = object.metadata;
    const key = keyOf(object);
    this.#aheadOf(object)?.noteGone(key, object.metadata);
    const old = this.#objects.get(key);
    // Newer than its end: another object has the name by now, or a write of ours has brought it back into the selection.
    if (old === undefined || compareResourceVersions(old.metadata.resourceVersion, resourceVersion) > 0)
      return undefined;
    this.#drop(key, old);
    return { type: "deleted", object: old, finalStateUnknown: false, origin: "watch" };
  }

  /** Notes that we deleted `object`: it is gone at once, and nothing that the watch still tells of it brings it back. */
  removeOwn(object: Stored<T>): Change<Stored<T>> | undefined {
    const { uid, resourceVersion } = object.metadata;
    const key = keyOf(object);
    const old = this.#objects.get(key);
    const ahead = this.#aheadOf(object);
    // The watch has told the end already, and will not tell it again.
    if (ahead === undefined || (old === undefined && ahead.hasPassed(resourceVersion))) return undefined;
    const isSame = old?.metadata.uid === uid;
    const isOlder = old !== undefined && compareResourceVersions(old.metadata.resourceVersion, resourceVersion) <= 0;
    // A later object has the name.
    if (old !== undefined && !isSame && !isOlder) return undefined;
    const last = isSame && !isOlder ? old.metadata.resourceVersion : resourceVersion;
    ahead.noteDeleted(key, { uid, resourceVersion: last, unseen: !isSame || ahead.isWritten(key) });
    if (old === undefined) return undefined;
    this.#drop(key, old);
    return { type: "deleted", object: old, finalStateUnknown: false, origin: "write" };
  }

  /**
   * The watch of `namespace` has told all up to `resourceVersion`.
   *
   * @returns the end of what we wrote and the watch passed over: its selector leaves it out.
   */
  progress(namespace: string, resourceVersion: string): readonly Change<Stored<T>>[] {
    const overdue = this.#ahead.get(namespace)?.advance(resourceVersion) ?? [];
    return overdue.length === 0 ? NO_CHANGES : overdue.flatMap((key) => this.#lose(key, "watch"));
  }

  /**
   * Begins to take a complete list of `namespace` (`""` = all). Until `finish` the store keeps serving what it has.
   *
   * A list is a most recent read: only writes of our own can be newer than what it has.
   */
  beginList(namespace: string): ListInProgress<Stored<T>> {
    this.#ahead.get(namespace)?.beginList();
    const seen = new Map<KeyString, string>();
    const behind: Stored<T>[] = [];
    const ahead = this.#ahead.get(namespace);
    return {
      add: (object) => {
        const key = keyOf(object);
        const { uid } = object.metadata;
        seen.set(key, uid);
        ahead?.noteListed(key);
        if (ahead?.isWritten(key) || ahead?.isDeleted(key, object.metadata)) behind.push(object);
        return this.upsert(object, "initial");
      },
      finish: (resourceVersion) => this.#finishList(namespace, { seen, behind, resourceVersion }),
    };
  }

  #finishList(namespace: string, list: TakenList<Stored<T>>): readonly Change<Stored<T>>[] {
    const { seen, behind, resourceVersion } = list;
    const ahead = this.#ahead.get(namespace);
    const changes: Change<Stored<T>>[] = [];
    if (ahead?.isRewoundBy(resourceVersion)) {
      ahead.forgetAll();
      for (const object of behind) changes.push(...some(this.upsert(object, "initial")));
    }
    const keys = namespace === "" ? this.#objects.keys() : this.#namespaces.get(namespace);
    for (const key of [...keys]) {
      if (seen.has(key) || this.#isNewerWrite(ahead, key, resourceVersion)) continue;
      changes.push(...this.#lose(key, "initial"));
    }
    ahead?.finishList(resourceVersion, seen);
    return changes;
  }

  /** Whether we wrote `key` after a list was read, which cannot know it then. */
  #isNewerWrite(ahead: Ahead | undefined, key: KeyString, listed: string): boolean {
    const object = this.#objects.get(key);
    if (object === undefined || !ahead?.isWritten(key)) return false;
    return compareResourceVersions(object.metadata.resourceVersion, listed) > 0;
  }

  /** Drops an object of whose end nobody told. */
  #lose(key: KeyString, origin: Origin): Change<Stored<T>>[] {
    const object = this.#objects.get(key);
    if (object === undefined) return [];
    this.#drop(key, object);
    return [{ type: "deleted", object, finalStateUnknown: true, origin }];
  }

  /** The watch that tells of an object's namespace. */
  #aheadOf(object: Stored<T>): Ahead | undefined {
    return this.#ahead.get("") ?? this.#ahead.get(object.metadata.namespace ?? "");
  }

  #put(key: KeyString, object: Stored<T>): void {
    this.#objects.set(key, object);
    this.#namespaces.add(object.metadata.namespace ?? "", key);
    this.#indexes.put(key, object);
  }

  #drop(key: KeyString, object: Stored<T>): void {
    this.#objects.delete(key);
    this.#aheadOf(object)?.forgetWritten(key);
    this.#namespaces.remove(object.metadata.namespace ?? "", key);
    this.#indexes.drop(key, object);
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
  finish(resourceVersion: string): readonly Change<T>[];
}

/** A list that has been taken. */
interface TakenList<T> {
  /** The uids of its objects by their keys. */
  readonly seen: ReadonlyMap<KeyString, string>;
  /** Its objects of which a write or deletion of our own may be newer. */
  readonly behind: readonly T[];
  readonly resourceVersion: string;
}

const NO_CHANGES: readonly never[] = [];

const some = <T>(value: T | undefined): T[] => (value === undefined ? [] : [value]);

/**
 * Whether a state replaces the one that is held; `order` compares it with that.
 *
 * A list counts even where it has the same resourceVersion: it may be decoded with a wider projection. And where it is
 * older, unless we wrote meanwhile: then the server's history went back, and what it has now is what counts.
 */
const isNews = (order: number, origin: Origin, isWritten: boolean): boolean => {
  if (order > 0) return true;
  return origin === "initial" && (order === 0 || !isWritten);
};
