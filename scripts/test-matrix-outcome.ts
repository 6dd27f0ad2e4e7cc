import { relative } from "node:path";

/** Of vitest's JSON reporter. */
export interface Results {
  readonly testResults: readonly {
    /** The path of the file. */
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[];
  }[];
}

/** How the tests went with one version. */
export interface Outcome {
  readonly version: string;
  readonly seconds: number;
  readonly passed: number;
  /** File and name of each. */
  readonly skipped: readonly string[];
  /** What makes it fail: file and name of tests, or what else went wrong. None: it passed. */
  readonly faults: readonly string[];
}

export interface Run {
  readonly version: string;
  readonly seconds: number;
  /** Of vitest; `null` where a signal ended it. */
  readonly exitCode: number | null;
  /** The folder that names of files are relative to. */
  readonly root: string;
}

/** Judges what vitest has reported, and its exit code: an error outside of all tests is in no result. */
export const outcomeOf = ({ testResults }: Results, { version, seconds, exitCode, root }: Run): Outcome => {
  const tests = testResults.flatMap(({ name, assertionResults }) =>
    assertionResults.map(({ fullName, status }) => ({ status, name: `${relative(root, name)}: ${fullName}` })),
  );
  // A file that cannot be loaded, or whose first hook fails, has no failed test.
  const broken = testResults
    .filter(
      ({ status, assertionResults }) => status === "failed" && !assertionResults.some((one) => one.status === "failed"),
    )
    .map(({ name, message }) => `failed: ${relative(root, name)}: ${message.split("\n")[0]}`);
  const failed = tests.filter(({ status }) => status === "failed").map(({ name }) => `failed: ${name}`);
  const passed = tests.filter(({ status }) => status === "passed").length;
  const skipped = tests.filter(({ status }) => !["passed", "failed"].includes(status)).map(({ name }) => name);
  const silent = skipped.filter((name) => !hasReason(name)).map((name) => `skipped without a reason: ${name}`);
  const faults = [...broken, ...failed, ...silent, ...(passed === 0 ? ["no test passed"] : [])];
  if (exitCode !== 0 && faults.length === 0) {
    faults.push(exitCode === null ? "vitest was ended by a signal" : `vitest ends with ${exitCode}: see above`);
  }
  return { version, seconds, passed, skipped, faults };
};

/** `… (skipped: …)` is the convention for a test that a machine or a version cannot run. */
const hasReason = (name: string): boolean => /\(skipped: .+\)/.test(name);

/** For people: the counts, and a line for each fault and each test that was skipped for a reason. */
export const report = ({ version, seconds, passed, skipped, faults }: Outcome): string =>
  [
    `Kubernetes ${version}: ${passed} passed, ${skipped.length} skipped, ${faults.length} faults (${seconds.toFixed(0)} s)`,
    ...faults.map((fault) => `  ${fault}`),
    ...skipped.filter(hasReason).map((name) => `  skipped: ${name}`),
  ].join("\n");
