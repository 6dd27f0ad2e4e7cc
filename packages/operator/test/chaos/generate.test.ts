/*
 * Invariants:
 * - A seed has one story, whenever it is asked for, and JSON keeps it.
 * - Stories differ, and in many of them each kind of step happens.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { storyOf } from "./generate.ts";
import { parseSeeds } from "./seeds.ts";
import { describeStep, type Step } from "./story.ts";

test("a seed has one story, which JSON keeps", () => {
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      expect(storyOf(seed)).toEqual(storyOf(seed));
      expect(JSON.parse(JSON.stringify(storyOf(seed)))).toEqual(storyOf(seed));
    }),
  );
});

test("a step speaks of managers that the story has", () => {
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      const { replicas, steps } = storyOf(seed);
      for (const step of steps) if ("replica" in step) expect(step.replica).toBeLessThan(replicas);
    }),
  );
});

test("in two hundred stories everything happens", () => {
  const stories = Array.from({ length: 200 }, (_, seed) => storyOf(seed));
  const happened = new Set(stories.flatMap(({ steps }) => steps.map((step) => step.do)));
  const alone = [
    "create-pod",
    "label-pod",
    "annotate-pod",
    "set-phase",
    "delete-pod",
    "release-pod",
    "replace-pod",
    "create-config",
    "change-config",
    "delete-config",
    "edit-configmap",
    "delete-configmap",
    "foreign-configmap",
    "fault",
    "break-connections",
    "calm",
    "rewind",
    "kill-manager",
    "stop-manager",
    "start-manager",
    "pause-manager",
    "resume-manager",
    "restart-server",
    "wait",
    "await-ready",
  ] satisfies Step["do"][];
  const together = ["steal-lease", "skew-lease", "delete-lease"] satisfies Step["do"][];
  expect([...happened].sort()).toEqual([...alone, ...together].sort());
  expect(new Set(stories.map((story) => JSON.stringify(story.steps))).size).toBe(stories.length);
});

test("a step reads as one line, and a long value is cut", () => {
  expect(describeStep({ do: "label-pod", pod: "web", labels: { side: "left" } })).toBe(
    'label-pod pod=web labels={"side":"left"}',
  );
  expect(describeStep({ do: "delete-pod", pod: "p".repeat(250) })).toHaveLength("delete-pod pod=".length + 120);
});

test.each([
  ["7", [7]],
  ["3-5", [3, 4, 5]],
  ["9, 2-3,2", [9, 2, 3, 2]],
])("seeds %j are %j", (text, seeds) => {
  expect(parseSeeds(text)).toEqual(seeds);
});

test.each(["", "a", "5-3", "1-", "1;2", "-4"])("seeds %j are refused", (text) => {
  expect(() => parseSeeds(text)).toThrow(RangeError);
});
