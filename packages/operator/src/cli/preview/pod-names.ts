import { MAX_NAME } from "../../api/syntax.ts";

/** Kubernetes' own for what it generates: a Pod's name should do for its host name too. */
const MAX_GENERATED = 63;
/** Characters that the API server adds to a prefix. */
const RANDOM = 5;

/** How the name of a Pod that has none begins, and what its maker adds: an ordinal, or characters that nobody can foretell. */
export interface NameWish {
  readonly prefix: string;
  readonly ending: "ordinal" | "random";
}

/** The names of the Pods of one namespace. */
export class PodNames {
  readonly #taken: Set<string>;
  /** How many were made up for a wish: who has 10,000 of one kind would wait for a search from the first. */
  readonly #counts = new Map<string, number>();

  constructor(taken: readonly string[]) {
    this.#taken = new Set(taken);
  }

  /** A name that no other Pod has: `web-xxxxx`, then `web-xxxx2`; `web-0`, then `web-1`. The same each time. */
  makeUp(wish: NameWish): string {
    const key = `${wish.ending} ${wish.prefix}`;
    let count = this.#counts.get(key) ?? 0;
    let name: string;
    do name = nameOf(wish, ++count);
    while (this.#taken.has(name));
    this.#counts.set(key, count);
    this.#taken.add(name);
    return name;
  }
}

const nameOf = ({ prefix, ending }: NameWish, count: number): string => {
  if (ending === "ordinal") return joined(prefix, `${count - 1}`, MAX_NAME);
  return joined(prefix, count === 1 ? "x".repeat(RANDOM) : `${count}`.padStart(RANDOM, "x"), MAX_GENERATED);
};

const joined = (prefix: string, suffix: string, most: number): string =>
  `${prefix.slice(0, most - suffix.length)}${suffix}`;
