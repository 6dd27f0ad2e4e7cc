import { diffLines, type FarApart, type Run } from "./line-diff.ts";

/** The two sides of a diff. A text that is `undefined` is not there. */
export interface DiffSides {
  readonly name: string;
  readonly before: string | undefined;
  readonly after: string | undefined;
}

/** Lines shown around a change. */
const CONTEXT = 3;

const COLORS = { head: "\u001b[1m", hunk: "\u001b[36m", removed: "\u001b[31m", added: "\u001b[32m", end: "\u001b[0m" };
type Color = Exclude<keyof typeof COLORS, "end">;
/** How a line is coloured, or not. */
type Paint = (color: Color, line: string) => string;

const plain: Paint = (_color, line) => line;
const colored: Paint = (color, line) => `${COLORS[color]}${line}${COLORS.end}`;

/** A unified diff as `diff -u` prints it, or one line where they differ beyond reason; empty where the texts are the same. Both end with a line break. */
export const unifiedDiff = ({ name, before, after }: DiffSides, { color }: { readonly color: boolean }): string => {
  if (before === after) return "";
  const paint = color ? colored : plain;
  const head = [
    paint("head", before === undefined ? "--- /dev/null" : `--- live/${name}`),
    paint("head", after === undefined ? "+++ /dev/null" : `+++ preview/${name}`),
  ];
  const runs = diffLines(linesOf(before), linesOf(after));
  if ("lines" in runs) return `${paint("head", farApart(name, runs))}\n`;
  const hunks = hunksOf(runs);
  return `${[...head, ...hunks.flatMap((hunk) => hunkLines(hunk, paint))].join("\n")}\n`;
};

/** As `diff` says it of files that it does not show. */
const farApart = (name: string, { lines }: FarApart): string =>
  `live/${name} and preview/${name} differ by up to ${lines} lines: too many to show`;

const linesOf = (text: string | undefined): string[] => (text === undefined ? [] : text.replace(/\n$/, "").split("\n"));

interface Line {
  readonly kind: Run["kind"];
  readonly text: string;
  /** How many lines of each side are before it. */
  readonly before: number;
  readonly after: number;
}

const numbered = (runs: readonly Run[]): readonly Line[] => {
  let before = 0;
  let after = 0;
  return runs.flatMap(({ kind, lines }) =>
    lines.map((text) => {
      const line = { kind, text, before, after };
      if (kind !== "added") before++;
      if (kind !== "removed") after++;
      return line;
    }),
  );
};

/** Changes with the lines around them; those that are near each other together. */
const hunksOf = (runs: readonly Run[]): readonly (readonly Line[])[] => {
  const lines = numbered(runs);
  const ranges: { readonly start: number; end: number }[] = [];
  for (const [index, { kind }] of lines.entries()) {
    if (kind === "same") continue;
    const start = Math.max(index - CONTEXT, 0);
    const end = index + CONTEXT + 1;
    const last = ranges.at(-1);
    if (last !== undefined && start <= last.end) last.end = end;
    else ranges.push({ start, end });
  }
  return ranges.map(({ start, end }) => lines.slice(start, end));
};

const SIGNS = { same: " ", removed: "-", added: "+" } as const;

const hunkLines = (hunk: readonly Line[], paint: Paint): readonly string[] => {
  const [first = { before: 0, after: 0 }] = hunk;
  const without = (kind: Run["kind"]) => hunk.filter((line) => line.kind !== kind).length;
  const head = `@@ -${range(first.before, without("added"))} +${range(first.after, without("removed"))} @@`;
  const lines = hunk.map(({ kind, text }) => (kind === "same" ? ` ${text}` : paint(kind, `${SIGNS[kind]}${text}`)));
  return [paint("hunk", head), ...lines];
};

/** As `diff` writes it: an empty range names the line before it. */
const range = (start: number, count: number): string => {
  const first = count === 0 ? start : start + 1;
  return count === 1 ? `${first}` : `${first},${count}`;
};
