/*
 * Invariants
 * - No warning is longer than 256 characters, all together no longer than 4,096, and each is one line of well-formed text.
 * - Nothing is left out without being counted, and what fits is as it was.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { cutWarnings } from "../../src/webhook/warnings.ts";

const lengthOf = (text: string): number => [...text].length;

describe("warnings", () => {
  test("stay as they are while there is room", () => {
    expect(cutWarnings(["spec.a is deprecated", "größer als 3"])).toEqual(["spec.a is deprecated", "größer als 3"]);
  });

  test("are said once each, and not at all when they say nothing", () => {
    expect(cutWarnings(["a", "a", " \n ", "b"])).toEqual(["a", "b"]);
  });

  test("lose line breaks and control characters, which a header cannot hold", () => {
    expect(cutWarnings(["first\r\n\tsecond\u0000third\u001b[31m"])).toEqual(["first second third [31m"]);
  });

  test("are cut where a character ends, and say so", () => {
    const [warning = ""] = cutWarnings(["😀".repeat(300)]);
    expect(warning).toBe(`${"😀".repeat(255)}…`);
  });

  test("that have no room any more are counted", () => {
    const many = Array.from({ length: 30 }, (_, i) => `${i} ${"x".repeat(250)}`);
    const cut = cutWarnings(many);
    expect(cut.at(-1)).toBe(`${30 - (cut.length - 1)} more warnings`);
  });

  test("fit into what the API server passes on, whatever they are", () => {
    const texts = fc.oneof(fc.string({ unit: "binary", maxLength: 600 }), fc.string({ maxLength: 600 }));
    fc.assert(
      fc.property(fc.array(texts, { maxLength: 60 }), (warnings) => {
        const cut = cutWarnings(warnings);
        expect(cut.reduce((sum, warning) => sum + lengthOf(warning), 0)).toBeLessThanOrEqual(4_096);
        for (const warning of cut) {
          expect(lengthOf(warning)).toBeLessThanOrEqual(256);
          expect(warning.isWellFormed()).toBe(true);
          expect(warning).not.toMatch(/\p{Cc}/u);
        }
      }),
    );
  });
});
