import { type ChildProcess, execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type Cluster, freePort, startCluster } from "@pcmc/devcluster";
import { containersOf, manifestsOf } from "../e2e/support/manifests.ts";
import { EBPF_READY } from "../packages/operator/src/ebpf/condition.ts";
import { type TestNode, testNode } from "../packages/operator/test/ebpf/support/node.ts";
import { BUNDLE, bundle, PROGRAM } from "../scripts/bundle.ts";
import { atMost, type Figure, told } from "./figure.ts";
import { cpuSeconds, memory } from "./process-usage.ts";
import { median, percentile } from "./statistics.ts";

/** With the flags of the shipped program. */
const PCMC = fileURLToPath(new URL("../bin/pcmc", import.meta.url));
const PODS = 50;
/** As many appear at once, the others one after the other. */
const BURST = 10;
/** Between two of those, milliseconds: a container runtime takes about as long to start a Pod. */
const PACE = 1_000;
const NODE = "bench-node";
const NAMESPACE = "default";
/** What a Pod's calls make at least, were they few: without them, reading and exporting cost next to nothing. */
const SERIES_PER_POD = 10;
/** Two readings of all Pods fall into it. */
const SECONDS = 60;
/** How long anything may take to happen. Milliseconds. */
const TIMEOUT = 60_000;

