/* Invariant: of Watchers that want one name, all but the first by name have a contender, in whatever order they come. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { contendersOf } from "../../src/watcher/contenders.ts";
import { watcher } from "./injection-fixtures.ts";

const using = (name: string, container: string, volume?: string) =>
  watcher(name, {
    container: { name: container, image: "i" },
    ...(volume !== undefined && { volume: { name: volume } }),
  });

test("the earlier by name has a container's name, and a volume's", () => {
  const watchers = [using("c", "one", "v"), using("b", "two", "v"), using("a", "one")];
  expect(contendersOf(watchers)).toEqual(new Map([["c", { watcher: "a", over: "container", name: "one" }]]));
  expect(contendersOf([using("a", "x", "v"), using("b", "y", "v")])).toEqual(
    new Map([["b", { watcher: "a", over: "volume", name: "v" }]]),
  );
});

test("a container and a volume do not contend for one name", () => {
  expect(contendersOf([using("a", "same"), using("b", "other", "same")]).size).toBe(0);
});

test("in any order of Watchers the same ones contend, and the first of each name never does", () => {
  const some = fc.uniqueArray(fc.record({ name: fc.constantFrom(..."abcdef"), container: fc.constantFrom("x", "y") }), {
    selector: ({ name }) => name,
  });
  fc.assert(
    fc.property(some, (wishes) => {
      const watchers = wishes.map(({ name, container }) => using(name, container));
      const contenders = contendersOf(watchers);
      expect(contendersOf(watchers.toReversed())).toEqual(contenders);
      for (const { name, container } of wishes) {
        const earlier = wishes.filter((other) => other.container === container && other.name < name);
        expect(contenders.has(name)).toBe(earlier.length > 0);
      }
    }),
  );
});

test("for the same versions of the same Watchers it is worked out once", () => {
  const [a, b] = [using("a", "same"), using("b", "same")];
  const first = contendersOf([a, b]);
  expect(contendersOf([a, b])).toBe(first);
  expect(contendersOf([a, { ...b }])).not.toBe(first);
  expect(contendersOf([a]).size).toBe(0);
});
