/*
 * Invariants
 * - The name that is found is one that takes the fewest changes, by a count that tries all ways; the first of several.
 * - There is none where all are further away than a third of the longer name, or three changes.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { functionNames } from "../src/functions.ts";
import { nearest } from "../src/nearest.ts";

/** Optimal string alignment, by its definition. */
const changes = (from: string, to: string): number => {
  const known = new Map<string, number>();
  const count = (i: number, j: number): number => {
    if (i === 0 || j === 0) return i + j;
    const found = known.get(`${i},${j}`);
    if (found !== undefined) return found;
    const isExchange = i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1];
    const fewest = Math.min(
      count(i - 1, j) + 1,
      count(i, j - 1) + 1,
      count(i - 1, j - 1) + (from[i - 1] === to[j - 1] ? 0 : 1),
      isExchange ? count(i - 2, j - 2) + 1 : Number.POSITIVE_INFINITY,
    );
    known.set(`${i},${j}`, fewest);
    return fewest;
  };
  return count(from.length, to.length);
};

const byDefinition = (name: string, names: readonly string[]): string | undefined => {
  const near = names
    .map((candidate) => ({ candidate, count: changes(name.toLowerCase(), candidate.toLowerCase()) }))
    .filter(({ candidate, count }) => count <= Math.min(3, Math.max(name.length, candidate.length) / 3));
  const fewest = Math.min(...near.map(({ count }) => count));
  return near.find(({ count }) => count === fewest)?.candidate;
};

const word = fc.string({ unit: fc.constantFrom(..."abcAB"), maxLength: 9 });

test("is the one with the fewest changes, of any names", () => {
  let found = 0;
  fc.assert(
    fc.property(word, fc.array(word, { maxLength: 6 }), (name, names) => {
      const meant = nearest(name, names);
      if (meant !== undefined) found += 1;
      expect(meant).toBe(byDefinition(name, names));
    }),
    { numRuns: 2_000 },
  );
  expect(found).toBeGreaterThan(200);
});

test.each([
  ["toYml", "toYaml"],
  ["upepr", "upper"],
  ["QUOTE", "quote"],
])("%s was to be %s", (name, meant) => {
  expect(nearest(name, functionNames)).toBe(meant);
});

test.each(["x", "metadata"])("%s is near to no function", (name) => {
  expect(nearest(name, functionNames)).toBeUndefined();
});

test("a name of up to forty letters is compared, with names of up to three more", () => {
  const letters = (count: number) => "abcde".repeat(9).slice(0, count);
  for (const more of [1, 2, 3]) expect(nearest(letters(40), [letters(40 + more)])).toBe(letters(40 + more));
  expect(nearest(letters(40), [letters(44)])).toBeUndefined();
  expect(nearest(letters(41), [letters(42)])).toBeUndefined();
});
