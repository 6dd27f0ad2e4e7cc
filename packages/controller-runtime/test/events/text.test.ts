/*
 * Invariants
 * - Whatever an object is called, the Event's name is one that the API takes.
 * - A text that is cut is a beginning of the whole, within its bytes, and ends with a whole character.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { clip, clipNote, eventName, isQualifiedName, microTime } from "../../src/events/text.ts";

const NOW = 1_790_000_000_000_000_000n;
const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

test.each([
  ["web-0", "web-0.18d75b8423f30000"],
  ["a.b.c", "a.b.c.18d75b8423f30000"],
  ["system:node", "system-node.18d75b8423f30000"],
  ["Upper_Case:", "upper-case.18d75b8423f30000"],
  ["::", "event.18d75b8423f30000"],
])("the Event of %s is called %s", (regarding, name) => {
  expect(eventName(regarding, NOW)).toBe(name);
});

test("any name, of any length, makes the name of an Event that the API takes", () => {
  const realistic = fc.stringMatching(/^[a-z0-9]([-a-z0-9.]{0,250}[a-z0-9])?$/);
  fc.assert(
    fc.property(fc.oneof(fc.string({ maxLength: 300 }), realistic), (regarding) => {
      const name = eventName(regarding, NOW);
      expect(name).toMatch(SUBDOMAIN);
      expect(name.length).toBeLessThanOrEqual(253);
    }),
  );
});

test("a text is cut within its bytes, at the end of a character, and no earlier than it must", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 60 }), fc.nat(80), (text, bytes) => {
      const cut = clip(text, bytes);
      expect(text.toWellFormed().startsWith(cut)).toBe(true);
      expect(cut.isWellFormed()).toBe(true);
      expect(Buffer.byteLength(cut)).toBeLessThanOrEqual(bytes);
      const next = text.slice(cut.length).codePointAt(0);
      if (next !== undefined) expect(Buffer.byteLength(cut + String.fromCodePoint(next))).toBeGreaterThan(bytes);
    }),
  );
});

test("a note of 1,024 bytes stays whole", () => {
  const note = "ä".repeat(512);
  expect(clipNote(note)).toBe(note);
});

test("a longer note ends with an ellipsis, within 1,024 bytes", () => {
  const note = clipNote("😀".repeat(300));
  expect(note).toBe(`${"😀".repeat(255)}…`);
});

test("a time has six digits after the second", () => {
  expect(microTime(new Date(Date.UTC(2026, 0, 2, 3, 4, 5, 6)))).toBe("2026-01-02T03:04:05.006000Z");
});

test.each(["tester", "example.com/tester", "Tester_1.x", "a.b.c/T"])("%s may report", (name) => {
  expect(isQualifiedName(name)).toBe(true);
});

test.each(["", "/tester", "a/b/c", "Example.com/tester", "tester-", "a b", "x".repeat(64)])(
  "%s may not report",
  (name) => {
    expect(isQualifiedName(name)).toBe(false);
  },
);
