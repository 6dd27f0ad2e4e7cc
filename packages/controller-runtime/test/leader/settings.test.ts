/*
 * Invariants
 * - Times that client-go would refuse are refused, with one line that names them.
 */
import { expect, test } from "vitest";
import { validateSettings } from "../../src/leader/settings.ts";
import { LOCK, TIMES } from "./rig.ts";

const GOOD = { ...TIMES, lock: LOCK, identity: "a" };

test("times of which each leaves room for the next are taken", () => {
  expect(() => validateSettings(GOOD)).not.toThrow();
  expect(() => validateSettings({ ...GOOD, leaseDuration: 4_001, retryPeriod: 3_333 })).not.toThrow();
});

test.each([
  ["a lease that lasts no longer than the renewing", { leaseDuration: 4_000 }, "leaseDuration (4000 ms) must be more"],
  ["a deadline that leaves one try", { retryPeriod: 3_334 }, "renewDeadline (4000 ms) must be more than 1.2 times"],
  ["a time of 0", { retryPeriod: 0 }, "retryPeriod must be a time above 0, not 0 ms"],
  ["a time below 0", { leaseDuration: -1 }, "leaseDuration must be a time above 0"],
  ["no number", { renewDeadline: Number.NaN }, "renewDeadline must be a time above 0, not NaN ms"],
  ["a time without end", { leaseDuration: Number.POSITIVE_INFINITY }, "leaseDuration must be a time above 0"],
  ["no identity", { identity: "" }, "identity must not be empty"],
  ["no name of the Lease", { lock: { namespace: "x", name: "" } }, "lock.name must not be empty"],
])("%s is refused", (_what, change, message) => {
  const refused = () => validateSettings({ ...GOOD, ...change });
  expect(refused).toThrow(TypeError);
  expect(refused).toThrow(message);
});
