/*
 * Invariants
 * - What is parsed plainly is what the reader reads, of any JSON and of any other text.
 * - Whatever the reader reads otherwise than `JSON.parse`, or that is deep, is left to it.
 */
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { expect, test } from "vitest";
import { JsonReader, planAll } from "../../src/decode/json-reader.ts";
import { parsePlainJson } from "../../src/decode/plain-json.ts";

const plain = (text: string): unknown => parsePlainJson(Buffer.from(text));
const read = (text: string): unknown => new JsonReader().read(Buffer.from(text), planAll);

/** Numbers of every spelling, long ones too; and strings, which may hold the same. */
const scalar = fc.oneof(
  fc.stringMatching(/^-?(0|[1-9][0-9]{0,25})([.][0-9]{1,20})?([eE][+-]?[0-9]{1,3})?$/),
  fc.string({ unit: "binary" }).map((text) => JSON.stringify(text)),
  fc.bigInt().map((number) => `"${number}"`),
  fc.constantFrom("true", "false", "null", '"\\ud800"', '"__proto__"'),
);
const json: fc.Arbitrary<string> = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    scalar,
    fc.array(tie("value"), { maxLength: 4 }).map((items) => `[ ${items.join(",")}]`),
    fc
      .array(fc.tuple(fc.constantFrom("a", "b", "7", "__proto__", "constructor", "é"), tie("value")), { maxLength: 4 })
      .map((fields) => `{${fields.map(([name, value]) => `"${name}" :${value}`).join(",\n")}}`),
  ),
})).value;

/** The same, cut or changed at some place. */
const broken = fc
  .tuple(json, fc.nat(), fc.constantFrom("", '"', "{", "]", "0", ",", "\\", "\u0001"))
  .map(([text, at, put]) => {
    const place = at % (text.length + 1);
    return text.slice(0, place) + put + text.slice(place + 1);
  });

test.each([
  ["JSON", json, 500],
  ["text that is cut or changed at some place", broken, 100],
])("what is parsed of %s is what the reader reads", (_, texts, least) => {
  let parsed = 0;
  fc.assert(
    fc.property(texts, (text) => {
      const value = plain(text);
      if (value === undefined) return;
      parsed += 1;
      expect(isDeepStrictEqual(value, read(text)), text).toBe(true);
    }),
    { numRuns: 2_000 },
  );
  expect(parsed).toBeGreaterThan(least);
});

test.each([
  ["an integer that would be rounded", '{"size":9007199254740993}'],
  ["one that is negative", "[-1234567890123456789]"],
  ["deep nesting", "[".repeat(1_001) + "]".repeat(1_001)],
  ["no JSON", "{size:1}"],
  ["nothing", ""],
  ["a text of more than a megabyte", JSON.stringify("a".repeat(1_024 * 1_024))],
])("%s is left to the reader", (_, text) => {
  expect(plain(text)).toBeUndefined();
});

test("as many brackets as there may be are parsed", () => {
  expect(plain(`[${"{},".repeat(998)}{}]`)).toHaveLength(999);
});
