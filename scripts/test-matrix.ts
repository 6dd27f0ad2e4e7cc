/*
 * Runs the tests that talk to an API server against other versions of Kubernetes than the default one:
 *
 *     node scripts/test-matrix.ts              # every version that packages/devcluster/go has, but the default one
 *     node scripts/test-matrix.ts 1.29 1.33    # these
 *
 * These tests are the files *.integration.test.ts, and all of packages/devcluster but for its real node. For each version it
 * says what passed, failed and was skipped, and why: a test that is skipped says the reason in its name. The exit code
 * is 1 when a test failed, none passed, one was skipped without a reason, or vitest says that something else went wrong.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { BINARIES, DEFAULT_VERSION, findVersion, listVersions, resolveAssets } from "@pcmc/devcluster";
import { type Outcome, outcomeOf, type Results, report } from "./test-matrix-outcome.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

/** What vitest is asked for: parts of paths. */
const FILES = [".integration.test.ts", "packages/devcluster/test/"];

/** A kubelet of the default version is what the real node is made for. */
const EXCLUDED = "packages/devcluster/test/real-node/**";

/** @returns the exit code; `null` where a signal ended it. */
const runVitest = async (version: string, outputFile: string): Promise<number | null> => {
  const env: NodeJS.ProcessEnv = { ...process.env, KUBERNETES_VERSION: version };
  // What is in there is of one version, most often another.
  delete env.KUBEBUILDER_ASSETS;
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${outputFile}`];
  const vitest = join(root, "node_modules/.bin/vitest");
  const args = ["run", ...FILES, `--exclude=${EXCLUDED}`, ...reporters];
  const child = spawn(vitest, args, { cwd: root, env, stdio: ["ignore", "inherit", "inherit"] });
  const [code]: (number | null)[] = await once(child, "close");
  return code ?? null;
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
    const exitCode = await runVitest(full, outputFile);
    if (!existsSync(outputFile)) throw new Error(`vitest ended without results for Kubernetes ${full}`);
    const results = JSON.parse(readFileSync(outputFile, "utf8")) as Results;
    const seconds = (performance.now() - started) / 1000;
    return outcomeOf(results, { version: full, seconds, exitCode, root });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};

const named = process.argv.slice(2);
const others = listVersions().filter(({ minor }) => minor !== DEFAULT_VERSION);
const versions = named.length > 0 ? named : others.map(({ minor }) => minor);
const outcomes: Outcome[] = [];
for (const version of versions) outcomes.push(await run(version));
for (const outcome of outcomes) console.log(report(outcome));
if (outcomes.some(({ faults }) => faults.length > 0)) process.exitCode = 1;
