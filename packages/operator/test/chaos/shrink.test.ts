/*
 * Invariants, whatever makes a list fail:
 * - What comes out is a part of what went in, in its order, and fails.
 * - Nothing more can be left out of it, unless the search was cut short; then it still fails.
 * - Where a failure needs certain items and no others, exactly these come out.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { shrink } from "./shrink.ts";

/** A list of distinct items, and some of them. */
const listAndPart = fc
  .integer({ min: 1, max: 60 })
  .chain((length) =>
    fc.tuple(fc.constant(Array.from({ length }, (_, i) => i)), fc.uniqueArray(fc.nat({ max: length - 1 }))),
  );

/** Any verdict, the same each time: it depends on the items by a hash. The whole list fails. */
const anyVerdict = (whole: readonly number[], salt: number) => async (part: readonly number[]) =>
  part.length === whole.length ||
  Math.imul(
    part.reduce((sum, item) => Math.imul(sum, 31) + item, salt),
    2_654_435_761,
  ) %
    3 ===
    0;

const isPartOf = (part: readonly number[], whole: readonly number[]): boolean => {
  let at = 0;
  for (const item of whole) if (item === part[at]) at++;
  return at === part.length;
};

test("exactly the items that the failure needs come out", async () => {
  await fc.assert(
    fc.asyncProperty(listAndPart, async ([items, needed]) => {
      const fails = async (part: readonly number[]) => needed.every((item) => part.includes(item));
      const { items: shortest, minimal } = await shrink(items, fails);
      expect(shortest).toEqual(needed.toSorted((a, b) => a - b));
      expect(minimal).toBe(true);
    }),
  );
});

test("what comes out fails, is a part of the whole, and nothing more can be left out", async () => {
  await fc.assert(
    fc.asyncProperty(listAndPart, fc.integer(), async ([items], salt) => {
      const fails = anyVerdict(items, salt);
      const { items: shortest } = await shrink(items, fails);
      expect(await fails(shortest)).toBe(true);
      expect(isPartOf(shortest, items)).toBe(true);
      for (let i = 0; i < shortest.length; i++) expect(await fails(shortest.toSpliced(i, 1))).toBe(false);
    }),
  );
});

test("a search that is cut short gives what it has found, and says that it was", async () => {
  await fc.assert(
    fc.asyncProperty(listAndPart, fc.nat({ max: 20 }), async ([items, needed], tries) => {
      const fails = async (part: readonly number[]) => needed.every((item) => part.includes(item));
      const shrunk = await shrink(items, fails, { tries });
      expect(shrunk.tries).toBeLessThanOrEqual(tries);
      expect(await fails(shrunk.items)).toBe(true);
      if (shrunk.minimal) expect(shrunk.items).toHaveLength(needed.length);
    }),
  );
});

test("nothing is tried once it may not go on", async () => {
  const { items, tries } = await shrink([1, 2, 3], async () => true, { mayGoOn: () => false });
  expect(items).toEqual([1, 2, 3]);
  expect(tries).toBe(0);
});

test("few tries are enough where one item of many fails", async () => {
  const items = Array.from({ length: 64 }, (_, i) => i);
  const { tries } = await shrink(items, async (part) => part.includes(41));
  expect(tries).toBeLessThan(20);
});
