// Invariants:
// - Where a place lies does not depend on how the body was cut into chunks.
// - Rechunking neither loses nor adds nor moves a byte, and is the same for the same seed.
import { describe, expect, it } from "vitest";
import { type Place, PlaceFinder } from "../../src/fault-proxy/place.ts";
import { rechunker } from "../../src/fault-proxy/rechunk.ts";

/** The bytes that lie before the place, `undefined` when the body ends before it. */
const passedBefore = (place: Place, chunks: readonly Buffer[], contentType?: string): string | undefined => {
  const finder = new PlaceFinder(place, contentType);
  const passed: Buffer[] = [];
  for (const chunk of chunks) {
    const length = finder.find(chunk);
    if (length >= 0) return Buffer.concat([...passed, chunk.subarray(0, length)]).toString("latin1");
    passed.push(chunk);
  }
  return undefined;
};

const body = Buffer.from("one\ntwo é\nthree ü\n");

describe("a place", () => {
  it.each<[Place, string]>([
    [{}, ""],
    [{ bytes: 2 }, "on"],
    [{ lines: 1 }, "one\n"],
    [{ lines: 1, bytes: 2 }, "one\ntw"],
    [{ insideCharacter: true }, "one\ntwo \u00c3"],
    [{ lines: 2, insideCharacter: true }, "one\ntwo \u00c3\u00a9\nthree \u00c3"],
  ])("%j comes after %j", (place, expected) => {
    expect(passedBefore(place, [body])).toBe(expected);
  });

  it.each<[Place, string]>([
    [{ events: 0, bytes: 2 }, "\0\0"],
    [{ events: 1 }, "\0\0\0\u0003a\nb"],
    [{ events: 2, bytes: 3 }, "\0\0\0\u0003a\nb\0\0\0\0\0\0\0"],
  ])("%j comes after whole events, which have their length before them in protobuf", (place, expected) => {
    const contentType = "application/vnd.kubernetes.protobuf;stream=watch";
    const frames = Buffer.from("\0\0\0\u0003a\nb\0\0\0\0\0\0\0\u0001c");
    expect(passedBefore(place, [frames], contentType)).toBe(expected);
    const single = [...frames].map((byte) => Buffer.of(byte));
    expect(passedBefore(place, single, contentType)).toBe(expected);
  });

  it("after events of JSON comes after as many lines", () => {
    expect(passedBefore({ events: 1, bytes: 2 }, [body], "application/json")).toBe("one\ntw");
  });

  it("that the body does not reach is not found", () => {
    expect(passedBefore({ lines: 9 }, [body])).toBeUndefined();
    expect(passedBefore({ bytes: 1_000 }, [body])).toBeUndefined();
    expect(passedBefore({ insideCharacter: true }, [Buffer.from("plain")])).toBeUndefined();
  });

  it("lies where it lies however the body is cut", () => {
    for (const place of everyPlace()) {
      const expected = passedBefore(place, [body]);
      for (const size of [1, 2, 3, 5, 8]) expect(passedBefore(place, rechunker({ size })(body))).toBe(expected);
      for (const seed of [1, 2, 3]) expect(passedBefore(place, rechunker({ upTo: 8, seed })(body))).toBe(expected);
    }
  });
});

function* everyPlace(): Generator<Place> {
  for (let lines = 0; lines <= 4; lines++) {
    yield { lines, insideCharacter: true };
    for (let bytes = 0; bytes <= 12; bytes++) yield { lines, bytes };
  }
}

describe("rechunking", () => {
  it("keeps every byte in its place", () => {
    for (let seed = 0; seed < 50; seed++) {
      const pieces = rechunker({ upTo: 1 + (seed % 9), seed })(body);
      expect(Buffer.concat(pieces)).toEqual(body);
      expect(pieces.every((piece) => piece.length >= 1 && piece.length <= 1 + (seed % 9))).toBe(true);
    }
  });

  it("delivers pieces of a fixed size", () => {
    expect(rechunker({ size: 1 })(Buffer.from("abc")).map(String)).toEqual(["a", "b", "c"]);
  });

  it("is repeatable by its seed", () => {
    const sizes = (seed: number) => rechunker({ upTo: 7, seed })(Buffer.alloc(200)).map((piece) => piece.length);
    expect(sizes(1)).toEqual(sizes(1));
    expect(sizes(1)).not.toEqual(sizes(2));
  });
});
