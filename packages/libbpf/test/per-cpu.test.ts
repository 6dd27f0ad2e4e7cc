/**
 * Invariants:
 * - a sum is that of all CPUs' counters modulo 2^64, lane by lane, key by key;
 * - values are cut apart where the kernel puts them: at multiples of 8 bytes.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { addPerCpu, perCpuStride, splitPerCpu } from "../src/index.ts";

const counter = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });

/** Counters by key, CPU and lane. */
const shape = fc
  .record({
    keys: fc.integer({ min: 1, max: 4 }),
    cpus: fc.integer({ min: 1, max: 9 }),
    lanes: fc.integer({ min: 1, max: 3 }),
  })
  .chain(({ keys, cpus, lanes }) => {
    const perKey = fc.array(fc.array(counter, { minLength: lanes, maxLength: lanes }), {
      minLength: cpus,
      maxLength: cpus,
    });
    return fc.array(perKey, { minLength: keys, maxLength: keys }).map((values) => ({ values, cpus, lanes }));
  });

test("adds up each lane of each key over the CPUs", () => {
  fc.assert(
    fc.property(shape, ({ values, cpus, lanes }) => {
      const bytes = Buffer.alloc(values.length * cpus * lanes * 8);
      for (const [index, value] of values.flat(2).entries()) bytes.writeBigUInt64LE(value, index * 8);
      const expected = values.flatMap((perCpu) =>
        Array.from({ length: lanes }, (_, lane) =>
          BigInt.asUintN(
            64,
            perCpu.reduce((sum, counters) => sum + (counters[lane] ?? 0n), 0n),
          ),
        ),
      );
      expect([...addPerCpu(bytes, lanes, cpus)]).toEqual(expected);
    }),
  );
});

test("adds up bytes that do not start at a multiple of 8", () => {
  const bytes = Buffer.alloc(8 + 4 * 8).subarray(3, 3 + 4 * 8);
  for (let cpu = 0; cpu < 4; cpu++) bytes.writeBigUInt64LE(2n ** 40n, cpu * 8);
  expect([...addPerCpu(bytes, 1, 4)]).toEqual([2n ** 42n]);
});

test.each([
  [1, 8],
  [8, 8],
  [12, 16],
])("finds the next CPU's value of %d bytes after %d", (size, stride) => {
  expect(perCpuStride(size)).toBe(stride);
  const bytes = Buffer.from(Array.from({ length: stride * 3 }, (_, index) => index));
  const values = splitPerCpu(bytes, size);
  expect(values.map((value) => [value.length, value[0]])).toEqual([
    [size, 0],
    [size, stride],
    [size, stride * 2],
  ]);
});
