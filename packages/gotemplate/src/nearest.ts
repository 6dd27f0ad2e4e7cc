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
  const rows: number[][] = [[...Array(to.length + 1).keys()]];
  for (let i = 1; i <= from.length; i++) {
    const row = [i];
    for (let j = 1; j <= to.length; j++) {
      const at = (back: number, left: number): number => (back === 0 ? row : rows[i - back])?.[j - left] ?? 0;
      const replaced = at(1, 1) + (from[i - 1] === to[j - 1] ? 0 : 1);
      const exchanged = i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1];
      row.push(Math.min(at(1, 0) + 1, at(0, 1) + 1, replaced, exchanged ? at(2, 2) + 1 : replaced));
    }
    rows.push(row);
  }
  return rows[from.length]?.[to.length] ?? 0;
};
