import { describe, expect, test } from "vitest";
import { didYouMean, nearest } from "../../src/admission/nearest.ts";

const names = ["open", "openat", "nodeName", "metadata", "connect"];

describe("a misspelt name is", () => {
  test.each([
    ["nodename", "nodeName"],
    ["metadta", "metadata"],
    ["conenct", "connect"],
    ["opne", "open"],
    ["OPENAT", "openat"],
  ])("%s -> %s", (word, meant) => {
    expect(nearest(word, names)).toBe(meant);
  });
});

test.each(["x", "accept", "openfile", "o".repeat(1000)])("%s is like none of them", (word) => {
  expect(nearest(word, names)).toBeUndefined();
});

test("a question is asked only where there is an answer", () => {
  expect(didYouMean("conect", names)).toBe(": did you mean connect?");
  expect(didYouMean("zzz", names)).toBe("");
});
