import type { KeyString } from "../object.ts";
import { compareResourceVersions } from "./resource-version.ts";

/** The last object of a name that we deleted, and whose deletion the watch has not told yet. */
export interface Deleted {
  readonly uid: string;
  /** Of the state that we deleted. */
  readonly resourceVersion: string;
  /** The watch has not shown that object, and may never do so: its selector may leave it out. */
  unseen: boolean;
}

/**
 * What the answers to our own writes have told and one watch has not: how far they are ahead of it.
 *
 * A watch tells everything up to its position, in order. So a write of ours that the watch has passed without showing
 * it will never be shown: the object is gone again, or the selector leaves it out. That bounds what is kept here.
 */
export class Ahead {
  #position: string | undefined;
  /** Keys of objects that we wrote in a state that neither watch nor list has shown, with its resourceVersion. */
  readonly #written = new Map<KeyString, string>();
  readonly #deleted = new Map<KeyString, Deleted>();
  /** Keys of what we deleted before the list under way was asked for. */
  #deletedBefore: ReadonlySet<KeyString> = new Set();

  /** How many writes and deletions of ours the watch has still to tell. */
  get size(): number {
    return this.#written.size + this.#deleted.size;
  }

  /** Whether the watch has told all up to `resourceVersion`. */
  hasPassed(resourceVersion: string): boolean {
    return this.#position !== undefined && compareResourceVersions(resourceVersion, this.#position) <= 0;
  }

  isWritten(key: KeyString): boolean {
    return this.#written.has(key);
  }

  noteWritten(key: KeyString, resourceVersion: string): void {
    // Taken out first, so that the map stays in the order of the writes.
    this.#written.delete(key);
    this.#written.set(key, resourceVersion);
  }

  /** The watch or a list has shown the state that we wrote, or a newer one; or the object is gone. */
  forgetWritten(key: KeyString): void {
    this.#written.delete(key);
  }

  /** Whether a state of `key` is from before our deletion. */
  isDeleted(key: KeyString, { uid, resourceVersion }: Pick<Deleted, "uid" | "resourceVersion">): boolean {
    const deleted = this.#deleted.get(key);
    if (deleted === undefined) return false;
    return deleted.uid === uid || compareResourceVersions(resourceVersion, deleted.resourceVersion) <= 0;
  }

  noteDeleted(key: KeyString, deleted: Deleted): void {
    if (this.isDeleted(key, deleted)) return;
    this.#deleted.set(key, deleted);
    this.#deletedBefore = without(this.#deletedBefore, key);
  }

  /** The watch has shown `uid`, so it will tell its deletion too. */
  noteSeen(key: KeyString, uid: string): void {
    const deleted = this.#deleted.get(key);
    if (deleted?.unseen && deleted.uid === uid) deleted.unseen = false;
  }

  /** The watch has told that `uid` is gone: deleted, or, before the state that we deleted, left out by the selector. */
  noteGone(key: KeyString, { uid, resourceVersion }: Pick<Deleted, "uid" | "resourceVersion">): void {
    const deleted = this.#deleted.get(key);
    if (deleted?.uid !== uid) return;
    if (compareResourceVersions(resourceVersion, deleted.resourceVersion) > 0) this.#deleted.delete(key);
    else deleted.unseen = true;
  }

  /**
   * The watch has told all up to `resourceVersion`.
   *
   * @returns the keys that we wrote in a state that it has passed without a word.
   */
  advance(resourceVersion: string): readonly KeyString[] {
    if (!this.hasPassed(resourceVersion)) this.#position = resourceVersion;
    if (this.size === 0) return NONE;
    // Only from the oldest on: this runs for each event, and answers come in about the order of the writes.
    for (const [key, deleted] of this.#deleted) {
      if (!deleted.unseen || !this.hasPassed(deleted.resourceVersion)) break;
      this.#deleted.delete(key);
    }
    const overdue: KeyString[] = [];
    for (const [key, written] of this.#written) {
      if (!this.hasPassed(written)) break;
      this.#written.delete(key);
      overdue.push(key);
    }
    return overdue;
  }

  /** A list is asked for: a most recent read, so it has all that we wrote before, or what came after that. */
  beginList(): void {
    this.#written.clear();
    this.#deletedBefore = new Set(this.#deleted.keys());
  }

  /** A list shows `key`. Where we deleted it before, it is another object, or the server's history went back. */
  noteListed(key: KeyString): void {
    if (this.#deletedBefore.has(key)) this.#deleted.delete(key);
  }

  /** Whether a list at `resourceVersion` shows that the server's history went back (etcd restored from a backup). */
  isRewoundBy(resourceVersion: string): boolean {
    return this.#position !== undefined && compareResourceVersions(resourceVersion, this.#position) < 0;
  }

  /** The history in which we wrote and deleted is no more. */
  forgetAll(): void {
    this.#written.clear();
    this.#deleted.clear();
  }

  /** The list is complete, at `resourceVersion`; `seen` are the uids in it by their keys. The watch goes on from there. */
  finishList(resourceVersion: string, seen: ReadonlyMap<KeyString, string>): void {
    this.#position = resourceVersion;
    for (const [key, deleted] of this.#deleted) {
      if (this.#deletedBefore.has(key)) this.#deleted.delete(key);
      // Deleted while the list was under way. Where the list does not have the object, no watch that goes on from it
      // need tell the deletion.
      else deleted.unseen = seen.get(key) !== deleted.uid;
    }
    this.#deletedBefore = new Set();
  }
}

const NONE: readonly KeyString[] = [];

const without = <T>(set: ReadonlySet<T>, value: T): ReadonlySet<T> =>
  set.has(value) ? set.difference(new Set([value])) : set;
