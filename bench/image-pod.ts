import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { RealCluster } from "@pcmc/devcluster";
import { processesOf } from "../e2e/support/processes.ts";

const PODS = "/api/v1/namespaces/default/pods?labelSelector=app.kubernetes.io/name=podconfigmap-controller";

/** The manager's Pod as kubelet reports it. */
export interface ManagerPod {
  readonly metadata: { readonly name: string; readonly uid: string; readonly deletionTimestamp?: string };
  readonly status: {
    readonly podIP?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly containerStatuses?: readonly {
      readonly restartCount: number;
      readonly lastState?: { readonly terminated?: { readonly reason?: string; readonly exitCode: number } };
    }[];
  };
}

/** The one that there is, or is to be. */
export const managerPod = async (cluster: RealCluster): Promise<ManagerPod | undefined> => {
  const { items } = await cluster.request<{ readonly items: readonly ManagerPod[] }>("GET", PODS);
  return items.find(({ metadata }) => metadata.deletionTimestamp === undefined);
};

/** Seconds from the start of the container's process. */
export interface Start {
  /** To its first answer of 200 at `/readyz`. */
  readonly answers: number;
  /** To the Pod's condition Ready, as the API server has it: after kubelet's probe, and kubelet's report. */
  readonly ready: number;
}

/** How long a start may take, milliseconds. */
const TIMEOUT = 60_000;
/** Between two looks, milliseconds: what the figures are exact to. */
const PACE = 20;

/** Waits for a Pod that was just asked for. The clock starts when the kernel started its process, as proc(5) has that. */
export const startToReady = async (cluster: RealCluster): Promise<Start> => {
  const signal = AbortSignal.timeout(TIMEOUT);
  const pod = await present(signal, () => managerPod(cluster));
  const pid = await present(signal, async () => processesOf(cluster, pod.metadata.uid)[0]);
  const began = startedAt(pid);
  const since = () => (Date.now() - began) / 1_000;
  const answers = present(signal, async () => {
    const address = (await managerPod(cluster))?.status.podIP;
    if (address === undefined) return undefined;
    // The address is kubelet's to report, which may be later than the answer would be.
    return (await isAnswered(address)) ? since() : undefined;
  });
  const ready = present(signal, async () => {
    const conditions = (await managerPod(cluster))?.status.conditions ?? [];
    return conditions.some(({ type, status }) => type === "Ready" && status === "True") ? since() : undefined;
  });
  return { answers: await answers, ready: await ready };
};

const isAnswered = (address: string): Promise<boolean> =>
  fetch(`http://${address}:8080/readyz`, { signal: AbortSignal.timeout(1_000) }).then(
    ({ ok }) => ok,
    () => false,
  );

const present = async <T>(signal: AbortSignal, look: () => Promise<T | undefined>): Promise<T> => {
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    await sleep(PACE, undefined, { signal });
  }
};

/** USER_HZ, the unit of times in /proc. */
const TICKS = 100;

/** When a process was started: milliseconds since 1970. */
const startedAt = (pid: number): number => {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // Field 22, counted after the name, which may hold anything.
  const ticks = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]);
  const uptime = Number(readFileSync("/proc/uptime", "utf8").split(" ")[0]);
  return Date.now() - (uptime - ticks / TICKS) * 1_000;
};

/** What a container's cgroup has taken, in MiB. */
export interface ContainerMemory {
  /** The highest so far, page cache included: what is held against the limit. */
  readonly peak: number;
  /** Now, page cache included. */
  readonly usage: number;
  /** Without the cache that nobody uses: what kubelet evicts by, and `kubectl top` shows. */
  readonly workingSet: number;
  /** How often the kernel has killed for the limit. */
  readonly kills: number;
}

/** Reads the memory cgroup of a process, of version 1 or 2. */
export const containerMemory = (pid: number): ContainerMemory => {
  const lines = readFileSync(`/proc/${pid}/cgroup`, "utf8").split("\n");
  const versionOne = lines.find((line) => line.split(":")[1]?.split(",").includes("memory"));
  const folder = versionOne
    ? join("/sys/fs/cgroup/memory", versionOne.split(":")[2] ?? "")
    : join("/sys/fs/cgroup", lines[0]?.split(":")[2] ?? "");
  const file = (name: string) => readFileSync(join(folder, name), "utf8");
  const field = (name: string, key: string) => Number(new RegExp(`^${key} (\\d+)$`, "m").exec(file(name))?.[1] ?? 0);
  const [usage, peak, inactive, events] = versionOne
    ? (["memory.usage_in_bytes", "memory.max_usage_in_bytes", "total_inactive_file", "memory.oom_control"] as const)
    : (["memory.current", "memory.peak", "inactive_file", "memory.events"] as const);
  const mebi = (bytes: number) => bytes / 1_024 ** 2;
  return {
    peak: mebi(Number(file(peak))),
    usage: mebi(Number(file(usage))),
    workingSet: mebi(Number(file(usage)) - field("memory.stat", inactive)),
    kills: field(events, "oom_kill"),
  };
};
