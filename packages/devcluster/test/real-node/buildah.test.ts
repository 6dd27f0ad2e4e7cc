/** Invariant: two steps of a build that run at the same time, or just after each other, share no writable folder. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { withOwnState } from "../../src/real-node/buildah.ts";
import { whyNoRealNode } from "../../src/real-node/packages.ts";
import { run } from "../../src/real-node/run.ts";

let folder: string;

beforeEach(() => {
  // With a space: paths are quoted on their way.
  folder = mkdtempSync(join(tmpdir(), "devcluster test-"));
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const prefix = (name: string) => {
  mkdirSync(join(folder, name));
  return withOwnState(join(folder, name));
};

const reason = whyNoRealNode();

test.skipIf(reason !== undefined)(
  `each has a /var/lib of its own${reason ? ` (skipped: ${reason})` : ""}`,
  async () => {
    const probe = `/var/lib/pcmc-probe-${process.pid}`;
    const [command, ...args] = prefix("first");
    const script = `echo first >${probe} && echo up && read go && cat ${probe}`;
    const first = spawn(command, [...args, "sh", "-c", script], { stdio: ["pipe", "pipe", "inherit"] });
    try {
      expect(String(await once(first.stdout, "data"))).toBe("up\n");
      const [other, ...rest] = prefix("second");
      expect(await run(other, [...rest, "sh", "-c", `ls ${probe} 2>/dev/null; echo second >${probe}`])).toBe("");
      first.stdin.end("go\n");
      expect(String(await once(first.stdout, "data"))).toBe("first\n");
      expect(existsSync(probe)).toBe(false);
      expect(readdirSync(folder).flatMap((name) => readdirSync(join(folder, name)))).toEqual([]);
    } finally {
      first.kill("SIGKILL");
    }
  },
);
