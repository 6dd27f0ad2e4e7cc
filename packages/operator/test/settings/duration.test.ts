// Invariants of durations: what Go's time.ParseDuration accepts is accepted, to the nanosecond, and nothing else;
// formatting is Go's, and parsing it gives the duration back.

import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatDuration, milliseconds, parseDuration } from "../../src/settings/duration.ts";

const MAX = (1n << 63n) - 1n;
const second = 1_000_000_000n;

describe("a duration", () => {
  // Expected values: time.ParseDuration of Go, run on these texts.
  test.each<[string, bigint]>([
    ["0", 0n],
    ["+0", 0n],
    ["-0", 0n],
    ["1m30s", 90n * second],
    ["500ms", 500_000_000n],
    ["1.5h", 5400n * second],
    ["+5s", 5n * second],
    ["-5s", -5n * second],
    [".5s", 500_000_000n],
    ["5.s", 5n * second],
    ["1h1h", 7200n * second],
    ["1s2h", 7201n * second],
    ["10.5s4m", 250_500_000_000n],
    ["12us", 12_000n],
    ["12\u00b5s", 12_000n],
    ["12\u03bcs3ns", 12_003n],
    ["0.3333333333333333333h", 1_200_000_000_000n],
    ["0.100000000000000000000h", 360n * second],
    ["0.830103483285477580700h", 2_988_372_539_827n],
    ["9223372036854775807ns", MAX],
    ["9223372036854775.807us", MAX],
    ["-9223372036854775808ns", -MAX - 1n],
    ["39h9m14.425s", 140_954_425_000_000n],
  ])("%s is what Go says", (text, expected) => {
    expect(parseDuration(text)).toBe(expected);
  });

  test.each([
    "",
    "3",
    "-",
    "s",
    ".",
    "-.",
    ".s",
    "+.s",
    "1d",
    "1.2.3s",
    "1 s",
    " 1s",
    "1s ",
    "1S",
    "1e3s",
    "--1s",
    "+-1s",
    "1,5s",
    "1\u0000s",
    "٣s",
    "9223372036854775808ns",
    "9223372036854775.808us",
    "9223372036854ms775us808ns",
    "-9223372036854775809ns",
    "3000000h",
    "99999999999999999999s",
  ])("%j is none", (text) => {
    expect(parseDuration(text)).toBeUndefined();
  });

  test.each<[bigint, string]>([
    [0n, "0s"],
    [1n, "1ns"],
    [1_100n, "1.1\u00b5s"],
    [2_200_000n, "2.2ms"],
    [3_300_000_000n, "3.3s"],
    [245n * second, "4m5s"],
    [245_001_000_000n, "4m5.001s"],
    [18_367_001_000_000n, "5h6m7.001s"],
    [480_000_000_001n, "8m0.000000001s"],
    [3600n * second, "1h0m0s"],
    [MAX, "2562047h47m16.854775807s"],
    [-MAX - 1n, "-2562047h47m16.854775808s"],
  ])("of %i ns is shown as Go shows it", (duration, expected) => {
    expect(formatDuration(duration)).toBe(expected);
  });

  test("survives formatting and parsing, whatever it is", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -MAX - 1n, max: MAX }), (duration) => {
        expect(parseDuration(formatDuration(duration))).toBe(duration);
      }),
    );
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10_000n * second }), (duration) => {
        expect(parseDuration(formatDuration(duration))).toBe(duration);
      }),
    );
  });

  test("is never more than 64 bits, whatever the text", () => {
    const part = fc.constantFrom("9", "0", "1", ".", "-", "+", "h", "m", "s", "ms", "ns", "us", "\u00b5s", " ");
    fc.assert(
      fc.property(fc.array(part, { maxLength: 40 }), (parts) => {
        const duration = parseDuration(parts.join(""));
        if (duration !== undefined) expect(BigInt.asIntN(64, duration)).toBe(duration);
      }),
    );
  });

  test("is milliseconds for timers", () => {
    expect(milliseconds(1_500_000n)).toBe(1.5);
  });
});
