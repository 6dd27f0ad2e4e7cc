/** Templates that are compiled together. Workers know it by its number. */
export interface Program {
  readonly number: number;
  readonly sources: readonly string[];
  readonly zeroMissing: boolean;
  /** About how many bytes it takes in a worker. */
  readonly size: number;
}

// What a compiled template takes besides what grows with its source.
const EACH = 2_000;
const BY_CHARACTER = 20;

/** Makes a program. */
export const programOf = (number: number, sources: readonly string[], zeroMissing: boolean): Program => ({
  number,
  sources,
  zeroMissing,
  size: sources.reduce((size, source) => size + EACH + BY_CHARACTER * source.length, 0),
});

/**
 * Gives the same program to whoever compiles the same templates, so that workers keep it once. It forgets those that have
 * not been asked for of late.
 */
export class Programs {
  readonly #byContent = new Map<string, Program>();
  readonly #limit: number;
  #size = 0;
  #last = 0;

  /** @param limit characters of all sources. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get(sources: readonly string[], zeroMissing: boolean): Program {
    // Lengths first: no two lists of sources give the same text.
    const content = `${zeroMissing} ${sources.map((source) => source.length).join()} ${sources.join("")}`;
    const program = this.#byContent.get(content) ?? programOf(this.next(), sources, zeroMissing);
    if (!this.#byContent.delete(content)) this.#size += content.length;
    this.#byContent.set(content, program);
    for (const oldest of this.#byContent.keys()) {
      if (this.#size <= this.#limit || oldest === content) break;
      this.#byContent.delete(oldest);
      this.#size -= oldest.length;
    }
    return program;
  }

  /** A number that no program has. */
  next(): number {
    this.#last += 1;
    return this.#last;
  }
}
