// Each object has 25 tokens and gets one in five minutes, never more than 25; only the objects asked for last are remembered.
import { expect, test } from "vitest";
import { SpamFilter } from "../../src/events/spam-filter.ts";
import { MINUTE } from "./rig.ts";

/** How many new Events about the object are let through. */
const passed = (filter: SpamFilter, object: string, now: number): number =>
  Array.from({ length: 100 }, () => filter.allows(object, now)).filter((isAllowed) => isAllowed).length;

test("25 pass at once, then one in five minutes", () => {
  const filter = new SpamFilter(10);
  expect([0, 4 * MINUTE, 5 * MINUTE, 20 * MINUTE].map((now) => passed(filter, "a", now))).toEqual([25, 0, 1, 3]);
});

test("a calm time does not make up for more than 25", () => {
  const filter = new SpamFilter(10);
  passed(filter, "a", 0);
  expect(passed(filter, "a", 1_000 * MINUTE)).toBe(25);
});

test("the object asked for least recently is forgotten where there are too many", () => {
  const filter = new SpamFilter(2);
  expect(["a", "b", "a", "c", "a", "b"].map((object) => passed(filter, object, 0))).toEqual([25, 25, 0, 25, 0, 25]);
});
