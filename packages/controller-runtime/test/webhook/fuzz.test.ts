/*
 * Invariants
 * - Whatever is sent as a review gets an answer: a review of the same uid, or a 4xx of one line. Never a 5xx, never none.
 *
 * ADMISSION_FUZZ=100000 sends that many; `node bench/admission.ts fuzz` does too.
 */
import { expect, test } from "vitest";
import { fuzz } from "./fuzz.ts";

const COUNT = Number(process.env.ADMISSION_FUZZ ?? 5_000);

test("mutated reviews are answered or refused, and nothing fails", { timeout: 600_000 }, async () => {
  const { statuses, faults } = await fuzz(COUNT, 1);
  expect(faults).toEqual([]);
  // Both kinds came up, or the mutations are too mild or too wild to find anything.
  expect(statuses[200]).toBeGreaterThan(COUNT / 50);
  expect(statuses[400]).toBeGreaterThan(COUNT / 4);
});
