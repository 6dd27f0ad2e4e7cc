/*
 * Invariant: an IndexMap behaves as a map of sets that drops its empty sets.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { IndexMap } from "../../src/cache/index-map.ts";

const operation = fc.record({
  verb: fc.constantFrom("add" as const, "remove" as const),
  value: fc.constantFrom("x", "y", ""),
  key: fc.constantFrom("a", "b", "c"),
});

test("an index holds under each value the keys that were added and not removed", () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 30 }), (operations) => {
      const index = new IndexMap();
      const model = new Map<string, Set<string>>();
      for (const { verb, value, key } of operations) {
        const keys = model.get(value) ?? new Set<string>();
        model.set(value, keys);
        index[verb](value, key);
        if (verb === "add") keys.add(key);
        else keys.delete(key);
        if (keys.size === 0) model.delete(value);
        for (const probe of ["x", "y", ""]) {
          const expected = [...(model.get(probe) ?? [])].sort();
          expect([...index.get(probe)].sort()).toEqual(expected);
          expect(index.count(probe)).toBe(expected.length);
        }
        expect([...index.values()].sort()).toEqual([...model.keys()].sort());
      }
    }),
  );
});
