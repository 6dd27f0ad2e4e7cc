/*
 * How fast a cold manager gives 10,000 Pods their ConfigMaps, beside what the API server takes at the most.
 *
 *   node bench/convergence.ts [--pods 10000] [--rounds 2] [--connections 32] [--json]
 *
 * raw, ours, raw, ours, raw ... in one run against one control plane: the same objects over the same number of
 * connections. "Ours" counts from the start of the process to the last ConfigMap.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type Cluster, startCluster } from "@pcmc/devcluster";
import { startManager } from "./managed.ts";
import { cpuSeconds, memory } from "./process-usage.ts";
import type { RawJob, RawResult } from "./raw-create.ts";
import {
  configMapBodies,
  countConfigMaps,
  createNamespace,
  createWorkload,
  deleteConfigMaps,
  NAMESPACE,
} from "./workload.ts";

const { values } = parseArgs({
  options: {
    pods: { type: "string", default: "10000" },
    rounds: { type: "string", default: "2" },
    connections: { type: "string", default: "32" },
    json: { type: "boolean", default: false },
  },
});
const pods = Number(values.pods);
const rounds = Number(values.rounds);
const connections = Number(values.connections);

interface ServerCpu {
  readonly apiServer: number;
  readonly etcd: number;
}

const serverCpu = async (cluster: Cluster): Promise<ServerCpu> => {
  const pids = await cluster.pids();
  const used = (name: "kube-apiserver" | "etcd") => cpuSeconds(pids[name] ?? Number.NaN);
  return { apiServer: used("kube-apiserver"), etcd: used("etcd") };
};

const serverMillisPerObject = (before: ServerCpu, after: ServerCpu): number =>
  ((after.apiServer - before.apiServer + after.etcd - before.etcd) / pods) * 1_000;

const KINDS = ["raw", "ours"] as const;
type Kind = (typeof KINDS)[number];

interface Round {
  readonly kind: Kind;
  readonly perSecond: number;
  readonly clientMillis: number;
  readonly serverMillis: number;
  readonly peakMb?: number;
}

const log = (line: string) => process.stderr.write(`${line}\n`);

/** One raw round: into a namespace of its own, so that names do not collide. */
const raw = async (cluster: Cluster, round: number): Promise<Round> => {
  const namespace = `raw-${round}`;
  await createNamespace(cluster, namespace);
  const bodies = await configMapBodies(cluster, namespace);
  const { server, caPem: ca, certPem: cert, keyPem: key } = cluster;
  const path = `/api/v1/namespaces/${namespace}/configmaps`;
  const job: RawJob = { server, ca, cert, key, connections, path, bodies };
  const before = await serverCpu(cluster);
  const result = await runRaw(job);
  if (result.errors > 0) throw new Error(`${result.errors} raw creates failed`);
  const serverMillis = serverMillisPerObject(before, await serverCpu(cluster));
  // They carry our labels: left there, the next manager would have to read them too.
  await deleteConfigMaps(cluster, namespace);
  return {
    kind: "raw",
    perSecond: pods / result.seconds,
    clientMillis: (result.cpuSeconds / pods) * 1_000,
    serverMillis,
  };
};

const runRaw = async (job: RawJob): Promise<RawResult> => {
  const program = fileURLToPath(new URL("raw-create.ts", import.meta.url));
  const child = spawn(process.execPath, [program], { stdio: ["pipe", "pipe", "inherit"] });
  child.stdin.end(JSON.stringify(job));
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  await once(child, "close");
  return JSON.parse(output) as RawResult;
};

/** One round of ours: from no ConfigMap and no process. */
const ours = async (cluster: Cluster): Promise<Round> => {
  const before = await serverCpu(cluster);
  const started = performance.now();
  await using manager = await startManager(cluster.kubeconfig);
  await converged(cluster);
  const seconds = (performance.now() - started) / 1_000;
  return {
    kind: "ours",
    perSecond: pods / seconds,
    clientMillis: (cpuSeconds(manager.pid) / pods) * 1_000,
    serverMillis: serverMillisPerObject(before, await serverCpu(cluster)),
    peakMb: memory(manager.pid).peak,
  };
};

