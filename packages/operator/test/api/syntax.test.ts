import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { annotationDataKey, collisions, labelDataKey } from "../../src/api/data-keys.ts";
import { codePoints, isDataKey, parseGoDuration } from "../../src/api/syntax.ts";

describe("a Go duration", () => {
  test.each([
    ["1s", 1000],
    ["1m30s", 90_000],
    ["1.5h", 5_400_000],
    ["250us", 0.25],
    ["250µs", 0.25],
    ["0s", 0],
  ])("%s is %d ms", (text, milliseconds) => {
    expect(parseGoDuration(text)).toBe(milliseconds);
  });

  test.each(["", "1", "1 s", "-1s", "s", ".s", "1d", "1s ", "9999999999h"])("%j is none", (text) => {
    expect(parseGoDuration(text)).toBeUndefined();
  });
});

test("characters are counted as pairs of surrogates, and a half alone as one", () => {
  const unit = fc.constantFrom("a", "\ud83d", "\ude00", "😀", "é");
  fc.assert(
    fc.property(fc.array(unit), (units) => {
      const text = units.join("");
      expect(codePoints(text)).toBe([...text].length);
    }),
  );
});

test("a label key with a slash becomes a data key that a ConfigMap takes", () => {
  expect(labelDataKey("app.kubernetes.io/name")).toBe("label_app.kubernetes.io_name");
  expect(isDataKey(labelDataKey("app.kubernetes.io/name"))).toBe(true);
});

test("different keys with one data key collide, duplicates do not", () => {
  expect(collisions(["a/b", "c", "a_b", "c"], annotationDataKey)).toEqual(
    new Map([["annotation_a_b", ["a/b", "a_b"]]]),
  );
});
