import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { RealCluster } from "@pcmc/devcluster";

/**
 * The processes of a Pod's containers, as this machine counts pids; that of the sandbox is not among them.
 *
 * @param uid - the Pod's
 */
export const processesOf = (cluster: RealCluster, uid: string): number[] => {
  const { cgroupFolder = "" } = cluster.node;
  return readdirSync(cgroupFolder, { recursive: true, encoding: "utf8" })
    .filter((path) => path.includes(`/pod${uid}/`) && path.endsWith("cgroup.procs"))
    .flatMap((path) => readFileSync(join(cgroupFolder, path), "utf8").split("\n"))
    .map(Number)
    .filter((pid) => pid > 0 && !commandOf(pid).startsWith("/busybox"));
};

const commandOf = (pid: number): string => readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");

/** What the kernel says of a process, such as `CapEff`: proc(5). */
export const statusOf = (pid: number): Readonly<Record<string, string>> =>
  Object.fromEntries(
    readFileSync(`/proc/${pid}/status`, "utf8")
      .split("\n")
      .flatMap((line) => {
        const [, name, value] = /^(\w+):\s*(.*)$/.exec(line) ?? [];
        return name === undefined || value === undefined ? [] : [[name, value]];
      }),
  );
