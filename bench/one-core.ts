import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";

/** The first CPU that this process may use (proc_pid_status(5)); `undefined` where that is not known. */
const firstCore = (): string | undefined => {
  if (process.platform !== "linux") return undefined;
  return /^Cpus_allowed_list:\s*(\d+)/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
};

/**
 * Keeps processes to one core, all threads of each and what they start: those that make load, and what it needs beside what is
 * measured, so that their waiting for a core is not taken for its.
 *
 * @returns whether it did: not where there is one core only, nor where taskset(1) is missing.
 */
export const keepToOneCore = (pids: readonly number[]): boolean => {
  const core = firstCore();
  if (core === undefined || availableParallelism() < 2) return false;
  const keep = (pid: number) => spawnSync("taskset", ["--all-tasks", "--cpu-list", "--pid", core, String(pid)]);
  return pids.every((pid) => keep(pid).status === 0);
};
