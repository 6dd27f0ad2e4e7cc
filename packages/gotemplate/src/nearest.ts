/**
 * The name that was probably meant by another one: the one that takes the fewest changes of a letter, where those are
 * few for its length. A letter in the other case is no change.
 */
export const nearest = (name: string, names: readonly string[]): string | undefined => {
  const wanted = name.toLowerCase();
  if (wanted.length > LONGEST) return undefined;
  let best: { readonly name: string; readonly changes: number } | undefined;
  for (const candidate of names) {
    const fewer = best === undefined ? MOST_CHANGES : best.changes - 1;
    const limit = Math.min(fewer, Math.max(wanted.length, candidate.length) / 3);
    // Each letter more or less is a change: most names need no closer look.
    if (Math.abs(candidate.length - wanted.length) > limit) continue;
    const changes = distance(wanted, candidate.toLowerCase(), limit);
    if (changes <= limit) best = { name: candidate, changes };
  }
  return best?.name;
};

/** Longest name that is compared: every function's is shorter. */
const LONGEST = 40;
const MOST_CHANGES = 3;

const row = () => new Uint8Array(LONGEST + MOST_CHANGES + 1);
/** The rows of `distance`, used again and again. */
const ROWS = [row(), row(), row()] as const;

/**
 * Letters to add, take out, replace or exchange with their neighbour, to make one name of another; Infinity beyond `limit`.
 * Source: optimal string alignment.
 */
const distance = (from: string, to: string, limit: number): number => {
  // For each beginning of `to`: the changes from the letters of `from` so far, from one letter fewer, and from two.
  let [row, above, twoAbove] = ROWS;
  for (let j = 0; j <= to.length; j++) row[j] = j;
  for (let i = 1; i <= from.length; i++) {
    [row, above, twoAbove] = [twoAbove, row, above];
    row[0] = i;
    let least = i;
    let left = i;
    for (let j = 1; j <= to.length; j++) {
      const replaced = (above[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1);
      left = Math.min((above[j] ?? 0) + 1, left + 1, replaced);
      const isExchange = i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1];
      if (isExchange) left = Math.min(left, (twoAbove[j - 2] ?? 0) + 1);
      row[j] = left;
      least = Math.min(least, left);
    }
    // No row has less than the one above: an exchange skips one, but adds the one change that a row can add at most.
    if (least > limit) return Number.POSITIVE_INFINITY;
  }
  return row[to.length] ?? 0;
};
