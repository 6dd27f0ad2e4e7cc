import type { KeyString } from "../object.ts";
import { compareResourceVersions } from "./resource-version.ts";

/** An object that we deleted and whose deletion the watch has not told yet. */
interface Deleted {
  readonly key: KeyString;
  /** Of the state that we deleted. */
  readonly resourceVersion: string;
  /** The watch has not shown that state, and may never do so: its selector may leave it out. */
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
  /** By uid. */
  readonly #deleted = new Map<string, Deleted>();

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

  noteDeleted(uid: string, deleted: Deleted): void {
    this.#deleted.set(uid, deleted);
  }

  /** The watch has told the deletion. */
  forgetDeleted(uid: string): void {
    this.#deleted.delete(uid);
  }

  /** Whether we deleted `uid`, of whose former life the watch or a list still tells. */
  isDeleted(uid: string): boolean {
    const deleted = this.#deleted.get(uid);
    if (deleted === undefined) return false;
    deleted.unseen = false;
    return true;
  }

  /**
   * The watch has told all up to `resourceVersion`.
   *
   * @returns the keys that we wrote in a state that it has passed without a word.
   */
  advance(resourceVersion: string): readonly KeyString[] {
    if (!this.hasPassed(resourceVersion)) this.#position = resourceVersion;
    if (this.size === 0) return NONE;
    for (const [uid, { unseen, resourceVersion: last }] of this.#deleted) {
      if (!unseen || !this.hasPassed(last)) break;
      this.#deleted.delete(uid);
    }
    const overdue: KeyString[] = [];
    // Only from the oldest on: this runs for each event, and answers come in about the order of the writes.
    for (const [key, written] of this.#written) {
      if (!this.hasPassed(written)) break;
      this.#written.delete(key);
      overdue.push(key);
    }
    return overdue;
  }

  /** A list is asked for: a most recent read, so what we deleted before is not in it, and no watch tells of it again. */
  beginList(): void {
    this.#deleted.clear();
  }

  /** Whether a list at `resourceVersion` shows that the server's history went back (etcd restored from a backup). */
  isRewoundBy(resourceVersion: string): boolean {
    return this.#position !== undefined && compareResourceVersions(resourceVersion, this.#position) < 0;
  }

  /** The history in which we wrote is no more. */
  forgetAllWritten(): void {
    this.#written.clear();
  }

  /** The list is complete, at `resourceVersion`; `seen` are the uids in it by their keys. The watch goes on from there. */
  finishList(resourceVersion: string, seen: ReadonlyMap<KeyString, string>): void {
    this.#position = resourceVersion;
    for (const [uid, { key, resourceVersion: last }] of this.#deleted) {
      // The list is from after the state that we deleted, and does not have it: it is from after the deletion too.
      if (this.hasPassed(last) && seen.get(key) !== uid) this.#deleted.delete(uid);
    }
  }
}

const NONE: readonly KeyString[] = [];
