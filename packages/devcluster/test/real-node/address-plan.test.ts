/**
 * Invariants:
 * - the ranges of one node do not overlap, nor do those of any two nodes, and all are in 100.64.0.0/10;
 * - a block is chosen that overlaps nothing in use, however that is cut, as long as there is one.
 */
import { expect, test } from "vitest";
import { addressPlan, BLOCKS, freeBlock, parseRange, type Range } from "../../src/real-node/address-plan.ts";

/** Every block there is. */
const ALL = Array.from({ length: BLOCKS }, (_, index) => index);

/** `undefined` would be a mistake in the test. */
const range = (text: string): Range => {
  const parsed = parseRange(text);
  if (!parsed) throw new Error(`${text} is no range`);
  return parsed;
};

const last = ({ first, bits }: Range): number => first + 2 ** (32 - bits) - 1;
const isWithin = (inner: Range, outer: Range) => inner.first >= outer.first && last(inner) <= last(outer);
const isApart = (one: Range, other: Range) => last(one) < other.first || last(other) < one.first;

/** Link, Pods and Services of a block. */
const rangesOf = (block: number): Range[] => {
  const { host, linkBits, pods, services } = addressPlan(block);
  return [{ first: range(host).first - 1, bits: linkBits }, range(pods), range(services)];
};

test("an address plan reads as expected", () => {
  expect(addressPlan(1)).toEqual({
    host: "100.64.4.1",
    node: "100.64.4.2",
    linkBits: 30,
    pods: "100.64.5.0/24",
    services: "100.64.6.0/24",
    kubernetesService: "100.64.6.1",
  });
});

test("the ranges of a node lie apart from each other, in the space that is meant for this", () => {
  for (const block of ALL) {
    const ranges = rangesOf(block);
    for (const one of ranges) {
      expect(isWithin(one, range("100.64.0.0/10"))).toBe(true);
      expect(ranges.every((other) => other === one || isApart(one, other))).toBe(true);
    }
  }
});

test("the ranges of two nodes lie apart", () => {
  const sorted = ALL.flatMap(rangesOf).sort((one, other) => one.first - other.first);
  expect(sorted.every((one, at) => at === 0 || isApart(one, sorted[at - 1] ?? one))).toBe(true);
});

test.each([12, 16, 21, 22, 23, 24, 30, 32])("the block chosen overlaps no range of %d bits that is in use", (bits) => {
  const size = 2 ** (32 - bits);
  for (const block of ALL.filter((index) => index % 37 === 0)) {
    const inUse: Range = { first: Math.floor((rangesOf(block)[0]?.first ?? 0) / size) * size, bits };
    const chosen = freeBlock([inUse], block);
    expect(rangesOf(chosen).every((mine) => isApart(mine, inUse))).toBe(true);
  }
});

test("the search goes round the end of the space", () => {
  expect(freeBlock([range("100.127.252.0/22")], BLOCKS - 1)).toBe(0);
});

test("a space in full use is said to be", () => {
  expect(() => freeBlock([range("100.64.0.0/10")], 0)).toThrow("no block of addresses is free in 100.64.0.0/10");
  expect(() => freeBlock([range("0.0.0.0/0")], 0)).toThrow("no block of addresses is free");
});

test.each(["default", "fe80::/64", ""])("%j is no range of IPv4 addresses", (text) => {
  expect(parseRange(text)).toBeUndefined();
});
