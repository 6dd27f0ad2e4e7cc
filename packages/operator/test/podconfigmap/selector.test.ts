/*
 * Invariants:
 * - A selector selects what the words of the Kubernetes documentation say, requirement by requirement.
 * - A selector is refused here exactly when the checks of admission refuse it.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { validatePodConfigMapConfig } from "../../src/api/validate.ts";
import { type Labels, parseLabelSelector, toQueryString } from "../../src/podconfigmap/selector.ts";
import { pcmc } from "../api/corpus.ts";

const parsed = (value: unknown) => {
  const result = parseLabelSelector(value);
  if (!result.ok) throw new Error(result.errors.join("\n"));
  return result.selector;
};

const errorsOf = (value: unknown) => {
  const result = parseLabelSelector(value);
  return result.ok ? [] : result.errors;
};

const matches = (value: unknown, labels: Labels | undefined) => parsed(value).matches(labels);
const one = (operator: string, values?: string[]) => ({
  matchExpressions: [{ key: "tier", operator, ...(values && { values }) }],
});

describe("a selector", () => {
  test.each([undefined, null, {}, { matchLabels: {} }, { matchLabels: null, matchExpressions: [] }])(
    "%j selects every Pod",
    (value) => {
      expect(matches(value, { app: "web" })).toBe(true);
      expect(matches(value, undefined)).toBe(true);
    },
  );

  test.each([
    ["In", ["a", "b"], { tier: "b" }, true],
    ["In", ["a", "b"], { tier: "c" }, false],
    ["In", ["a"], {}, false],
    ["In", [""], {}, false],
    ["In", [""], { tier: "" }, true],
    ["NotIn", ["a"], { tier: "a" }, false],
    ["NotIn", ["a"], { tier: "b" }, true],
    ["NotIn", ["a"], {}, true],
    ["NotIn", [""], {}, true],
    ["Exists", undefined, { tier: "" }, true],
    ["Exists", undefined, {}, false],
    ["DoesNotExist", undefined, { tier: "" }, false],
    ["DoesNotExist", [], {}, true],
  ] as const)("%s %j on %j: %s", (operator, values, labels, expected) => {
    expect(matches(one(operator, values && [...values]), labels)).toBe(expected);
  });

  test("needs all of its requirements", () => {
    const value = { matchLabels: { app: "web", env: "prod" }, ...one("Exists") };
    expect(matches(value, { app: "web", env: "prod", tier: "a" })).toBe(true);
    expect(matches(value, { app: "web", env: "prod" })).toBe(false);
    expect(matches(value, { app: "web", tier: "a" })).toBe(false);
  });

  test("does not take what every JavaScript object has for a label", () => {
    const value = { matchExpressions: [{ key: "constructor", operator: "Exists" }] };
    expect(matches(value, {})).toBe(false);
    expect(matches(value, { constructor: "x" })).toBe(true);
  });
});

describe("a malformed selector names everything that is wrong, one line each", () => {
  test.each([
    [
      "an unknown operator",
      one("Foo"),
      ['matchExpressions[0]: "Foo" is not an operator: use one of In, NotIn, Exists, DoesNotExist'],
    ],
    ["In without values", one("In"), ["matchExpressions[0]: operator In needs at least one value"]],
    ["Exists with values", one("Exists", ["a"]), ["matchExpressions[0]: operator Exists takes no values"]],
    ["a value that is none", { matchLabels: { a: "b c" } }, ['matchLabels[a]: "b c" is not a label value']],
    ["a number", { matchLabels: { a: 1 } }, ["matchLabels[a]: a value of type number is not a label value"]],
    ["a misspelt field", { matchLabel: {} }, ['unknown field "matchLabel": use matchLabels or matchExpressions']],
    [
      "two faults",
      { matchLabels: [], matchExpressions: {} },
      ["matchLabels must be a map from label key to value", "matchExpressions must be a list"],
    ],
  ])("%s", (_, value, errors) => {
    expect(errorsOf(value)).toEqual(errors);
  });
});

const key = fc.constantFrom("app", "tier", "example.com/env", "constructor");
const value = fc.constantFrom("", "a", "b", "c");
const labels = fc.dictionary(key, value);
const expression = fc.oneof(
  fc.record({ key, operator: fc.constantFrom("In", "NotIn"), values: fc.array(value, { minLength: 1 }) }),
  fc.record({ key, operator: fc.constantFrom("Exists", "DoesNotExist") }),
);
const selector = fc.record({ matchLabels: labels, matchExpressions: fc.array(expression) }, { requiredKeys: [] });

/** The documentation's sentences, as they stand. */
const naive = (
  {
    matchLabels = {},
    matchExpressions = [],
  }: { matchLabels?: Labels; matchExpressions?: { key: string; operator: string; values?: string[] }[] },
  of: Labels,
): boolean => {
  const found = new Map(Object.entries(of));
  const holds = (e: { key: string; operator: string; values?: string[] }) => {
    const isOneOf = e.values?.some((wanted) => wanted === found.get(e.key)) ?? false;
    if (e.operator === "In") return found.has(e.key) && isOneOf;
    if (e.operator === "NotIn") return !found.has(e.key) || !isOneOf;
    return found.has(e.key) === (e.operator === "Exists");
  };
  return Object.entries(matchLabels).every(([k, v]) => found.get(k) === v) && matchExpressions.every(holds);
};

test("a selector selects what a naive reading of it selects", () => {
  fc.assert(
    fc.property(selector, labels, (spec, of) => {
      expect(matches(spec, of)).toBe(naive(spec, of));
    }),
    { numRuns: 1_000 },
  );
});

const mangled = fc.record(
  {
    matchLabels: fc.oneof(labels, fc.dictionary(fc.string(), fc.string({ maxLength: 70 })), fc.string()),
    matchExpressions: fc.array(
      fc.record(
        {
          key: fc.oneof(key, fc.string()),
          operator: fc.constantFrom("In", "NotIn", "Exists", "DoesNotExist", "in", ""),
          values: fc.array(fc.oneof(value, fc.string({ maxLength: 70 }), fc.integer())),
        },
        { requiredKeys: [] },
      ),
    ),
  },
  { requiredKeys: [] },
);

test("a selector is refused here exactly when admission refuses it", () => {
  fc.assert(
    fc.property(fc.oneof(selector, mangled), (podSelector) => {
      expect(errorsOf(podSelector).length === 0).toBe(
        validatePodConfigMapConfig(pcmc("a", { podSelector })).length === 0,
      );
    }),
    { numRuns: 1_000 },
  );
});

test("nothing makes the parser throw, and every error is one line", () => {
  fc.assert(
    fc.property(fc.anything(), fc.anything(), (anything, inside) => {
      const errors = [
        ...errorsOf(anything),
        ...errorsOf({ matchLabels: inside, matchExpressions: [inside, anything] }),
      ];
      for (const error of errors) expect(error).not.toContain("\n");
    }),
  );
});

test.each([
  [{}, ""],
  [{ matchLabels: { app: "web", env: "" } }, "app=web,env="],
  [one("In", ["b", "a", "b"]), "tier in (a,b)"],
  [one("NotIn", ["a", ""]), "tier notin (,a)"],
  [one("NotIn", ["a"]), "tier!=a"],
  [one("Exists"), "tier"],
  [one("DoesNotExist"), "!tier"],
])("%j reads %j on a command line", (selector_, expected) => {
  expect(toQueryString(parsed(selector_))).toBe(expected);
});
