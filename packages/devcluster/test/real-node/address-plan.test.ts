/**
 * Invariants:
 * - the ranges of one node do not overlap, and all are of its block, or of its IPv6 prefix;
 * - a block is chosen that overlaps nothing in use, however that is cut, as long as there is one;
 * - a space that something else than real nodes has a part of is left alone as long as there is another.
 */
import { expect, test } from "vitest";
import {
  addressPlan,
  freeBlock,
  localPrefix,
  parseRange,
  perFamily,
  type Range,
  secondChoice,
  type UsedRange,
} from "../../src/real-node/address-plan.ts";

const FIRST_SPACE = "198.18.0.0/15";
const SECOND_SPACE = "100.64.0.0/10";

/** `undefined` would be a mistake in the test. */
const range = (text: string): Range => {
  const parsed = parseRange(text);
  if (!parsed) throw new Error(`${text} is no range`);
  return parsed;
};

const byStranger = (text: string): UsedRange => ({ ...range(text), isNode: false });
const byNode = (text: string): UsedRange => ({ ...range(text), isNode: true });

const last = ({ first, bits }: Range): number => first + 2 ** (32 - bits) - 1;
const isWithin = (inner: Range, outer: Range) => inner.first >= outer.first && last(inner) <= last(outer);
const isApart = (one: Range, other: Range) => last(one) < other.first || last(other) < one.first;

/** Link, Pods and Services of a block. */
const rangesOf = (block: Range): Range[] => {
  const { host, linkBits, pods, services } = addressPlan(block);
  return [{ first: range(host).first - 1, bits: linkBits }, range(pods), range(services)];
};

/** Where in a space something may be, as parts of it. */
const PLACES = Array.from({ length: 40 }, (_, index) => index / 40);

/** The range of `bits` bits that holds the address some part of the way into a space. */
const rangeAt = (space: string, place: number, bits: number): Range => {
  const { first, bits: fixed } = range(space);
  const size = 2 ** (32 - bits);
  return { first: Math.floor((first + Math.floor(place * 2 ** (32 - fixed))) / size) * size, bits };
};

test("an address plan reads as expected", () => {
  expect(addressPlan(range("198.18.4.0/22"), "fd12:3456:789a")).toEqual({
    host: "198.18.4.1",
    node: "198.18.4.2",
    linkBits: 30,
    pods: "198.18.5.0/24",
    services: "198.18.6.0/24",
    kubernetesService: "198.18.6.1",
    v6: {
      host: "fd12:3456:789a::1",
      node: "fd12:3456:789a::2",
      linkBits: 64,
      pods: "fd12:3456:789a:1::/64",
      services: "fd12:3456:789a:2::/112",
    },
  });
});

test("a flag of a dual-stack cluster names IPv4 first, and IPv6 only where there is any", () => {
  const block = range("198.18.4.0/22");
  expect(perFamily(addressPlan(block, "fd00:1:2"), ({ node }) => node)).toBe("198.18.4.2,fd00:1:2::2");
  expect(perFamily(addressPlan(block), ({ node }) => node)).toBe("198.18.4.2");
});

test("the ranges of a node lie apart from each other, in its block", () => {
  for (const place of PLACES) {
    const block = freeBlock([], () => place);
    const ranges = rangesOf(block);
    expect(isWithin(block, range(FIRST_SPACE))).toBe(true);
    expect(ranges.every((one) => isWithin(one, block))).toBe(true);
    expect(ranges.every((one) => ranges.every((other) => one === other || isApart(one, other)))).toBe(true);
  }
});

test.each([12, 15, 16, 21, 22, 23, 24, 30, 32])("the block overlaps no range of %d bits that is in use", (bits) => {
  for (const place of PLACES) {
    for (const isNode of [true, false]) {
      // What is in use is just where the search starts, in both spaces.
      const used = [FIRST_SPACE, SECOND_SPACE].map((space) => ({ ...rangeAt(space, place, bits), isNode }));
      const isFull = used.every((one, at) => isWithin(range([FIRST_SPACE, SECOND_SPACE][at] ?? ""), one));
      if (isFull) continue;
      const block = freeBlock(used, () => place);
      expect(used.every((one) => isApart(one, block))).toBe(true);
    }
  }
});

test("the first choice is the space for tests of network devices, which other real nodes share", () => {
  const used = [byNode("198.18.0.0/22"), byStranger("192.168.0.0/16"), byStranger("10.0.0.0/8")];
  const block = freeBlock(used, () => 0);
  expect(block).toEqual(range("198.18.4.0/22"));
  expect(secondChoice(block)).toBeUndefined();
});

test("a space of which something else uses one address is left alone, and the choice is said", () => {
  const block = freeBlock([byStranger("198.18.0.1")], () => 0);
  expect(isWithin(block, range(SECOND_SPACE))).toBe(true);
  expect(secondChoice(block)).toBe(
    "this machine has routes into 198.18.0.0/15: the node has addresses of 100.64.0.0/22",
  );
});

test("what Tailscale has is no reason to leave the first choice", () => {
  const block = freeBlock([byStranger("100.101.102.103"), byStranger("100.100.100.100")], () => 0.999);
  expect(isWithin(block, range(FIRST_SPACE))).toBe(true);
});

test("where something else uses a part of each space, a free block of the first is taken", () => {
  const block = freeBlock([byStranger("198.18.0.1"), byStranger("100.101.102.103")], () => 0);
  expect(block).toEqual(range("198.18.4.0/22"));
});

test("the search goes round the end of the space", () => {
  expect(freeBlock([byNode("198.19.252.0/22")], () => 0.9999)).toEqual(range("198.18.0.0/22"));
});

test("spaces in full use are said to be", () => {
  expect(() => freeBlock([byStranger(FIRST_SPACE), byStranger(SECOND_SPACE)], () => 0)).toThrow(
    "no block of addresses is free in 198.18.0.0/15 and 100.64.0.0/10",
  );
  expect(() => freeBlock([byStranger("0.0.0.0/0")], () => 0)).toThrow("no block of addresses is free");
});

test("an IPv6 prefix is one for local use, of 48 bits", () => {
  for (const place of [...PLACES, 0.999999999]) {
    expect(localPrefix(() => place)).toMatch(/^fd[0-9a-f]{2}(:[1-9a-f][0-9a-f]{0,3}){2}$/);
  }
});

test.each(["default", "fe80::/64", ""])("%j is no range of IPv4 addresses", (text) => {
  expect(parseRange(text)).toBeUndefined();
});
