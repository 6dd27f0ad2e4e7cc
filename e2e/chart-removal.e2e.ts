/**
 * Ways in which the operator is removed from a real node that are not the plain one.
 *
 * Invariants:
 * - where agents cannot detach, `helm uninstall` fails and says where and why, and can be run again;
 * - with crds.keep=false the definitions go, and with them what users made;
 * - `pcmc uninstall` removes what was applied by hand, and with --purge all that is left of anything;
 * - a Pod with the readiness gate stays ready.
 *
 * The commands are those of docs/how-to/uninstall.md.
 */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { RealCluster } from "@pcmc/devcluster";
import { expect, test } from "vitest";
import { deployAgent } from "./support/agent.ts";
import {
  type ChartWorld,
  DEFINITIONS,
  MADE,
  QUIET,
  RELEASE,
  RULES_STAY,
  useChartWorld,
} from "./support/chart-world.ts";
import { EBPF_READY } from "./support/ebpf-world.ts";
import { CHART } from "./support/helm.ts";
import { kernelState } from "./support/kernel.ts";
import { kubectl } from "./support/kubectl.ts";
import { deployOperator } from "./support/operator.ts";
import { until } from "./support/until.ts";

const PCMC = fileURLToPath(new URL("../bin/pcmc", import.meta.url));

let world: ChartWorld;
let cluster: RealCluster;

const pcmcUninstall = (...more: readonly string[]) =>
  promisify(execFile)(PCMC, ["uninstall", "--yes", "--kubeconfig", cluster.kubeconfig, ...more]);

const GATE = { readinessGates: [{ conditionType: EBPF_READY }] };

useChartWorld(async (made) => {
  world = made;
  cluster = world.cluster;
  await world.install();
  await world.guard();
});

test("where agents cannot detach, helm uninstall says where and why, and can be run again", async () => {
  const agent = { enabled: true, detachTimeoutSeconds: 10, image: { tag: "nowhere" }, maxUnavailable: "100%" };
  await world.helm.run("upgrade", RELEASE, CHART, "--values", world.helm.values("broken", { agent }));
  await until("the agent cannot start", async () => {
    const pods = await kubectl(cluster, ["get", "pods", "-l", "app.kubernetes.io/name=podconfigmap-controller-agent"]);
    return /Err|BackOff/.test(pods) || undefined;
  });
  const { code, stderr } = await world.helm.try("uninstall", RELEASE, "--timeout=120s");
  expect([code, stderr]).toEqual([1, expect.stringContaining("podconfigmap-controller-uninstall")]);
  const said = await kubectl(cluster, ["logs", "job/podconfigmap-controller-uninstall"]);
  expect(said).toMatch(/agents: detached on 0 of 1 node/);
  expect(said).toMatch(/agents: node \S+: .*(ErrImagePull|ImagePullBackOff)/);
  expect(kernelState(world.ebpf)).not.toEqual([]);
  expect(await world.helm.run("history", RELEASE)).toMatch(/^1\s/m);
  // To Helm the release is one that is being removed: an upgrade is refused, a rollback is not.
  await world.helm.run("rollback", RELEASE, "1", "--force-conflicts", "--wait", "--timeout=180s");
  await world.guarded();
});

test("with crds.keep=false the definitions and all objects of theirs go too", async () => {
  await world.deploy({ ...QUIET, crds: { keep: false } }, "upgrade", RELEASE, CHART);
  await world.uninstall();
  expect(kernelState(world.ebpf)).toEqual([]);
  await world.leaves(MADE);
});

test("pcmc uninstall --purge removes what is left, and says so", async () => {
  const { stdout } = await pcmcUninstall("--purge");
  expect(stdout).toMatch(/^ConfigMaps of Pods: deleted 1 ConfigMap$/m);
  await world.leaves();
});

test("manifests that were applied in the order of the docs go by pcmc uninstall, and the rest with --purge", async () => {
  await deployOperator(cluster);
  await deployAgent(cluster);
  await world.guard();
  await pcmcUninstall();
  expect(kernelState(world.ebpf)).toEqual([]);
  await world.leaves(DEFINITIONS, RULES_STAY, MADE);
  await pcmcUninstall("--purge");
  await world.leaves();
});

test("a Pod with the readiness gate stays ready when agents are removed", async () => {
  await world.install();
  await world.ebpf.run("gated", { spec: GATE });
  await until("it is ready", async () => (await world.ebpf.condition("gated"))?.status === "True" || undefined);
  await world.uninstall();
  expect(await world.ebpf.condition("gated")).toMatchObject({ status: "True", reason: "NotRequired" });
});
