/** A power of two; a slot costs 8 bytes. */
const SLOTS = 4_096;
/** Longer strings are rarely repeated, and comparing them costs more than making them. */
const LONGEST = 64;

/**
 * Strings seen lately, found again by their bytes. Field names, label values, namespaces and node names come back in
 * every object of a list: taking them from here saves the call that makes a string, and 10,000 cached Pods share one
 * copy of `"kube-system"`.
 *
 * A slot holds the last string that fell into it, so the table never grows.
 */
export class StringTable {
  readonly #slots: string[] = new Array<string>(SLOTS).fill("");

  /** The string of the ASCII bytes `bytes[start, end)` whose hash (31-multiplicative, 32 bits) is `hash`. */
  ascii(bytes: Buffer, start: number, end: number, hash: number): string {
    const length = end - start;
    if (length > LONGEST) return bytes.toString("latin1", start, end);
    const slot = (hash ^ (hash >>> 15)) & (SLOTS - 1);
    const seen = this.#slots[slot] as string;
    if (seen.length === length && sameBytes(seen, bytes, start)) return seen;
    const made = bytes.toString("latin1", start, end);
    this.#slots[slot] = made;
    return made;
  }
}

const sameBytes = (text: string, bytes: Buffer, start: number): boolean => {
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) !== bytes[start + i]) return false;
  }
  return true;
};
