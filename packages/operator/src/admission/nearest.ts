/** The insertions, deletions, replacements and swaps of neighbours that make `a` of `b`. Source: optimal string alignment. */
const distance = (a: string, b: string): number => {
  let beforeLast: readonly number[] = [];
  let last: readonly number[] = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const kept = (last[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const areSwapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const swapped = areSwapped ? (beforeLast[j - 2] ?? 0) + 1 : Number.POSITIVE_INFINITY;
      row.push(Math.min(kept, swapped, (last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1));
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length] ?? 0;
};

/** Longer words are no misspelling of a name; comparing costs their length. */
const LONGEST = 64;

/**
 * The one of `candidates` that a misspelt `word` was surely meant to be: the same but for capitals, or at most a third of its
 * characters (and never more than three) away. The first of several that are as near.
 */
export const nearest = (word: string, candidates: Iterable<string>): string | undefined => {
  if (word.length > LONGEST) return undefined;
  const lower = word.toLowerCase();
  let best: { readonly name: string; readonly away: number } | undefined;
  const limit = Math.min(3, Math.floor(word.length / 3));
  for (const name of candidates) {
    if (Math.abs(name.length - word.length) > limit) continue;
    const away = distance(lower, name.toLowerCase());
    if (away <= limit && (best === undefined || away < best.away)) best = { name, away };
  }
  return best?.name;
};

/** `: did you mean open?`, or nothing. */
export const didYouMean = (word: string, candidates: Iterable<string>): string => {
  const name = nearest(word, candidates);
  return name === undefined ? "" : `: did you mean ${name}?`;
};
