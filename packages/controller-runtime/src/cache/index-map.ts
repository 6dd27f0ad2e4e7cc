import type { KeyString } from "../object.ts";

/** The values under which an object is to be found. */
export type IndexFunction<T> = (object: T) => string | readonly string[] | undefined;

/** Values to keys. Most values have one key, and a `Set` for each would cost more than the entry: so it is kept bare. */
export class IndexMap {
  readonly #keys = new Map<string, KeyString | Set<KeyString>>();

  add(value: string, key: KeyString): void {
    const present = this.#keys.get(value);
    if (present === undefined) this.#keys.set(value, key);
    else if (typeof present !== "string") present.add(key);
    else if (present !== key) this.#keys.set(value, new Set([present, key]));
  }

  remove(value: string, key: KeyString): void {
    const present = this.#keys.get(value);
    if (present === undefined) return;
    if (typeof present === "string") {
      if (present === key) this.#keys.delete(value);
      return;
    }
    present.delete(key);
    if (present.size === 0) this.#keys.delete(value);
  }

  /** The keys under `value`. Do not change the index while iterating. */
  get(value: string): Iterable<KeyString> {
    const present = this.#keys.get(value);
    if (present === undefined) return [];
    return typeof present === "string" ? [present] : present;
  }

  /** How many keys stand under `value`. */
  count(value: string): number {
    const present = this.#keys.get(value);
    if (present === undefined) return 0;
    return typeof present === "string" ? 1 : present.size;
  }

  /** All values that have a key. */
  values(): Iterable<string> {
    return this.#keys.keys();
  }
}
