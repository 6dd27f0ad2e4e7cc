import type { KeyString } from "../object.ts";
import { type IndexFunction, IndexMap } from "./index-map.ts";

/** Named functions that say under which values an object is found with `byIndex`. They must be pure. */
export type Indexers<T> = Readonly<Record<string, IndexFunction<T>>>;

interface Index<T> {
  readonly indexer: IndexFunction<T>;
  readonly map: IndexMap;
}

/** Is told of what an indexer throws. The object is then found under no value of that index. */
export type IndexErrorHandler = (index: string, error: unknown) => void;

/** The indexes of a store, by name. */
export class Indexes<T> {
  readonly #indexes = new Map<string, Index<T>>();
  readonly #onError: IndexErrorHandler;

  constructor(onError: IndexErrorHandler) {
    this.#onError = onError;
  }

  /**
   * Adds indexers, over the objects that are there. The same function under the same name is shared.
   *
   * @throws TypeError when a name stands for another function already; nothing is added then.
   */
  add(indexers: Indexers<T>, objects: ReadonlyMap<KeyString, T>): void {
    const added = Object.entries(indexers).filter(([name, indexer]) => this.#indexes.get(name)?.indexer !== indexer);
    for (const [name] of added) {
      if (this.#indexes.has(name)) throw new TypeError(`there is another index ${name} already`);
    }
    for (const [name, indexer] of added) {
      const map = new IndexMap();
      this.#indexes.set(name, { indexer, map });
      for (const [key, object] of objects) {
        for (const value of this.#values(name, indexer, object)) map.add(value, key);
      }
    }
  }

  /** Takes an object in. */
  put(key: KeyString, object: T): void {
    for (const [name, { indexer, map }] of this.#indexes) {
      for (const value of this.#values(name, indexer, object)) map.add(value, key);
    }
  }

  /** Takes an object out; it must be the one that was put. */
  drop(key: KeyString, object: T): void {
    for (const [name, { indexer, map }] of this.#indexes) {
      for (const value of this.#values(name, indexer, object)) map.remove(value, key);
    }
  }

  /** @throws TypeError when there is no index of that name. */
  named(name: string): IndexMap {
    const index = this.#indexes.get(name);
    if (index === undefined) throw new TypeError(`there is no index ${name}`);
    return index.map;
  }

  /** Contains what an indexer throws: one odd object must not keep the watch from telling of all others. */
  #values(name: string, indexer: IndexFunction<T>, object: T): readonly string[] {
    try {
      const values = indexer(object) ?? NOTHING;
      return typeof values === "string" ? [values] : values;
    } catch (error) {
      this.#onError(name, error);
      return NOTHING;
    }
  }
}

const NOTHING: readonly string[] = [];
