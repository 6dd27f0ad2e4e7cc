/**
 * The name that was probably meant by another one: the one that takes the fewest changes of a letter, where those are
 * few for its length. A letter in the other case is no change.
 */
export const nearest = (name: string, names: readonly string[]): string | undefined => {
  const wanted = name.toLowerCase();
  let best: { readonly name: string; readonly changes: number } | undefined;
  for (const candidate of names) {
    const limit = Math.min(3, Math.max(wanted.length, candidate.length) / 3);
    // Each letter more or less is a change: most names need no closer look.
    if (Math.abs(candidate.length - wanted.length) > limit) continue;
    const changes = distance(wanted, candidate.toLowerCase());
    if (changes <= limit && (!best || changes < best.changes)) best = { name: candidate, changes };
  }
  return best?.name;
};

/** Longest name that is compared: every function's is shorter. */
const LONGEST = 40;

/** Letters to add, take out, replace or exchange with their neighbour, to make one name of another. */
const distance = (from: string, to: string): number => {
  if (from.length > LONGEST) return Number.POSITIVE_INFINITY;
  // For each beginning of `to`: the changes from the letters of `from` so far, from one letter fewer, and from two.
  let row = Array.from({ length: to.length + 1 }, (_, j) => j);
  let above: readonly number[] = row;
  for (let i = 1; i <= from.length; i++) {
    const twoAbove = above;
    above = row;
    row = [i];
    for (let j = 1; j <= to.length; j++) {
      const replaced = (above[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1);
      let fewest = Math.min((above[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, replaced);
      const isExchange = i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1];
      if (isExchange) fewest = Math.min(fewest, (twoAbove[j - 2] ?? 0) + 1);
      row.push(fewest);
    }
  }
  return row[to.length] ?? 0;
};
