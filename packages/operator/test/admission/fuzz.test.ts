/*
 * The webhooks as they are served, from the bytes of a request to those of the answer; templates are compiled by a stand-in.
 *
 * Invariants
 * - Whatever object of a kind that we define is sent for review gets an answer: it is let in or refused, for a reason that is the
 *   object's. No handler throws.
 * - So does each Pod that an API server can have decoded; it is let in.
 *
 * ADMISSION_FUZZ=100000 sends that many of each kind.
 */
import { expect, test } from "vitest";
import { type FuzzedKind, fuzz } from "./fuzz.ts";

const COUNT = Number(process.env.ADMISSION_FUZZ ?? 1_500);
/** Another one for each day would find more, and fail on days when nothing was changed. */
const SEED = Number(process.env.ADMISSION_FUZZ_SEED ?? 1);

test.each<readonly [FuzzedKind, readonly string[]]>([
  ["PodConfigMapConfig", ["allowed", "denied"]],
  ["Watcher", ["allowed", "denied"]],
  ["Pod", ["allowed", "patched"]],
])("any %s is answered, and nothing fails", { timeout: 600_000 }, async (kind, expected) => {
  const { outcomes, faults } = await fuzz(kind, COUNT, SEED);
  expect(faults).toEqual([]);
  // All that can be said was said, or the mutations are too mild or too wild to find anything.
  for (const outcome of expected) expect(outcomes[outcome], outcome).toBeGreaterThan(COUNT / 20);
});
