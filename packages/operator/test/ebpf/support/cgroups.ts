import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { cgroupMounts } from "../../../src/ebpf/cgroup-mounts.ts";
import { until } from "./until.ts";

const v2Mount = cgroupMounts(readFileSync("/proc/self/mountinfo", "utf8")).find(({ version }) => version === 2)?.path;

/** Why tests on real cgroups cannot run here; `undefined` where they can. */
export const noCgroups =
  process.getuid?.() !== 0 ? "needs root" : v2Mount === undefined ? "needs a cgroup v2 mount" : undefined;

/** A folder of the real cgroup v2 hierarchy of a test's own. Its end ends the processes in it and removes it. */
export interface TestCgroups extends AsyncDisposable {
  readonly root: string;
  /** Makes a cgroup below the root, with those above it, and returns its path. */
  make(path: string): string;
  remove(path: string): void;
  /** Starts a process that sleeps in the cgroup. */
  sleeper(cgroup: string): Promise<ChildProcess>;
}

const removeTree = (path: string): void => {
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (entry.isDirectory()) removeTree(`${path}/${entry.name}`);
  }
  rmdirSync(path);
};

const populated = (path: string): boolean => readFileSync(`${path}/cgroup.events`, "utf8").includes("populated 1");

/** Moves a process into a cgroup. */
export const enter = (cgroup: string, pid: number): void => writeFileSync(`${cgroup}/cgroup.procs`, String(pid));

export const testCgroups = (): TestCgroups => {
  if (v2Mount === undefined) throw new Error("no cgroup v2 mount");
  const root = mkdtempSync(`${v2Mount}/pcmc-test-`);
  const children: ChildProcess[] = [];
  return {
    root,
    make(path) {
      const full = `${root}/${path}`;
      // Not recursive: that hangs on some kernel file systems when a folder above is missing.
      for (const folder of pathsDownTo(root, full)) {
        try {
          mkdirSync(folder);
        } catch (error) {
          if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
        }
      }
      return full;
    },
    remove: (path) => removeTree(`${root}/${path}`),
    async sleeper(cgroup) {
      const child = spawn("sleep", ["1000"], { stdio: "ignore" });
      children.push(child);
      await once(child, "spawn");
      if (child.pid === undefined) throw new Error("no pid");
      enter(cgroup, child.pid);
      return child;
    },
    async [Symbol.asyncDispose]() {
      for (const child of children) child.kill("SIGKILL");
      await until(() => !populated(root));
      removeTree(root);
    },
  };
};

const pathsDownTo = (root: string, path: string): readonly string[] =>
  path === root ? [] : [...pathsDownTo(root, dirname(path)), path];
