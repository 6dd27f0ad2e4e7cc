/*
 * Invariant: however a stream is cut into chunks, the same lines come out, in order, byte for byte.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LineSplitter } from "../../src/decode/line-splitter.ts";

const split = (chunks: readonly Buffer[]): string[] => {
  const lines: string[] = [];
  const splitter = new LineSplitter((bytes, start, end) => lines.push(bytes.toString("utf8", start, end)));
  for (const chunk of chunks) splitter.push(chunk);
  return lines;
};

/** Cuts `bytes` at the given places. */
const cut = (bytes: Buffer, places: readonly number[]): Buffer[] => {
  const ends = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b);
  const starts = [0, ...ends];
  return starts.map((start, i) => bytes.subarray(start, ends[i] ?? bytes.length));
};

describe("LineSplitter", () => {
  test("gives the same lines however the stream is cut, also inside a multi-byte character", () => {
    const line = fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 }).filter((text) => !text.includes("\n"));
    fc.assert(
      fc.property(fc.array(line), fc.array(fc.nat(), { maxLength: 20 }), (lines, places) => {
        const bytes = Buffer.from(lines.map((text) => `${text}\n`).join(""));
        expect(split(cut(bytes, places))).toEqual(lines);
      }),
      { numRuns: 2_000 },
    );
  });

  test("keeps back a line that has not ended", () => {
    expect(split([Buffer.from("a\nb")])).toEqual(["a"]);
  });

  test("leaves empty lines out", () => {
    expect(split([Buffer.from("\n\na\n\n")])).toEqual(["a"]);
  });

  test("refuses a line that never ends", () => {
    const splitter = new LineSplitter(() => {});
    const chunk = Buffer.alloc(16 * 1024 * 1024, 0x61);
    for (let i = 0; i < 4; i++) splitter.push(chunk);
    expect(() => splitter.push(chunk)).toThrow(RangeError);
  });
});
