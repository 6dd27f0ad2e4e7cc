/*
 * Invariant: resourceVersions are ordered as the numbers that they are, however large.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { compareResourceVersions } from "../../src/cache/resource-version.ts";

const order = (a: bigint, b: bigint): number => {
  if (a === b) return 0;
  return a < b ? -1 : 1;
};

test("resourceVersions are ordered as numbers, beyond 2^53 too", () => {
  const version = fc.oneof(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.bigInt({ min: 0n, max: 200n }));
  fc.assert(
    fc.property(version, version, (a, b) => {
      expect(Math.sign(compareResourceVersions(String(a), String(b)))).toBe(order(a, b));
    }),
  );
});
