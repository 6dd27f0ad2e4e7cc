/** Invariant: a keeper whose owner is gone ends, also when it cannot clean up: a sweep waits for its end. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";

const keeper = fileURLToPath(new URL("../src/keeper.ts", import.meta.url));

/** Mounts need root. */
const isRoot = process.platform === "linux" && process.getuid?.() === 0;

let folder: string;
let child: ChildProcess | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "devcluster-test-"));
});

afterEach(() => {
  child?.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

/** In a mount namespace of its own, which ends with it, where something is mounted in the folder. */
const startWithMount = () => {
  const mountPoint = join(folder, "mounted");
  mkdirSync(mountPoint);
  const script = 'mount -t tmpfs none "$1" && shift && exec "$@"';
  const args = ["--mount", "/bin/sh", "-c", script, "sh", mountPoint, process.execPath, keeper, folder, "lifeline"];
  return spawn("unshare", args, { stdio: ["pipe", "ignore", "pipe"] });
};

test.runIf(isRoot)("a folder that cannot be removed does not keep it from ending, and is said", async () => {
  const started = startWithMount();
  child = started;
  const exited = once(started, "exit");
  started.stdin.end();
  expect(await text(started.stderr)).toContain("EBUSY");
  expect(await exited).toEqual([1, null]);
  expect(existsSync(folder)).toBe(true);
});
