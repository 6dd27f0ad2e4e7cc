import type { Program } from "./program.ts";

/** Which programs a worker has, and which of them it drops to make room: those that were used least recently. */
export class KnownPrograms {
  /** Sizes by number, the one used last at the end. */
  readonly #sizes = new Map<number, number>();
  readonly #limit: number;
  #size = 0;

  /** @param limit bytes of all programs. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Says that a program is used next. Returns whether the worker has it, and what it may forget. */
  use({ number, size }: Program): { readonly known: boolean; readonly forget: readonly number[] } {
    const known = this.#sizes.has(number);
    this.drop(number);
    this.#sizes.set(number, size);
    this.#size += size;
    const forget: number[] = [];
    for (const oldest of this.#sizes.keys()) {
      if (this.#size <= this.#limit || oldest === number) break;
      this.drop(oldest);
      forget.push(oldest);
    }
    return { known, forget };
  }

  /** Says that the worker does not have it after all. */
  drop(number: number): void {
    this.#size -= this.#sizes.get(number) ?? 0;
    this.#sizes.delete(number);
  }
}
