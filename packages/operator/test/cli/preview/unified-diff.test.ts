/*
 * Invariants:
 * - Whoever applies the diff to the text before has the text after; no difference is no diff.
 * - It is the shortest, as long as the texts do not differ beyond reason.
 */
import { stripVTControlCharacters } from "node:util";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { diffLines, type Run } from "../../../src/cli/preview/line-diff.ts";
import { unifiedDiff } from "../../../src/cli/preview/unified-diff.ts";

const text = (lines: readonly string[]) => lines.map((line) => `${line}\n`).join("");
const diff = (before: string | undefined, after: string | undefined, color = false) =>
  unifiedDiff({ name: "shop/x", before, after }, { color });

/** What `patch` does, and it believes nothing: every line that is not added must be there. */
const apply = (lines: readonly string[], patch: string): string[] => {
  const result: string[] = [];
  let at = 0;
  for (const line of patch.split("\n").slice(2, -1)) {
    const hunk = /^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@$/.exec(line);
    if (hunk !== null) {
      const start = Number(hunk[1]) - (hunk[2] === "0" ? 0 : 1);
      result.push(...lines.slice(at, start));
      at = start;
      expect(result.length).toBe(Number(hunk[3]) - (hunk[4] === "0" ? 0 : 1));
      continue;
    }
    if (line[0] === "+") result.push(line.slice(1));
    else expect(line.slice(1)).toBe(lines[at++]);
    if (line[0] === " ") result.push(line.slice(1));
  }
  return [...result, ...lines.slice(at)];
};

const shortest = (a: readonly string[], b: readonly string[]): number => {
  const rows = a.map(() => new Array<number>(b.length + 1).fill(0));
  const common = (i: number, j: number): number => rows[i]?.[j] ?? 0;
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--) {
      const row = rows[i];
      if (row === undefined) continue;
      row[j] = a[i] === b[j] ? common(i + 1, j + 1) + 1 : Math.max(common(i + 1, j), common(i, j + 1));
    }
  return a.length + b.length - 2 * common(0, 0);
};

const runsOf = (before: readonly string[], after: readonly string[]): readonly Run[] => {
  const runs = diffLines(before, after);
  if ("lines" in runs) throw new Error("too far apart");
  return runs;
};

const someLines = fc.array(fc.constantFrom("a", "b", "c", "", "- x", "+ y"), { maxLength: 60 });

test("applied to what was, it gives what is to be", () => {
  fc.assert(
    fc.property(someLines, someLines, (before, after) => {
      if (text(before) === text(after)) expect(diff(text(before), text(after))).toBe("");
      else expect(apply(before, diff(text(before) || undefined, text(after) || undefined))).toEqual(after);
    }),
    { numRuns: 1_000 },
  );
});

test("nothing shorter would do", () => {
  fc.assert(
    fc.property(someLines, someLines, (before, after) => {
      const runs = runsOf(before, after);
      const edits = runs.filter(({ kind }) => kind !== "same").reduce((sum, { lines }) => sum + lines.length, 0);
      expect(edits).toBe(shortest(before, after));
    }),
    { numRuns: 500 },
  );
});

const numbered = (prefix: string, length: number) => Array.from({ length }, (_, i) => `${prefix}${i}`);

test("texts that have nothing in common are replaced", () => {
  expect(runsOf(numbered("a", 5_000), numbered("b", 4_000)).map(({ kind, lines }) => [kind, lines.length])).toEqual([
    ["removed", 5_000],
    ["added", 4_000],
  ]);
});

test("texts that differ beyond reason are told in one line, without a search for all that differs", () => {
  const [before, after] = [numbered("a", 200_000), numbered("b", 200_000)];
  const told = "live/shop/x and preview/shop/x differ by up to 400000 lines: too many to show\n";
  expect(diff(text(["same", ...before]), text(["same", ...after]))).toBe(told);
});

test("something new is shown whole, however long it is", () => {
  expect(diff(undefined, text(numbered("a", 200_000))).split("\n")).toHaveLength(200_004);
});

describe("the text", () => {
  const lines = Array.from({ length: 20 }, (_, i) => `line ${i + 1}`);
  const changed = lines.with(9, "changed");

  test("is what diff -u prints", () => {
    expect(diff(text(lines), text(changed))).toBe(
      [
        "--- live/shop/x",
        "+++ preview/shop/x",
        "@@ -7,7 +7,7 @@",
        " line 7",
        " line 8",
        " line 9",
        "-line 10",
        "+changed",
        " line 11",
        " line 12",
        " line 13",
        "",
      ].join("\n"),
    );
  });

  test("of something new, or gone, names /dev/null", () => {
    expect(diff(undefined, "a\n")).toBe("--- /dev/null\n+++ preview/shop/x\n@@ -0,0 +1 @@\n+a\n");
    expect(diff("a\n", undefined)).toBe("--- live/shop/x\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n");
  });

  test("in colour is the same text", () => {
    const painted = diff(text(lines), text(changed), true);
    expect(painted).toContain("\u001b[31m-line 10\u001b[0m\n\u001b[32m+changed\u001b[0m\n");
    expect(stripVTControlCharacters(painted)).toBe(diff(text(lines), text(changed)));
  });
});
