/**
 * The command as a user runs it, in a temporary folder of its own.
 *
 * Invariants:
 * - the kubeconfig is all that `up` writes to standard output, so it can be captured;
 * - the cluster outlives the command that started it, and `down` leaves nothing;
 * - saying the same thing twice is no error.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { allGone, identifyAll } from "./processes.ts";

const command = fileURLToPath(new URL("../bin/pcmc-devcluster", import.meta.url));

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "dc-"));
});

afterAll(async () => {
  await run("down");
  rmSync(folder, { recursive: true, force: true });
});

const run = async (...args: string[]) => {
  const child = spawn(command, args, { env: { ...process.env, TMPDIR: folder } });
  const output = { stdout: "", stderr: "" };
  child.stdout.on("data", (data) => {
    output.stdout += data;
  });
  child.stderr.on("data", (data) => {
    output.stderr += data;
  });
  const [exitCode] = await once(child, "close");
  return { ...output, exitCode };
};

test("up, status and down do what they say, and say it when there is nothing to do", { timeout: 180_000 }, async () => {
  const first = await run("up", "--nodes", "0");
  expect(first).toMatchObject({ stderr: "", exitCode: 0 });
  const kubeconfig = first.stdout.trim();
  expect(existsSync(kubeconfig)).toBe(true);

  const second = await run("up", "--nodes", "0");
  expect(second).toEqual({ stdout: first.stdout, stderr: "devcluster: default is already up\n", exitCode: 0 });

  const status = await run("status");
  expect(status.stdout).toMatch(/^default up \S+ etcd=\d+ kube-apiserver=\d+ kube-controller-manager=\d+\n$/);
  const processes = identifyAll([...status.stdout.matchAll(/=(\d+)/g)].map(([, pid]) => Number(pid)));

  expect(await run("down")).toEqual({ stdout: "", stderr: "devcluster: default is down\n", exitCode: 0 });
  await allGone(processes);
  expect(existsSync(kubeconfig)).toBe(false);
});

test("down and status of what is not up say so", async () => {
  expect(await run("down", "--name", "other")).toMatchObject({ stderr: "devcluster: other is not up\n", exitCode: 0 });
  expect(await run("status")).toMatchObject({ stderr: "devcluster: nothing is up\n", exitCode: 1 });
});

test("an error is one line and exit code 1", async () => {
  const result = await run("up", "--version", "1.20");
  expect(result).toMatchObject({ stdout: "", exitCode: 1 });
  expect(result.stderr).toMatch(/^devcluster: Kubernetes 1\.20 is not known here; there is: .*\n$/);
});
