/*
 * Runs the tests that talk to an API server against other versions of Kubernetes than the default one:
 *
 *     node scripts/test-matrix.ts              # every version that packages/devcluster/go has, but the default one
 *     node scripts/test-matrix.ts 1.29 1.33    # these
 *
 * These tests are the files *.integration.test.ts, and all of packages/devcluster but for its real node. For each version it
 * says what passed, failed and was skipped, and why: a test that is skipped says the reason in its name. The exit code
 * is 1 when a test failed.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { BINARIES, DEFAULT_VERSION, findVersion, listVersions, resolveAssets } from "@pcmc/devcluster";

const root = fileURLToPath(new URL("..", import.meta.url));

/** What vitest is asked for: parts of paths. */
const FILES = [".integration.test.ts", "packages/devcluster/test/"];

/** A kubelet of the default version is what the real node is made for. */
const EXCLUDED = "packages/devcluster/test/real-node/**";

/** Of vitest's JSON reporter. */
interface Results {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[];
  }[];
}

/** How the tests went with one version. */
interface Outcome {
  readonly version: string;
  readonly seconds: number;
  readonly passed: number;
  /** File and name of each. */
  readonly failed: readonly string[];
  readonly skipped: readonly string[];
}

const runVitest = async (version: string, outputFile: string): Promise<void> => {
  const env: NodeJS.ProcessEnv = { ...process.env, KUBERNETES_VERSION: version };
  // What is in there is of one version, most often another.
  delete env.KUBEBUILDER_ASSETS;
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${outputFile}`];
  const vitest = join(root, "node_modules/.bin/vitest");
  const args = ["run", ...FILES, `--exclude=${EXCLUDED}`, ...reporters];
  const child = spawn(vitest, args, { cwd: root, env, stdio: ["ignore", "inherit", "inherit"] });
  await once(child, "close");
};

const outcomeOf = (version: string, results: Results, seconds: number): Outcome => {
  const tests = results.testResults.flatMap(({ name, assertionResults }) =>
    assertionResults.map(({ fullName, status }) => ({ status, name: `${relative(root, name)}: ${fullName}` })),
  );
  // A file that cannot be loaded, or whose first hook fails, has no failed test.
  const broken = results.testResults
    .filter(
      ({ status, assertionResults }) => status === "failed" && !assertionResults.some((one) => one.status === "failed"),
    )
    .map(({ name, message }) => `${relative(root, name)}: ${message.split("\n")[0]}`);
  const withStatus = (status: string) => tests.filter((one) => one.status === status).map(({ name }) => name);
  const failed = [...broken, ...withStatus("failed")];
  const passed = withStatus("passed").length;
  const skipped = tests.filter((one) => !["passed", "failed"].includes(one.status)).map(({ name }) => name);
  return { version, seconds, passed, failed, skipped };
};

const run = async (name: string): Promise<Outcome> => {
  const { full } = findVersion(name);
  const env = { ...process.env };
  delete env.KUBEBUILDER_ASSETS;
  await resolveAssets(BINARIES, { version: full, env });
  const folder = mkdtempSync(join(tmpdir(), "pcmc-matrix-"));
  const outputFile = join(folder, "results.json");
  try {
    const started = performance.now();
    await runVitest(full, outputFile);
    if (!existsSync(outputFile)) throw new Error(`vitest ended without results for Kubernetes ${full}`);
    const results = JSON.parse(readFileSync(outputFile, "utf8")) as Results;
    return outcomeOf(full, results, (performance.now() - started) / 1000);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};

/** `… (skipped: …)` is the convention for a test that a machine or a version cannot run. */
const hasReason = (name: string): boolean => /\(skipped: .+\)/.test(name);

const report = ({ version, seconds, passed, failed, skipped }: Outcome): string => {
  const counts = `${passed} passed, ${failed.length} failed, ${skipped.length} skipped`;
  return [
    `Kubernetes ${version}: ${counts} (${seconds.toFixed(0)} s)`,
    ...failed.map((name) => `  failed: ${name}`),
    ...skipped.map((name) => `  ${hasReason(name) ? "skipped" : "skipped without a reason"}: ${name}`),
  ].join("\n");
};

const named = process.argv.slice(2);
const others = listVersions().filter(({ minor }) => minor !== DEFAULT_VERSION);
const versions = named.length > 0 ? named : others.map(({ minor }) => minor);
const outcomes: Outcome[] = [];
for (const version of versions) outcomes.push(await run(version));
for (const outcome of outcomes) console.log(report(outcome));
if (outcomes.some(({ failed }) => failed.length > 0)) process.exitCode = 1;
