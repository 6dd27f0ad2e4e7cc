/*
 * Invariants
 * - With everything wanted, the reader gives what JSON.parse gives, for any JSON text and any spelling of it.
 * - With a projection, it gives what picking those fields from the parsed object gives.
 * - It reads a range of a buffer, and nothing outside it.
 * - Whatever bytes come, it ends: with a value or a JsonSyntaxError.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { digestOf } from "../../src/cache/digest.ts";
import { JsonReader, JsonSyntaxError, planAll, planObject, planValue } from "../../src/decode/json-reader.ts";
import type { Projection, ProjectionTree } from "../../src/decode/projection.ts";

const read = (text: string, projection: Projection = true): unknown =>
  new JsonReader().read(Buffer.from(text), planValue(projection));

/** The reference: parse all, then pick. */
const pick = (value: unknown, projection: Projection): unknown => {
  if (projection === true) return value;
  if (projection === "digest") return digestOf(value);
  if (Array.isArray(value)) return value.map((item) => pick(item, projection));
  if (typeof value !== "object" || value === null) return value;
  const fields = Object.entries(value).flatMap(([field, inner]) => {
    const wanted = Object.hasOwn(projection, field) ? projection[field] : undefined;
    return wanted === undefined ? [] : [[field, pick(inner, wanted)]];
  });
  return Object.fromEntries(fields);
};

const name = fc.constantFrom("a", "b", "metadata", "labels", 'é"\\\n', "");
const json = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    fc.string({ unit: "binary" }),
    fc.integer(),
    fc
      .double({ noNaN: true, noDefaultInfinity: true })
      .map((n) => (Number.isInteger(n) && !Number.isSafeInteger(n) ? n / 3 + 0.5 : n))
      .filter((n) => !Number.isInteger(n) || Number.isSafeInteger(n)),
    fc.constantFrom(true, false, null),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(name, tie("value"), { maxKeys: 4 }),
  ),
})).value;

const projection: fc.Arbitrary<Projection> = fc.letrec<{ tree: Projection }>((tie) => ({
  tree: fc.oneof(
    { depthSize: "small" },
    fc.constantFrom<Projection>(true, "digest"),
    fc.dictionary(name, tie("tree"), { maxKeys: 3 }) as fc.Arbitrary<ProjectionTree>,
  ),
})).tree;

describe("JsonReader", () => {
  test("reads any JSON as JSON.parse does", () => {
    fc.assert(
      fc.property(json, fc.constantFrom(0, 1, 3), (value, indent) => {
        const text = JSON.stringify(value, null, indent);
        expect(read(text)).toEqual(JSON.parse(text));
      }),
      { numRuns: 2_000 },
    );
  });

  test("gives, with a projection, what picking the fields from the whole object gives", () => {
    fc.assert(
      fc.property(json, projection, (value, wanted) => {
        const text = JSON.stringify(value);
        expect(read(text, wanted)).toEqual(pick(JSON.parse(text), wanted));
      }),
      { numRuns: 3_000 },
    );
  });

  test("reads a range of a buffer and leaves the rest alone", () => {
    fc.assert(
      fc.property(json, fc.string(), fc.string(), (value, before, after) => {
        const text = JSON.stringify(value);
        const bytes = Buffer.from(before + text + after);
        const start = Buffer.byteLength(before);
        const end = start + Buffer.byteLength(text);
        expect(new JsonReader().read(bytes, planAll, start, end)).toEqual(JSON.parse(text));
      }),
    );
  });

  test("reads one text after another, also after one that failed", () => {
    const reader = new JsonReader();
    expect(() => reader.read(Buffer.from('{"a":[[1'), planAll)).toThrow(JsonSyntaxError);
    expect(reader.read(Buffer.from('{"a":1}'), planAll)).toEqual({ a: 1 });
  });

  test("ends with a value or a JsonSyntaxError, whatever the bytes", () => {
    const noise = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.tuple(json, fc.nat(), fc.uint8Array({ maxLength: 3 })).map(([value, place, junk]) => {
        const text = Buffer.from(JSON.stringify(value));
        const at = place % (text.length + 1);
        return new Uint8Array(Buffer.concat([text.subarray(0, at), junk, text.subarray(at + (place % 3))]));
      }),
    );
    fc.assert(
      fc.property(noise, projection, (bytes, wanted) => {
        try {
          new JsonReader().read(Buffer.from(bytes), planValue(wanted));
        } catch (error) {
          expect(error).toBeInstanceOf(JsonSyntaxError);
        }
      }),
      { numRuns: 5_000 },
    );
  });

  test("refuses what is truncated, wherever it is cut", () => {
    const text = Buffer.from('{"a":[1,true,{"b":"x\\ny"}],"c":null,"d":-1.5e3}');
    for (let end = 0; end < text.length; end++) {
      expect(() => new JsonReader().read(text, planAll, 0, end)).toThrow(JsonSyntaxError);
      expect(() => new JsonReader().read(text, planValue({ none: true }), 0, end)).toThrow(JsonSyntaxError);
    }
  });

  test("keeps integers beyond 2^53 exact", () => {
    const text =
      '{"max":9223372036854775807,"min":-9223372036854775808,"safe":9007199254740991,"over":9007199254740993}';
    expect(read(text)).toEqual({
      max: 9223372036854775807n,
      min: -9223372036854775808n,
      safe: 9007199254740991,
      over: 9007199254740993n,
    });
  });

  test("refuses a number of more than 400 characters: reading it would hold up everything else", () => {
    const digits = "9".repeat(8_000_000);
    for (const number of [digits, `-${digits}`, `0.${digits}`, "9".repeat(401)]) {
      expect(() => read(`{"a": ${number}}`)).toThrow(
        "invalid JSON at byte 6: expected a number of no more than 400 characters",
      );
    }
    expect(read(`[${"9".repeat(400)}]`)).toEqual([BigInt("9".repeat(400))]);
    expect(read(`{"a": ${digits}, "b": 1}`, { b: true })).toEqual({ b: 1 });
  });

  test("takes a field named __proto__ for a field", () => {
    const value = read('{"__proto__":{"polluted":true},"a":1}') as Record<string, unknown>;
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(Object.keys(value)).toEqual(["__proto__", "a"]);
  });

  test("refuses nesting that would overflow the stack", () => {
    expect(() => read("[".repeat(1_000_000))).toThrow(JsonSyntaxError);
  });

  test("leaves managedFields out of a whole object, and takes them where they are named", () => {
    const object = { metadata: { name: "a", managedFields: [{ manager: "kubectl" }] }, managedFields: 1 };
    const bytes = Buffer.from(JSON.stringify(object));
    const reader = new JsonReader();
    expect(reader.read(bytes, planObject(true))).toEqual({ metadata: { name: "a" }, managedFields: 1 });
    expect(reader.read(bytes, planObject({ metadata: true }))).toEqual({ metadata: { name: "a" } });
    expect(reader.read(bytes, planObject({ metadata: { managedFields: true } }))).toEqual({
      metadata: { managedFields: [{ manager: "kubectl" }] },
    });
  });
});
