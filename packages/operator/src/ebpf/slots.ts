import { SLOTS } from "./layout.ts";

/** Which slots of the node's maps belong to Pods. What is taken stays with its Pod over restarts, in the Pod's `meta`. */
export class Slots {
  readonly #taken = new Set<number>();

  /** The lowest free slot, taken; `undefined` where there is none. */
  take(): number | undefined {
    for (let slot = 0; slot < SLOTS; slot++) {
      if (this.claim(slot)) return slot;
    }
    return undefined;
  }

  /** Takes this slot; `false` where it is taken, or is no slot. */
  claim(slot: number): boolean {
    if (this.#taken.has(slot) || slot < 0 || slot >= SLOTS) return false;
    this.#taken.add(slot);
    return true;
  }

  free(slot: number): void {
    this.#taken.delete(slot);
  }

  get size(): number {
    return this.#taken.size;
  }

  get taken(): ReadonlySet<number> {
    return this.#taken;
  }
}
