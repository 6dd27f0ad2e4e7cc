/**
 * The chart with `role: all` on a real node: manager and agent in one process, as on a machine that is the whole cluster.
 *
 * Invariants:
 * - one DaemonSet does all: it writes ConfigMaps, answers the API server's webhooks, guards ports and serves what it counts;
 * - `pcmc doctor` finds nothing wrong with it;
 * - after `helm uninstall` there is nothing but definitions and what users made, in the API server and in the kernel.
 */
import type { RealCluster } from "@pcmc/devcluster";
import { expect, test } from "vitest";
import { tcp, udp } from "./support/attempts.ts";
import { type ChartWorld, DEFINITIONS, MADE, PORTS, RULES_STAY, useChartWorld } from "./support/chart-world.ts";
import { doctorFinds } from "./support/doctor.ts";
import { countedBy, verdictsAre } from "./support/ebpf-counts.ts";
import { NAMESPACE } from "./support/ebpf-world.ts";
import { kernelState } from "./support/kernel.ts";
import { kubectl } from "./support/kubectl.ts";
import { portForward } from "./support/port-forward.ts";
import { parseSamples } from "./support/samples.ts";
import { until } from "./support/until.ts";

let world: ChartWorld;
let cluster: RealCluster;

useChartWorld(async (made) => {
  world = made;
  cluster = world.cluster;
  await world.install({ role: "all" });
});

/** What runs Pods of ours, and with which arguments. */
const workloads = (): Promise<string> => {
  const line = '{range .items[*]}{.kind}/{.metadata.name}: {.spec.template.spec.containers[*].args}{"\\n"}{end}';
  return kubectl(cluster, ["get", "deployments,daemonsets", "-o", `jsonpath=${line}`]);
};

test("is one DaemonSet, whose process writes the ConfigMap and blocks the port", async () => {
  expect(await workloads()).toBe('DaemonSet/podconfigmap-controller: ["manager","--role","all"]\n');
  await world.guard();
  const data = await kubectl(cluster, [
    "-n",
    NAMESPACE,
    "get",
    "configmap",
    "pod-target-from-rules-cfg",
    "-o=jsonpath={.data}",
  ]);
  expect(JSON.parse(data)).toMatchObject({ podName: "target", ebpf_enabled: "true", ebpf_l4_firewall: "true" });
});

test("counts each verdict once, and serves the counters beside those of the manager, at the Service of the metrics", async () => {
  const before = await countedBy(world.ebpf, "target");
  for (const _ of [1, 2, 3]) expect(await tcp(world.client, world.address, PORTS.closed)).toBe("timeout");
  for (const _ of [1, 2]) expect(await tcp(world.client, world.address, PORTS.open)).toBe("connected");
  expect(await udp(world.client, world.address, PORTS.closedUdp)).toBe("lost");
  const wanted = { allowed: 2, blocked: 4, tcp: 5, udp: 1 };
  const counted = await verdictsAre(world.ebpf, "target", { before, wanted });
  await using forwarded = await portForward(cluster, "svc/podconfigmap-controller-metrics", 8080);
  const samples = parseSamples(await (await fetch(`${forwarded.url}/metrics`)).text());
  const of = (stat_type: string) => ({ namespace: NAMESPACE, pod_name: "target", stat_type });
  expect(samples.sum("ebpf_l4_firewall_total", of("blocked"))).toBe(counted.blocked);
  expect(samples.sum("ebpf_attached_programs", { pod_name: "target", program_type: "l4_firewall" })).toBe(1);
  expect(samples.sum("active_configmaps", { namespace: NAMESPACE, pcmc_name: "rules" })).toBe(1);
});

test("gives doctor nothing to find, which looks at it as a manager and as an agent", async () => {
  const { code, checks } = await doctorFinds(cluster, []);
  expect(code).toBe(0);
  const said = new Map(checks.map(({ id, message }) => [id, message]));
  expect(said.get("agents.installed")).toBe("the agents are DaemonSet default/podconfigmap-controller");
  for (const id of ["leader.pod", "webhooks.answers", "agents.ready", "agents.policy"])
    expect([...said.keys()]).toContain(id);
});

test("keeps rules and counters while its process is replaced, and changes no ConfigMap", async () => {
  const [made, before] = [await world.identity(), await countedBy(world.ebpf, "target")];
  const replacement = new AbortController();
  const replace = async () => {
    await kubectl(cluster, ["rollout", "restart", "daemonset/podconfigmap-controller"]);
    await kubectl(cluster, ["rollout", "status", "daemonset/podconfigmap-controller", "--timeout=90s"]);
  };
  const knock = async () => {
    let times = 0;
    do {
      expect(await tcp(world.client, world.address, PORTS.closed)).toBe("timeout");
      times++;
    } while (!replacement.signal.aborted);
    return times;
  };
  const [blocked] = await Promise.all([knock(), replace().finally(() => replacement.abort())]);
  await verdictsAre(world.ebpf, "target", { before, wanted: { allowed: 0, blocked, tcp: blocked, udp: 0 } });
  expect(await world.identity()).toEqual(made);
});

test("helm uninstall detaches it, and leaves definitions and what users made, and nothing in the kernel", async () => {
  expect(kernelState(world.ebpf)).not.toEqual([]);
  await world.uninstall();
  expect(kernelState(world.ebpf)).toEqual([]);
  await world.leaves(DEFINITIONS, RULES_STAY, MADE);
  expect(await world.ebpf.condition("target")).toBeUndefined();
  await until("the port is open", async () => {
    expect(await tcp(world.client, world.address, PORTS.closed)).toBe("connected");
    return true;
  });
});