const converged = async (cluster: Cluster): Promise<void> => {
  const deadline = performance.now() + 300_000;
  for (;;) {
    const count = await countConfigMaps(cluster, NAMESPACE);
    if (count >= pods) return;
    if (performance.now() > deadline) throw new Error(`${count} of ${pods} ConfigMaps after 300 s`);
    // Counting costs the API server some milliseconds.
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
};

/** A restart with everything in place: how many writes it makes, and how soon it is ready. */
const restart = async (cluster: Cluster) => {
  // The API server keeps a Lease of its own, which is nobody's write here.
  const resources = ["configmaps", "pods", "podconfigmapconfigs", "events"];
  const verb = ["POST", "PUT", "PATCH", "DELETE", "APPLY"];
  const writes = async () => {
    const counts = await Promise.all(resources.map((resource) => cluster.requestCounts({ verb, resource })));
    return counts.reduce((sum, count) => sum + count, 0);
  };
  const before = await writes();
  const started = performance.now();
  await using manager = await startManager(cluster.kubeconfig);
  while (!(await manager.ready())) {
    if (performance.now() - started > 60_000) throw new Error("the manager is not ready after 60 s");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const readySeconds = (performance.now() - started) / 1_000;
  await new Promise((resolve) => setTimeout(resolve, 5_000));
  return { readySeconds, writes: (await writes()) - before, ...memory(manager.pid) };
};

const median = (numbers: readonly number[]): number => {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
};

const row = ({ kind, perSecond, clientMillis, serverMillis, peakMb }: Round): string => {
  const peak = peakMb === undefined ? "" : `   peak RSS ${peakMb.toFixed(0)} MB`;
  const cells = [
    `${perSecond.toFixed(0).padStart(6)}/s`,
    `client ${clientMillis.toFixed(3)} ms`,
    `server ${serverMillis.toFixed(3)} ms`,
  ];
  return `${kind.padEnd(13)} ${cells.join("   ")}${peak}`;
};

const run = async () => {
  await using cluster = await startCluster({ controllerManager: false, scheduler: false });
  await cluster.kubectl(["apply", "-f", fileURLToPath(new URL("../crd", import.meta.url))]);
  log(`creating ${pods} Pods`);
  await createWorkload(cluster, pods);
  log("first convergence, not counted: it makes the objects that the raw driver sends");
  await ours(cluster);
  const results: Round[] = [];
  const note = (round: Round) => {
    results.push(round);
    log(row(round));
  };
  for (let round = 0; round <= rounds; round++) {
    note(await raw(cluster, round));
    if (round === rounds) break;
    await deleteConfigMaps(cluster, NAMESPACE);
    note(await ours(cluster));
  }
  const rates = (kind: Kind) => results.filter((result) => result.kind === kind).map((result) => result.perSecond);
  const ratio = median(rates("ours")) / median(rates("raw"));
  const again = await restart(cluster);
  if (values.json) {
    console.log(JSON.stringify({ pods, connections, results, ratio, restart: again }));
    return;
  }
  const range = (numbers: readonly number[]) => `${Math.min(...numbers).toFixed(0)}-${Math.max(...numbers).toFixed(0)}`;
  console.log(`\n${pods} Pods, 1 PodConfigMapConfig, ${connections} connections; medians (range):`);
  for (const kind of KINDS) {
    console.log(`  ${kind.padEnd(13)} ${median(rates(kind)).toFixed(0)} ConfigMaps/s (${range(rates(kind))})`);
  }
  console.log(`  ratio ${ratio.toFixed(2)} of the raw create rate, cold start included`);
  console.log(
    `  restart: ready in ${again.readySeconds.toFixed(2)} s, ${again.writes} writes, RSS ${again.now.toFixed(0)} MB (peak ${again.peak.toFixed(0)})`,
  );
};

await run();
