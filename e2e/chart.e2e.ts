/**
 * The chart's life with the real helm on a real node: installed, upgraded, rolled back, orphaned, removed, installed again.
 *
 * Invariants:
 * - an upgrade and a rollback change no ConfigMap, lose no admission and no injection, and let no packet through that was blocked;
 *   no counter goes back; definitions go with them;
 * - an operator that is gone keeps nobody from creating Pods and PodConfigMapConfigs;
 * - after `helm uninstall` there is nothing but definitions and what users made, in the API server and in the kernel, though a Pod
 *   with a firewall runs on; and that works again when the chart is installed again.
 *
 * The commands are those of docs/how-to/uninstall.md and docs/how-to/upgrade.md.
 */
import type { RealCluster } from "@pcmc/devcluster";
import { expect, test } from "vitest";
import { AdmissionProber } from "./support/admission-prober.ts";
import { tcp } from "./support/attempts.ts";
import {
  type ChartWorld,
  DEFINITIONS,
  LOUD,
  MADE,
  PORTS,
  QUIET,
  RELEASE,
  RULES_STAY,
  useChartWorld,
  WATCHER,
  WATCHER_STAYS,
} from "./support/chart-world.ts";
import { countedBy, verdictsAre } from "./support/ebpf-counts.ts";
import { NAMESPACE } from "./support/ebpf-world.ts";
import { CHART } from "./support/helm.ts";
import { kernelState } from "./support/kernel.ts";
import { kubectl } from "./support/kubectl.ts";
import { underTraffic } from "./support/traffic.ts";

const PREVIOUS = "0.0.9";

let world: ChartWorld;
let cluster: RealCluster;

/** Changes the release under traffic and writes: nothing of that may be lost. */
const undisturbed = async (change: () => Promise<unknown>) => {
  const [made, before] = [await world.identity(), await countedBy(world.ebpf, "target")];
  const prober = new AdmissionProber(cluster, { namespace: NAMESPACE, watcher: WATCHER });
  const { tried, connected, leaked, wanted } = await underTraffic(
    world.client,
    { address: world.address, ports: PORTS },
    async () => void (await change()),
  ).finally(() => prober.stop());
  const { right, wrong } = await prober.stop();
  expect(wrong).toEqual([]);
  expect(right).toBeGreaterThan(100);
  expect(tried).toBeGreaterThan(0);
  expect([tried - connected, leaked]).toEqual([0, 0]);
  await verdictsAre(world.ebpf, "target", { before, wanted });
  // Not before: these attempts are counted too.
  await world.guarded();
  expect(await world.identity()).toEqual(made);
};

useChartWorld((made) => {
  world = made;
  cluster = world.cluster;
});

test("helm install brings manager, webhooks and agents, and the first ConfigMap", async () => {
  await world.deploy(QUIET, "install", RELEASE, await world.helm.packageAs(PREVIOUS));
  expect(await world.columns()).toEqual([]);
  await world.watch();
  await world.guard();
});

test("an upgrade from the version before changes no ConfigMap, and loses no admission and no verdict", async () => {
  await undisturbed(() => world.deploy(LOUD, "upgrade", RELEASE, CHART));
  expect(await world.columns()).toContain("ObservedGeneration");
});

test("nor does a rollback", async () => {
  await undisturbed(() => world.helm.run("rollback", RELEASE, "1", "--wait", "--timeout=180s"));
  expect(await world.helm.run("list", "-o", "json")).toContain(`podconfigmap-controller-${PREVIOUS}`);
  expect(await world.columns()).toEqual([]);
});

test("an operator that was taken away by force keeps nobody from creating Pods and PodConfigMapConfigs", async () => {
  const force = ["--force", "--grace-period=0", "--wait=false"];
  await kubectl(cluster, ["delete", "deployment", "podconfigmap-controller", "--cascade=orphan", ...force]);
  await kubectl(cluster, [
    "delete",
    "replicaset,pod",
    "-l",
    "app.kubernetes.io/name=podconfigmap-controller",
    ...force,
  ]);
  // Far below the time that an API server would wait for a webhook by its default of ten seconds each.
  const options = { signal: AbortSignal.timeout(8_000) };
  const spec = { containers: [{ name: "main", image: "localhost/probe:1" }], nodeSelector: { nowhere: "true" } };
  const annotations = { "watch.example.com/inject": "web" };
  const pods = `/api/v1/namespaces/${NAMESPACE}/pods`;
  await cluster.request("POST", pods, { metadata: { name: "orphan", annotations }, spec }, options);
  const configs = `/apis/podconfig.example.com/v1alpha1/namespaces/${NAMESPACE}/podconfigmapconfigs`;
  const config = { apiVersion: "podconfig.example.com/v1alpha1", kind: "PodConfigMapConfig" };
  await cluster.request("POST", configs, { ...config, metadata: { name: "orphan" }, spec: {} }, options);
  await cluster.request("DELETE", `${configs}/orphan`);
  await cluster.request("DELETE", `${pods}/orphan?gracePeriodSeconds=0`);
  await world.deploy(LOUD, "upgrade", RELEASE, CHART);
});

test("helm uninstall leaves definitions and what users made, and nothing in the kernel", async () => {
  expect(kernelState(world.ebpf)).not.toEqual([]);
  await world.uninstall();
  expect(kernelState(world.ebpf)).toEqual([]);
  await world.leaves(DEFINITIONS, RULES_STAY, WATCHER_STAYS, MADE);
  expect(await world.ebpf.condition("target")).toBeUndefined();
  for (const port of [PORTS.open, PORTS.closed]) expect(await tcp(world.client, world.address, port)).toBe("connected");
});

test("what users made works again when it is installed again", async () => {
  const made = await world.identity();
  await world.install();
  await world.guarded();
  expect(await world.identity()).toEqual(made);
});
