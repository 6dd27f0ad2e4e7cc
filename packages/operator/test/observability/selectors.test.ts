/*
 * Invariants of what is taken out of PromQL expressions:
 * - Metrics and the labels that are matched are found wherever they stand; functions, words, strings and label lists are not.
 */
import { expect, test } from "vitest";
import { groupingLabelsOf, selectorsOf } from "./support/selectors.ts";

test.each([
  ["up", [["up", []]]],
  ["up == 0 or vector(0)", [["up", []]]],
  ['sum by (job, le) (rate(a_bucket{job=~"x|{y}", b!="z"}[5m])) > 1e3', [["a_bucket", ["job", "b"]]]],
  [
    'histogram_quantile(0.99, sum by (le) (rate(a{b="c"}[5m]) and on (job) d)) - time() < 14 * 86400',
    [
      ["a", ["b"]],
      ["d", []],
    ],
  ],
  [
    "a - on (x) group_left (y) b unless c",
    [
      ["a", []],
      ["b", []],
      ["c", []],
    ],
  ],
  [
    "absent(a{b='and'}) and topk(10, c > 0)",
    [
      ["a", ["b"]],
      ["c", []],
    ],
  ],
])("%s", (expr, expected) => {
  expect(selectorsOf(expr).map(({ metric, labels }) => [metric, labels])).toEqual(expected);
});

test("labels of groups and joins are told apart from those that are matched", () => {
  expect(groupingLabelsOf('sum by (job, le) (a{x="by (y)"}) and on (instance) b')).toEqual(["job", "le", "instance"]);
});
