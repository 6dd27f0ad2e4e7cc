/*
 * Invariants
 * - A merged projection covers both it was made of; one covers another exactly when it decodes all that the other does.
 * - What is always decoded is always decoded.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { JsonReader, planObject } from "../../src/decode/json-reader.ts";
import {
  covers,
  mergeProjections,
  type Projection,
  type ProjectionTree,
  withAlwaysDecoded,
} from "../../src/decode/projection.ts";

const FIELDS = ["a", "b", "c"];
const tree = (digest: boolean): fc.Arbitrary<Projection> =>
  fc.letrec<{ tree: Projection }>((tie) => ({
    tree: fc.oneof(
      { depthSize: "small" },
      fc.constant<Projection>(true),
      ...(digest ? [fc.constant<Projection>("digest")] : []),
      fc.dictionary(fc.constantFrom(...FIELDS), tie("tree"), { maxKeys: 3 }).map((fields): ProjectionTree => fields),
    ),
  })).tree;

/** An object with every field at every level. */
const full = (depth: number): unknown =>
  depth === 0 ? "leaf" : Object.fromEntries(FIELDS.map((field) => [field, full(depth - 1)]));
const OBJECT = Buffer.from(JSON.stringify(full(5)));
const decode = (projection: Projection): unknown => new JsonReader().read(OBJECT, planObject(projection));

/** Whether every value of `part` is in `whole`. */
const isPart = (part: unknown, whole: unknown): boolean => {
  if (typeof part !== "object" || part === null) return part === whole;
  if (typeof whole !== "object" || whole === null) return false;
  const fields = new Map<string, unknown>(Object.entries(whole));
  return Object.entries(part).every(([field, value]) => fields.has(field) && isPart(value, fields.get(field)));
};

describe("projections", () => {
  test("merged, cover both, and decode all that either does", () => {
    fc.assert(
      fc.property(tree(false), tree(false), (a, b) => {
        const merged = mergeProjections(a, b);
        expect(covers(merged, a) && covers(merged, b)).toBe(true);
        expect(isPart(decode(a), decode(merged)) && isPart(decode(b), decode(merged))).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  test("covered, decode no more than what covers them", () => {
    fc.assert(
      fc.property(tree(true), tree(true), (wide, narrow) => {
        if (covers(wide, narrow)) expect(isPart(decode(narrow), decode(wide))).toBe(true);
      }),
      { numRuns: 1_000 },
    );
  });

  test("merge the same whichever comes first, or refuse both ways", () => {
    const attempt = (a: Projection, b: Projection) => {
      try {
        return mergeProjections(a, b);
      } catch (error) {
        expect(error).toBeInstanceOf(TypeError);
        return "refused";
      }
    };
    fc.assert(
      fc.property(tree(true), tree(true), (a, b) => {
        expect(attempt(a, b)).toEqual(attempt(b, a));
      }),
      { numRuns: 1_000 },
    );
  });

  test("refuse a digest of what another wants as a value, at any depth", () => {
    expect(() => mergeProjections({ data: "digest" }, { data: true })).toThrow(TypeError);
    expect(() => mergeProjections({ data: "digest" }, true)).toThrow(TypeError);
    expect(() => mergeProjections({ data: { a: "digest" } }, { data: { a: { b: true } } })).toThrow(TypeError);
  });

  test("always hold what identifies an object and its state", () => {
    const metadata = { name: "n", namespace: "ns", uid: "u", resourceVersion: "1", generation: 2, labels: {} };
    const bytes = Buffer.from(JSON.stringify({ metadata, spec: 1 }));
    const { labels, ...always } = metadata;
    expect(new JsonReader().read(bytes, planObject(withAlwaysDecoded({})))).toEqual({ metadata: always });
  });
});
