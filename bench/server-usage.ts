import { setTimeout as sleep } from "node:timers/promises";
import type { Cluster } from "@pcmc/devcluster";
import { cpuSeconds } from "./process-usage.ts";

/** CPU seconds since the start of each. */
export interface ServerCpu {
  readonly apiServer: number;
  readonly etcd: number;
}

export const serverCpu = async (cluster: Cluster): Promise<ServerCpu> => {
  const pids = await cluster.pids();
  const used = (name: "kube-apiserver" | "etcd") => cpuSeconds(pids[name] ?? Number.NaN);
  return { apiServer: used("kube-apiserver"), etcd: used("etcd") };
};

/** What was used since `before`. */
export const serverCpuSince = async (cluster: Cluster, before: ServerCpu): Promise<ServerCpu> => {
  const now = await serverCpu(cluster);
  return { apiServer: now.apiServer - before.apiServer, etcd: now.etcd - before.etcd };
};

/** Waits until the server has done what the last round left it with, ten seconds at the most. */
export const quietServer = async (cluster: Cluster): Promise<void> => {
  for (let attempt = 0; attempt < 20; attempt++) {
    const before = await serverCpu(cluster);
    await sleep(500);
    const { apiServer, etcd } = await serverCpuSince(cluster, before);
    // A tenth of a core.
    if (apiServer + etcd <= 0.05) return;
  }
};
