import { readFileSync } from "node:fs";
import { containerIdOf } from "./cgroup-names.ts";
import { foldersIn } from "./cgroup-tops.ts";
import { processStart } from "./process-start.ts";

const numbersIn = (text: string): readonly number[] =>
  text.split("\n").flatMap((line) => (line === "" ? [] : [Number(line)]));

/** A cgroup that is gone has no processes, and neither has a threaded one, whose list is refused (EOPNOTSUPP). */
const processesIn = (cgroup: string): readonly number[] => {
  try {
    return numbersIn(readFileSync(`${cgroup}/cgroup.procs`, "utf8"));
  } catch {
    return [];
  }
};

/** A container may have made cgroups of its own, and moved its processes there. */
const processesBelow = (cgroup: string): readonly number[] => [
  ...processesIn(cgroup),
  ...foldersIn(cgroup).flatMap((name) => processesBelow(`${cgroup}/${name}`)),
];

/** The process that has run the longest: in a container its first one, however many it has started since. */
const oldest = (pids: readonly number[]): number | undefined => {
  let first: { readonly pid: number; readonly start: number } | undefined;
  for (const pid of pids) {
    // 0 is a process that this PID namespace cannot see.
    const start = pid === 0 ? undefined : processStart(pid);
    if (start === undefined) continue;
    if (first === undefined || start < first.start || (start === first.start && pid < first.pid))
      first = { pid, start };
  }
  return first?.pid;
};

/**
 * The process id, as this process' PID namespace has it, of the first process of the first of these containers that runs.
 * The sandbox (pause) is no container of the Pod's status and so never meant. `undefined` while none runs, and where this
 * process cannot see the node's processes (`hostPID`).
 */
export const firstProcess = (podCgroup: string, containerIds: readonly string[]): number | undefined => {
  if (containerIds.length === 0) return undefined;
  const cgroups = new Map<string, string>();
  for (const name of foldersIn(podCgroup)) {
    const id = containerIdOf(name);
    if (id !== undefined) cgroups.set(id, `${podCgroup}/${name}`);
  }
  for (const id of containerIds) {
    const cgroup = cgroups.get(id);
    const pid = cgroup === undefined ? undefined : oldest(processesBelow(cgroup));
    if (pid !== undefined) return pid;
  }
  return undefined;
};