interface Pod {
  readonly metadata: { readonly name: string; readonly uid: string };
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

/**
 * The agent as it is shipped, for a node whose Pods have what a runtime makes: a cgroup, one of a container in it with a process,
 * and a status that names the container. How long after a Pod's cgroup its programs are attached, and what the agent takes when
 * it has nothing to do but to read counters and export them.
 */
export const measureAgent = async (): Promise<Figure[]> => {
  await bundle(BUNDLE);
  await using cluster = await startCluster();
  await using node = testNode();
  const { exitCode, stderr } = await cluster.kubectl(["apply", "-f", "crd/"]);
  if (exitCode !== 0) throw new Error(stderr);
  await cluster.request("POST", "/api/v1/nodes", { metadata: { name: NODE } });
  await until("the API server serves PodConfigMapConfigs", () =>
    configure(cluster).then(
      () => true,
      () => false,
    ),
  );
  const address = `127.0.0.1:${await freePort()}`;
  await using agent = startAgent(cluster, node, address);
  await until("the agent is ready", async () => (await fetch(`http://${address}/readyz`)).ok);
  const empty = memory(agent.pid).now;
  const pods = await createPods(cluster);
  await until("the agent knows all Pods", async () => (await withCondition(cluster, "False")) === PODS);
  const [burst, single] = [pods.slice(0, BURST), pods.slice(BURST)];
  const latencies: number[] = [];
  for (const { metadata } of single) {
    await sleep(PACE);
    latencies.push(await attachTime(node, metadata.uid));
  }
  const crowded = await Promise.all(burst.map(({ metadata }) => attachTime(node, metadata.uid)));
  await until("all Pods are reported", async () => (await withCondition(cluster, "True")) === PODS);
  for (const pod of pods) await startContainer(cluster, node, pod);
  await until("the Pods' calls are exported", async () => (await callSeries(address)) >= PODS * SERIES_PER_POD);
  const { share, rss, peak } = await idle(agent.pid, address);
  return [
    atMost("attached after the cgroup appears, median", median(latencies), 50, "ms"),
    atMost("attached after the cgroup appears, p95", percentile(latencies, 0.95), 500, "ms"),
    told(`the last of ${BURST} that appear at once`, Math.max(...crowded), "ms"),
    atMost(`agent with ${PODS} monitored Pods, RSS`, rss, 90, "MB"),
    told("the same before its first Pod", empty, "MB"),
    told("its peak since the start", peak, "MB"),
    told("series of system calls that it exports", await callSeries(address), ""),
    atMost(`agent with ${PODS} monitored Pods, CPU of one core`, share * 100, 1, "%"),
  ];
};

const configure = (cluster: Cluster) =>
  cluster.request("POST", `/apis/podconfig.example.com/v1alpha1/namespaces/${NAMESPACE}/podconfigmapconfigs`, {
    apiVersion: "podconfig.example.com/v1alpha1",
    kind: "PodConfigMapConfig",
    metadata: { name: "bench" },
    spec: {
      ebpfConfig: {
        syscallMonitoring: { enabled: true },
        l4Firewall: { enabled: true, allowedPorts: [80, 443], defaultAction: "block", direction: "both" },
        metricsExport: { enabled: true, updateInterval: "30s" },
      },
    },
  });

const createPods = (cluster: Cluster): Promise<Pod[]> => {
  const spec = {
    nodeName: NODE,
    containers: [{ name: "main", image: "none", resources: { requests: { cpu: "1m" } } }],
  };
  const pods = Array.from({ length: PODS }, (_, index) => ({ metadata: { name: `pod-${index}` }, spec }));
  return Promise.all(pods.map((pod) => cluster.request<Pod>("POST", `/api/v1/namespaces/${NAMESPACE}/pods`, pod)));
};

const withCondition = async (cluster: Cluster, status: string): Promise<number> => {
  const { items } = await cluster.request<{ items: readonly Pod[] }>("GET", `/api/v1/namespaces/${NAMESPACE}/pods`);
  return items.filter((pod) => pod.status?.conditions?.some((one) => one.type === EBPF_READY && one.status === status))
    .length;
};

/** Milliseconds from the cgroup to the last pin of a link. */
const attachTime = async (node: TestNode, uid: string): Promise<number> => {
  const links = ["firewall_ingress", "firewall_egress"].map((name) => join(node.pinDir, "pods", uid, name));
  const cgroup = `kubepods/burstable/pod${uid}`;
  const begin = performance.now();
  node.makeCgroup(cgroup);
  while (!links.every((link) => existsSync(link))) {
    if (performance.now() - begin > TIMEOUT) throw new Error(`nothing was attached to ${cgroup}`);
    await sleep(1);
  }
  return performance.now() - begin;
};

/** A shell and what it starts make some thirty kinds of calls. */
const WORK = 'echo $$ >"$0/cgroup.procs" && ls -lR /etc >/dev/null; date | cat >/dev/null';

/** The Pod's container: a process that stays, one that works, and the status that tells of it. */
const startContainer = async (cluster: Cluster, node: TestNode, { metadata: { name, uid } }: Pod): Promise<void> => {
  const id = createHash("sha256").update(uid).digest("hex");
  const cgroup = node.makeCgroup(`kubepods/burstable/pod${uid}/${id}`);
  await node.sleeper(cgroup);
  await promisify(execFile)("sh", ["-c", WORK, cgroup]);
  const main = { name: "main", image: "none", imageID: "none", ready: true, restartCount: 0 };
  await cluster.request(
    "PATCH",
    `/api/v1/namespaces/${NAMESPACE}/pods/${name}/status`,
    { status: { phase: "Running", containerStatuses: [{ ...main, containerID: `containerd://${id}` }] } },
    { contentType: "application/merge-patch+json" },
  );
};

/** How many lines of a scrape count a Pod's calls. */
const callSeries = async (address: string): Promise<number> => {
  const scrape = await (await fetch(`http://${address}/metrics`)).text();
  return scrape.split("\n").filter((line) => line.startsWith("podconfigmap_controller_ebpf_syscall_count_total{"))
    .length;
};

/** What the agent takes while nothing changes and Prometheus looks every fifteen seconds. */
const idle = async (pid: number, address: string) => {
  await sleep(5_000);
  const before = cpuSeconds(pid);
  for (let scrape = 0; scrape < SECONDS / 15; scrape++) {
    await sleep(15_000);
    await (await fetch(`http://${address}/metrics`)).text();
  }
  const { now, peak } = memory(pid);
  return { share: (cpuSeconds(pid) - before) / SECONDS, rss: now, peak };
};

const startAgent = (cluster: Cluster, node: TestNode, address: string) => {
  const env = {
    ...process.env,
    ...shippedSettings(),
    KUBECONFIG: cluster.kubeconfig,
    NODE_NAME: NODE,
    METRICS_ADDR: address,
    BPF_PIN_DIR: node.pinDir,
    CGROUP_ROOT: node.cgroupRoot,
    PCMC_PROGRAM: join(BUNDLE, PROGRAM),
  };
  const child = spawn(PCMC, ["agent"], { env, stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said = (said + text).slice(-5_000);
  });
  child.on("exit", (code) => {
    if (code) process.stderr.write(said);
  });
  return { pid: child.pid ?? 0, [Symbol.asyncDispose]: () => end(child) };
};

/** What the shipped manifest sets in the agent's environment. */
const shippedSettings = (): Readonly<Record<string, string>> => {
  const variables = manifestsOf("manifests/agent.yaml")
    .flatMap(containersOf)
    .flatMap(({ env = [] }) => env);
  return Object.fromEntries(variables.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]])));
};

const end = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  await ended;
};

const until = async (what: string, look: () => Promise<boolean>): Promise<void> => {
  const deadline = performance.now() + TIMEOUT;
  while (!(await look().catch(() => false))) {
    if (performance.now() > deadline) throw new Error(`waited ${TIMEOUT / 1000} s and still not: ${what}`);
    await sleep(50);
  }
};
