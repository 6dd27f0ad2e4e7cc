/*
 * The manager's image under a real kubelet: how long from the start of the container until it is Ready, and whether 10,000 Pods
 * fit below its memory limit. Linux and root; needs `make image`.
 *
 * A part of which there are to be 0 is left out.
 *
 *   node bench/image.ts [--starts 5] [--pods 10000] [--request 64Mi] [--limit 256Mi] [--json]
 */
import { parseArgs } from "node:util";
import { type RealCluster, startCluster } from "@pcmc/devcluster";
import { apply, kubectl } from "../e2e/support/kubectl.ts";
import { manifestsOf } from "../e2e/support/manifests.ts";
import { deployOperator, scaleOperator } from "../e2e/support/operator.ts";
import { processesOf } from "../e2e/support/processes.ts";
import { until } from "../e2e/support/until.ts";
import { etcdOf } from "./etcd.ts";
import { atMost, type Figure, report, told } from "./figure.ts";
import { type ContainerMemory, containerMemory, managerPod, type Start, startToReady } from "./image-pod.ts";
import { median, range } from "./statistics.ts";
import { createConfig, createNamespace, createUnscheduledPods, STORED_CONFIG_MAPS } from "./workload.ts";

const { values } = parseArgs({
  options: {
    starts: { type: "string", default: "5" },
    pods: { type: "string", default: "10000" },
    request: { type: "string", default: "64Mi" },
    limit: { type: "string", default: "256Mi" },
    json: { type: "boolean", default: false },
  },
});
const starts = Number(values.starts);
const pods = Number(values.pods);

/** Seconds from the start of the container. */
const MOST_SECONDS = 2;
/** How long 10,000 ConfigMaps may take to come, milliseconds. */
const CONVERGENCE = 180_000;
/** For how long memory is looked at afterwards: a resync, renewals, scrapes. Milliseconds. */
const AFTERWARDS = 15_000;

const note = (line: string): void => void process.stderr.write(`${line}\n`);

/** kubelet looks at once, when nobody answers yet, and then that often. */
const PROBE = {
  op: "replace",
  path: "/spec/template/spec/containers/0/readinessProbe/periodSeconds",
  value: 1,
} as const;

/** One replica with just the resources that are asked about, of the manifests of this checkout. */
const deploy = async (cluster: RealCluster): Promise<void> => {
  await deployOperator(cluster);
  await scaleOperator(cluster, 0);
  const resources = [`--requests=cpu=50m,memory=${values.request}`, `--limits=memory=${values.limit}`];
  await kubectl(cluster, ["set", "resources", "deployment/podconfigmap-controller", ...resources]);
  await kubectl(cluster, ["patch", "deployment/podconfigmap-controller", "--type=json", "-p", JSON.stringify([PROBE])]);
};

/** Starts one replica, and looks until it is Ready. */
const start = async (cluster: RealCluster): Promise<Start> => {
  await kubectl(cluster, ["scale", "deployment/podconfigmap-controller", "--replicas=1"]);
  return startToReady(cluster);
};

const measureStarts = async (cluster: RealCluster, what: string): Promise<Figure[]> => {
  const measured: Start[] = [];
  for (let i = 0; i < starts; i++) {
    measured.push(await start(cluster));
    note(`  ${measured.at(-1)?.answers.toFixed(2)} s to an answer, ${measured.at(-1)?.ready.toFixed(2)} s to Ready`);
    await scaleOperator(cluster, 0);
  }
  const ready = measured.map((one) => one.ready);
  return [
    told(`${what}: start to a yes of /readyz, median`, median(measured.map(({ answers }) => answers)), "s"),
    told(`${what}: start to Ready, median`, median(ready), "s"),
    atMost(`${what}: start to Ready, slowest of ${starts}`, range(ready)[1], MOST_SECONDS, "s"),
  ];
};

/** Without the webhooks, whose Service has nobody now: each Pod would wait for that. */
const fill = async (cluster: RealCluster): Promise<void> => {
  const configurations = ["mutatingwebhookconfigurations", "validatingwebhookconfigurations"].join(",");
  await kubectl(cluster, ["delete", configurations, "-l", "app.kubernetes.io/name=podconfigmap-controller"]);
  await createNamespace(cluster);
  await until("the namespace has its ServiceAccount", () =>
    cluster.request<object>("GET", "/api/v1/namespaces/bench/serviceaccounts/default").catch(() => undefined),
  );
  await createUnscheduledPods(cluster, pods);
  await createConfig(cluster);
  await apply(cluster, ...manifestsOf("manifests/webhooks.yaml"));
};

/** From a start with none of the ConfigMaps to some time after the last one. */
const measureMemory = async (cluster: RealCluster): Promise<Figure[]> => {
  const { ready } = await start(cluster);
  const etcd = etcdOf(cluster);
  const count = () => etcd.count(STORED_CONFIG_MAPS);
  let memory: ContainerMemory | undefined;
  const look = async () => {
    const pod = await managerPod(cluster);
    const [pid] = pod ? processesOf(cluster, pod.metadata.uid) : [];
    if (pid !== undefined) memory = containerMemory(pid);
    return pod;
  };
  await until(
    `${pods} ConfigMaps are there`,
    async () => (await look()) && ((await count()) >= pods || undefined),
    CONVERGENCE,
  );
  const converged = memory;
  note(`  all are there: ${JSON.stringify(memory)}`);
  const deadline = performance.now() + AFTERWARDS;
  await until("some time has passed", async () => (await look()) && (performance.now() > deadline || undefined));
  const [container] = (await look())?.status.containerStatuses ?? [];
  const { peak = 0, workingSet = 0, usage = 0, kills = 0 } = memory ?? {};
  return [
    told(`${pods} Pods: start to Ready`, ready, "s"),
    told(`${pods} Pods: memory of the cgroup at the most, page cache included`, peak, "MiB"),
    told(`${pods} Pods: working set at the last ConfigMap`, converged?.workingSet ?? 0, "MiB"),
    told(`${pods} Pods: working set ${AFTERWARDS / 1_000} s later`, workingSet, "MiB"),
    told(`${pods} Pods: memory of the cgroup then, page cache included`, usage, "MiB"),
    atMost(`${pods} Pods: kills for want of memory, limit ${values.limit}`, kills, 0),
    atMost(`${pods} Pods: restarts`, container?.restartCount ?? 0, 0),
  ];
};

const measureAll = async (): Promise<Figure[]> => {
  await using cluster = await startCluster({ node: "real" });
  note("deploying");
  await deploy(cluster);
  const figures: Figure[] = [];
  if (starts > 0) {
    note(`starting ${starts} times`);
    figures.push(...(await measureStarts(cluster, "empty cluster")));
  }
  if (pods > 0) {
    note(`creating ${pods} Pods`);
    await fill(cluster);
    note("converging");
    figures.push(...(await measureMemory(cluster)));
  }
  return figures;
};

report(await measureAll(), { ...values, about: `request ${values.request}, limit ${values.limit}` });
