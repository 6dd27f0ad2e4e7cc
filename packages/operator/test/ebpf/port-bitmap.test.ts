/*
 * Invariants:
 * - Bit p of byte p >> 3 is port p, from 0 to 65,535: the layout that the kernel program reads.
 * - What is no port is refused, never wrapped around to another port.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { intersection, isAllowed, mark, PORT_BITMAP_BYTES, uniform } from "../../src/ebpf/port-bitmap.ts";

test("a port has its bit where the kernel looks for it", () => {
  const bitmap = uniform("block");
  mark(bitmap, [0, 9, 65_535], "allow");
  expect([...bitmap.entries()].filter(([, byte]) => byte !== 0)).toEqual([
    [0, 0b1],
    [1, 0b10],
    [PORT_BITMAP_BYTES - 1, 0b1000_0000],
  ]);
});

test("marking changes the marked ports and no other", () => {
  const port = fc.integer({ min: 0, max: 65_535 });
  fc.assert(
    fc.property(fc.constantFrom("allow", "block"), fc.array(port), fc.array(port), (initial, marked, looked) => {
      const bitmap = uniform(initial);
      mark(bitmap, marked, initial === "allow" ? "block" : "allow");
      for (const one of [...marked, ...looked]) {
        expect(isAllowed(bitmap, one)).toBe(marked.includes(one) !== (initial === "allow"));
      }
    }),
  );
});

test("an intersection allows what all allow, everything without any, and is a bitmap of its own", () => {
  const [a, b] = [uniform("allow"), uniform("block")];
  mark(a, [80], "block");
  mark(b, [80, 443], "allow");
  const both = intersection([a, b]);
  expect([80, 443, 22].filter((port) => isAllowed(both, port))).toEqual([443]);
  expect(intersection([])).toEqual(uniform("allow"));
  mark(both, [22], "allow");
  expect([isAllowed(a, 22), isAllowed(b, 22)]).toEqual([true, false]);
});

test.each([-1, 65_536, 1.5, Number.NaN])("%d is no port", (port) => {
  expect(() => mark(uniform("allow"), [port], "block")).toThrow(RangeError);
  expect(() => isAllowed(uniform("allow"), port)).toThrow(RangeError);
});
