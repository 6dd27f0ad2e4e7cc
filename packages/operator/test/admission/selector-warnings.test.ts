/*
 * Invariants:
 * - A selector is warned about exactly when no labels whatever match it.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { selectorWarnings } from "../../src/admission/selector-warnings.ts";
import { parseLabelSelector } from "../../src/podconfigmap/selector.ts";

const KEYS = ["a", "b"];
const VALUES = ["x", "y", ""];

/** Every set of labels over the keys; with a value that no selector names, since there are always more. */
const universe = () => {
  const choices = [undefined, ...VALUES, "none-of-them"];
  const labels = (a: string | undefined, b: string | undefined) => ({
    ...(a !== undefined && { a }),
    ...(b !== undefined && { b }),
  });
  return choices.flatMap((a) => choices.map((b) => labels(a, b)));
};

const values = fc.array(fc.constantFrom(...VALUES), { minLength: 1, maxLength: 3 });
const key = fc.constantFrom(...KEYS);
const expression = fc.oneof(
  fc.record({ key, operator: fc.constantFrom("In", "NotIn"), values }),
  fc.record({ key, operator: fc.constantFrom("Exists", "DoesNotExist") }),
);
const selector = fc.record(
  {
    matchLabels: fc.dictionary(key, fc.constantFrom(...VALUES)),
    matchExpressions: fc.array(expression, { maxLength: 5 }),
  },
  { requiredKeys: [] },
);

test("a selector is warned about exactly when no labels match it", () => {
  fc.assert(
    fc.property(selector, (podSelector) => {
      const parsed = parseLabelSelector(podSelector);
      const canMatch = parsed.ok && universe().some((labels) => parsed.selector.matches(labels));
      expect(selectorWarnings(podSelector).length === 0).toBe(canMatch);
    }),
    { numRuns: 500 },
  );
});

test.each([
  [
    "two values at once",
    { matchLabels: { app: "web" }, matchExpressions: [{ key: "app", operator: "In", values: ["db", "cache"] }] },
    'no Pod can match: of label app, it must be "web" and "cache" or "db"; change one of the two',
  ],
  [
    "a value that another requirement excludes",
    { matchLabels: { app: "web" }, matchExpressions: [{ key: "app", operator: "NotIn", values: ["web"] }] },
    'no Pod can match: of label app, it must be "web" and must not; change one of the two',
  ],
  [
    "a label that must and must not exist",
    {
      matchExpressions: [
        { key: "app", operator: "Exists" },
        { key: "app", operator: "DoesNotExist" },
      ],
    },
    "no Pod can match: of label app, it must exist and must not exist; change one of the two",
  ],
  [
    "a value of a label that must not exist",
    { matchLabels: { app: "web" }, matchExpressions: [{ key: "app", operator: "DoesNotExist" }] },
    "no Pod can match: of label app, it must have a value and must not exist; change one of the two",
  ],
])("%s: the warning names the label and both wishes", (_, podSelector, message) => {
  expect(selectorWarnings(podSelector)).toEqual([{ severity: "warning", path: ["spec", "podSelector"], message }]);
});

test("a malformed selector is left to the errors", () => {
  expect(selectorWarnings({ matchExpressions: [{ key: "a", operator: "In" }] })).toEqual([]);
});
