export interface ShrinkOptions {
  /** Looks at the most. Default: as many as it takes. */
  readonly tries?: number;
  /** Asked before each look; false ends the search with the shortest found so far. */
  readonly mayGoOn?: () => boolean;
}

export interface Shrunk<T> {
  /** Fails, and is a part of the original in its order. */
  readonly items: readonly T[];
  /** Looks taken. */
  readonly tries: number;
  /** Whether no single item can be left out: false where the search was cut short. */
  readonly minimal: boolean;
}

/**
 * Shortens a list that fails, by leaving out ever smaller parts as long as the rest still fails (Zeller's ddmin, reduced to
 * complements). `items` is taken to fail and is not looked at.
 */
export const shrink = async <T>(
  items: readonly T[],
  fails: (part: readonly T[]) => Promise<boolean>,
  { tries: limit = Number.POSITIVE_INFINITY, mayGoOn = () => true }: ShrinkOptions = {},
): Promise<Shrunk<T>> => {
  let shortest = items;
  let tries = 0;
  for (let size = Math.ceil(shortest.length / 2); shortest.length > 0; ) {
    const before = shortest.length;
    for (let at = 0; at < shortest.length; ) {
      if (tries >= limit || !mayGoOn()) return { items: shortest, tries, minimal: false };
      const rest = shortest.toSpliced(at, size);
      tries++;
      if (await fails(rest)) shortest = rest;
      else at += size;
    }
    // One at a time, until nothing goes any more: what was needed may not be after something else went.
    if (size === 1 && shortest.length === before) break;
    size = Math.max(1, Math.floor(Math.min(size, shortest.length) / 2));
  }
  return { items: shortest, tries, minimal: true };
};
