/** A run of lines that both texts have, or that only one of them has. */
export interface Run {
  readonly kind: "same" | "removed" | "added";
  readonly lines: readonly string[];
}

/** Differences past this many lines are not searched for the shortest form: time and memory grow with its square. */
const MAX_EDITS = 1_000;
/** Lines that are replaced as a whole: more would be no help to who reads them. */
const MAX_REPLACED = 20_000;

/** Texts that differ in so many lines that it is no use to name them. */
export interface FarApart {
  /** At most so many lines differ, those of both texts counted. */
  readonly lines: number;
}

/**
 * The shortest way from `before` to `after`, line by line. Past `MAX_EDITS` lines that differ, what is between the first and
 * the last of them is replaced as a whole, as long as that is a few lines.
 *
 * Source: E. Myers, An O(ND) Difference Algorithm and Its Variations (1986).
 */
export const diffLines = (before: readonly string[], after: readonly string[]): readonly Run[] | FarApart => {
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start]) start++;
  let end = 0;
  const rest = Math.min(before.length, after.length) - start;
  while (end < rest && before[before.length - 1 - end] === after[after.length - 1 - end]) end++;
  const removed = before.slice(start, before.length - end);
  const added = after.slice(start, after.length - end);
  const changed = middle(removed, added);
  if ("lines" in changed) return changed;
  return joined([
    { kind: "same", lines: before.slice(0, start) },
    ...changed,
    { kind: "same", lines: before.slice(before.length - end) },
  ]);
};

const middle = (before: readonly string[], after: readonly string[]): readonly Run[] | FarApart => {
  const whole: readonly Run[] = [
    { kind: "removed", lines: before },
    { kind: "added", lines: after },
  ];
  if (before.length === 0 || after.length === 0) return whole;
  const trace = search(before, after);
  if (trace !== undefined) return walkBack(trace, before, after);
  const lines = before.length + after.length;
  return lines > MAX_REPLACED ? { lines } : whole;
};

/** For each number of edits, how far in `before` each diagonal (index in `before` less that in `after`) was reached before it. */
type Trace = readonly ReadonlyMap<number, number>[];

const search = (before: readonly string[], after: readonly string[]): Trace | undefined => {
  const trace: Map<number, number>[] = [];
  let reached = new Map<number, number>([[1, 0]]);
  for (let edits = 0; edits <= Math.min(before.length + after.length, MAX_EDITS); edits++) {
    trace.push(reached);
    const next = new Map<number, number>();
    for (let diagonal = -edits; diagonal <= edits; diagonal += 2) {
      let x = stepTo(reached, diagonal, edits);
      while (x < before.length && x - diagonal < after.length && before[x] === after[x - diagonal]) x++;
      if (x >= before.length && x - diagonal >= after.length) return trace;
      next.set(diagonal, x);
    }
    reached = next;
  }
  return undefined;
};

const isDown = (reached: ReadonlyMap<number, number>, diagonal: number, edits: number): boolean =>
  diagonal === -edits || (diagonal !== edits && (reached.get(diagonal - 1) ?? -1) < (reached.get(diagonal + 1) ?? -1));

/** Where an edit leads on `diagonal`: down (a line is added) or right (one is removed). */
const stepTo = (reached: ReadonlyMap<number, number>, diagonal: number, edits: number): number =>
  isDown(reached, diagonal, edits) ? (reached.get(diagonal + 1) ?? 0) : (reached.get(diagonal - 1) ?? 0) + 1;

const walkBack = (trace: Trace, before: readonly string[], after: readonly string[]): readonly Run[] => {
  const runs: Run[] = [];
  let x = before.length;
  let y = after.length;
  for (let edits = trace.length - 1; edits > 0; edits--) {
    const reached = trace[edits] ?? new Map<number, number>();
    const diagonal = x - y;
    const isAdded = isDown(reached, diagonal, edits);
    const behind = stepTo(reached, diagonal, edits);
    runs.push({ kind: "same", lines: before.slice(behind, x) });
    x = isAdded ? behind : behind - 1;
    y = isAdded ? behind - diagonal - 1 : behind - diagonal;
    runs.push(
      isAdded ? { kind: "added", lines: after.slice(y, y + 1) } : { kind: "removed", lines: before.slice(x, x + 1) },
    );
  }
  runs.push({ kind: "same", lines: before.slice(0, x) });
  return runs.reverse();
};

/** Neighbours of one kind as one run; of what is replaced, what is removed stands first. */
const joined = (runs: readonly Run[]): readonly Run[] => {
  const result: Run[] = [];
  let removed: string[] = [];
  let added: string[] = [];
  const flush = () => {
    if (removed.length > 0) result.push({ kind: "removed", lines: removed });
    if (added.length > 0) result.push({ kind: "added", lines: added });
    removed = [];
    added = [];
  };
  for (const { kind, lines } of runs) {
    if (lines.length === 0) continue;
    if (kind === "removed") removed = removed.concat(lines);
    if (kind === "added") added = added.concat(lines);
    if (kind !== "same") continue;
    flush();
    const last = result.at(-1);
    if (last?.kind === "same") result[result.length - 1] = { kind: "same", lines: [...last.lines, ...lines] };
    else result.push({ kind, lines });
  }
  flush();
  return result;
};
