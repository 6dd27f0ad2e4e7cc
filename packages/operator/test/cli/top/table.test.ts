/*
 * Invariants of the table:
 * - A line for each Pod, columns under their headers, numbers in at most five characters.
 * - What is not counted is a dash, not a zero.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { rateText, tableOf } from "../../../src/cli/top/table.ts";
import { shown } from "./shown.ts";

test("a Pod is a line, with what is not counted as a dash", () => {
  const table = tableOf(shown);
  expect(table).toBe(
    [
      "NAMESPACE  POD    NODE    SYSCALLS/S  ALLOWED/S  BLOCKED/S  BUSIEST CALLS      BLOCKED PORTS",
      "shop       web-0  node-1        1.2k         13        0.4  read write openat  <-22/tcp (17) ->53/udp (2k)",
      "shop       db     node-1           -          -          -  -                  -",
      "",
    ].join("\n"),
  );
});

test.each([
  [0, "0"],
  [0.04, "0.0"],
  [9.94, "9.9"],
  [9.96, "10"],
  [999.4, "999"],
  [999.5, "1.0k"],
  [1_000, "1k"],
  [12_345, "12k"],
  [1_500_000, "1.5M"],
])("%s is %j", (value, text) => {
  expect(rateText(value)).toBe(text);
});

test("no number takes more than five characters", () => {
  fc.assert(fc.property(fc.double({ min: 0, max: 9e14, noNaN: true }), (value) => rateText(value).length <= 5));
});
