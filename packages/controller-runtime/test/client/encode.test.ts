// Invariants:
// - Any integer goes out with all its digits, also beyond 2^53, and only as a number.
// - What JSON.stringify does with everything else stays.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encode } from "../../src/client/encode.ts";
import { jsonCodec } from "../../src/decode/json.ts";

describe("encode", () => {
  it("writes a bigint as the number it is", () => {
    expect(encode({ a: 9_007_199_254_740_993n, b: [-1n], c: "9n" })).toBe('{"a":9007199254740993,"b":[-1],"c":"9n"}');
  });

  it("leaves undefined out", () => {
    expect(encode({ a: undefined, b: 1 })).toBe('{"b":1}');
    expect(encode({ a: undefined, b: 1n })).toBe('{"b":1}');
  });

  it("writes what has a toJSON as that says, beside a bigint too", () => {
    const at = new Date(Date.UTC(2026, 0, 1));
    expect(encode({ at, n: 1n })).toBe('{"at":"2026-01-01T00:00:00.000Z","n":1}');
  });

  it("refuses a cycle with an error that says so", () => {
    const cycle: Record<string, unknown> = { n: 1n };
    cycle.self = cycle;
    expect(() => encode(cycle)).toThrow(/circular/);
  });

  it("gives back every int64 through decode and encode", () => {
    const decoder = jsonCodec().decoder(true);
    const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
    fc.assert(
      fc.property(int64, fc.double({ noNaN: true, noDefaultInfinity: true }), fc.string(), (n, x, text) => {
        const json = `{"spec":{"n":${n},"x":${JSON.stringify(x)},"text":${JSON.stringify(text)}}}`;
        expect(encode(decoder.object(Buffer.from(json)))).toBe(json);
      }),
    );
  });
});
