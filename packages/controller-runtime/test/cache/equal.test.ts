/*
 * Invariant: two states are the same when they are deeply equal as JSON, but for `metadata.resourceVersion`.
 */
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { sameProjection } from "../../src/cache/equal.ts";

const json = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    fc.constantFrom<unknown>(0, 1, "", "a", true, false, null, 9_007_199_254_740_993n),
    fc.array(tie("value"), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom("a", "b", "metadata", "resourceVersion", "__proto__"), tie("value"), { maxKeys: 3 }),
  ),
})).value;
const metadata = fc.record({
  resourceVersion: fc.constantFrom("1", "2"),
  name: fc.constantFrom("a", "b"),
  labels: json,
});
const object = fc
  .record({ metadata, spec: json, status: json }, { requiredKeys: ["metadata"] })
  // As decoded: with the usual prototype.
  .map((state) => structuredClone(state));

const withoutVersion = (state: { metadata: object }) => ({
  ...state,
  metadata: { ...state.metadata, resourceVersion: "" },
});

describe("sameProjection", () => {
  test("is deep equality, but for metadata.resourceVersion", () => {
    const related = object.chain((a) =>
      fc.tuple(
        fc.constant(a),
        fc.oneof(
          object,
          object.map((b) => ({ ...a, metadata: b.metadata })),
          fc.constant(structuredClone(a)),
        ),
      ),
    );
    fc.assert(
      fc.property(related, ([a, b]) => {
        expect(sameProjection(a, b)).toBe(isDeepStrictEqual(withoutVersion(a), withoutVersion(b)));
      }),
      { numRuns: 2_000 },
    );
  });

  test("does not depend on the order of fields", () => {
    expect(sameProjection({ a: 1, metadata: { x: 1, y: 2 } }, { metadata: { y: 2, x: 1 }, a: 1 })).toBe(true);
  });

  test("sees a resourceVersion that is not that of the object", () => {
    const involved = (resourceVersion: string) => ({ metadata: {}, spec: { metadata: { resourceVersion } } });
    expect(sameProjection(involved("1"), involved("2"))).toBe(false);
  });
});
