/*
 * What `make test-matrix` says of a version.
 *
 * Invariant: it passes only where vitest ended with 0, at least one test passed, none failed, and each that was skipped says why.
 */
import { expect, test } from "vitest";
import { outcomeOf, type Results, report } from "../../../../scripts/test-matrix-outcome.ts";

const run = { version: "1.33.13", seconds: 2, exitCode: 0, root: "/repo" };
type Tests = Results["testResults"][number]["assertionResults"];

const results = (tests: Tests, file: { readonly status: string; readonly message: string } = PASSED): Results => ({
  testResults: [{ name: "/repo/a.test.ts", assertionResults: tests, ...file }],
});
const PASSED = { status: "passed", message: "" };
const good = { fullName: "works", status: "passed" };

test("tests that passed, and one that says why it was skipped, are fine", () => {
  const outcome = outcomeOf(results([good, { fullName: "x (skipped: needs 1.34)", status: "skipped" }]), run);
  expect(outcome).toMatchObject({ passed: 1, skipped: ["a.test.ts: x (skipped: needs 1.34)"], faults: [] });
  expect(report(outcome)).toBe(
    "Kubernetes 1.33.13: 1 passed, 1 skipped, 0 faults (2 s)\n  skipped: a.test.ts: x (skipped: needs 1.34)",
  );
});

test.each([
  ["a test that failed", results([good, { fullName: "x", status: "failed" }]), 1, "failed: a.test.ts: x"],
  [
    "a file that cannot be loaded",
    results([good], { status: "failed", message: "No such module\nat x" }),
    1,
    "failed: a.test.ts: No such module",
  ],
  ["an error outside of all tests", results([good]), 1, "vitest ends with 1: see above"],
  ["a run that was killed", results([good]), null, "vitest was ended by a signal"],
  ["no test at all", results([]), 0, "no test passed"],
  [
    "a test that is skipped without a reason",
    results([good, { fullName: "x", status: "pending" }]),
    0,
    "skipped without a reason: a.test.ts: x",
  ],
])("%s is a fault", (_, found, exitCode, fault) => {
  const outcome = outcomeOf(found, { ...run, exitCode });
  expect(outcome.faults).toEqual([fault]);
  expect(report(outcome)).toContain(`\n  ${fault}`);
});
