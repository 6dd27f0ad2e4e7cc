/**
 * `pcmc doctor` on the chart, installed by the real helm on a real node with a Pod that a firewall guards.
 *
 * Invariants:
 * - of a healthy installation every line is fine, and the exit code is 0;
 * - a fault is found by the checks that it concerns and no others, with the object that it is about and a command to go on with, and
 *   the exit code is 1 where something does not work any more;
 * - when it is undone, every line is fine again.
 */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { RealCluster } from "@pcmc/devcluster";
import { expect, test } from "vitest";
import type { Diagnosis } from "../packages/operator/test/integration/support/diagnosis.ts";
import { agentReady, setAgent } from "./support/agent.ts";
import { tcp } from "./support/attempts.ts";
import { type ChartWorld, PORTS, QUIET, RELEASE, useChartWorld } from "./support/chart-world.ts";
import { doctorFinds } from "./support/doctor.ts";
import { CHART } from "./support/helm.ts";
import { apply, kubectl } from "./support/kubectl.ts";
import { scaleOperator, trusted } from "./support/operator.ts";

const PCMC = fileURLToPath(new URL("../bin/pcmc", import.meta.url));
const MANAGER = "podconfigmap-controller";
const AGENT = `${MANAGER}-agent`;
const CONFIGURATIONS = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations";
const RULES = "/apis/podconfig.example.com/v1alpha1/namespaces/shop/podconfigmapconfigs/rules";

let world: ChartWorld;
let cluster: RealCluster;

useChartWorld(async (made) => {
  world = made;
  cluster = world.cluster;
  await world.install();
  await world.guard();
});

/** What it says by one check: a line, and what to do about it. */
const finding = ({ bad }: Diagnosis, id: string) => bad.find((each) => each.id === id);

/** Seeds a fault, has it found by exactly these checks, undoes it, and has nothing found any more. */
const found = async (
  ids: readonly string[],
  { seed, undo }: { readonly seed: () => Promise<unknown>; readonly undo: () => Promise<unknown> },
): Promise<Diagnosis> => {
  await seed();
  // Also where it is not found: the next test wants a healthy installation.
  const diagnosis = await doctorFinds(cluster, ids).finally(undo);
  const after = await doctorFinds(cluster, []);
  expect(after.code).toBe(0);
  return diagnosis;
};

/** Takes an object away for a while. */
const without = (object: string) => {
  let kept: object;
  return {
    seed: async () => {
      const { metadata, status: _, ...rest } = JSON.parse(await kubectl(cluster, ["get", object, "-o", "json"]));
      const { name, namespace, labels, annotations } = metadata;
      kept = { ...rest, metadata: { name, namespace, labels, annotations } };
      await kubectl(cluster, ["delete", object, "--wait"]);
    },
    undo: () => apply(cluster, kept),
  };
};

const patchAgent = (capabilities: readonly string[]) => {
  const path = "/spec/template/spec/containers/0/securityContext/capabilities/add";
  const patch = JSON.stringify([{ op: "replace", path, value: capabilities }]);
  return kubectl(cluster, ["patch", "daemonset", AGENT, "--type=json", "-p", patch]);
};

test("of a healthy installation every line is fine, and the command exits with 0", async () => {
  const { code, bad, checks } = await doctorFinds(cluster, []);
  expect([code, bad]).toEqual([0, []]);
  const looked = checks.map(({ id }) => id);
  for (const id of ["agents.ready", "agents.kernel", "webhooks.answers", "leader.alive", "endpoints.metrics"]) {
    expect(looked).toContain(id);
  }
  // A code other than 0 would be thrown.
  const { stdout, stderr } = await promisify(execFile)(PCMC, ["doctor", "--kubeconfig", cluster.kubeconfig]);
  expect([stdout, stderr]).toEqual([expect.stringMatching(/\n0 failed, \d+ ok\n$/), ""]);
});

test("a DaemonSet of agents that fits no node is told with its selector, and so are the Pods that nobody attends", async () => {
  const diagnosis = await found(["agents.nodes", "agents.unattended-pods"], {
    seed: () => setAgent(cluster, "away"),
    undo: () => setAgent(cluster, "running"),
  });
  expect(diagnosis.code).toBe(1);
  expect(finding(diagnosis, "agents.nodes")).toMatchObject({
    status: "failed",
    message: expect.stringMatching(
      new RegExp(`^DaemonSet default/${AGENT} wants no node \\(nodeSelector .*example.com/nowhere=true.*shop/rules`),
    ),
    remedy: expect.stringContaining(`kubectl -n default edit daemonset ${AGENT}`),
  });
  expect(finding(diagnosis, "agents.unattended-pods")).toMatchObject({
    status: "warning",
    message: expect.stringContaining("shop/target ("),
    remedy: expect.stringContaining(`kubectl -n default describe daemonset ${AGENT}`),
  });
});

test("a DaemonSet of agents that was deleted by hand leaves rules and conditions, and that is told", async () => {
  const diagnosis = await found(["agents.installed", "agents.unattended-pods"], {
    seed: async () => {
      await kubectl(cluster, ["delete", "daemonset", AGENT, "--cascade=foreground", "--wait"]);
      // True is not false: the rules stand.
      expect(await tcp(world.client, world.address, PORTS.closed)).toBe("timeout");
      expect(await world.ebpf.condition("target")).toMatchObject({ status: "True", reason: "Attached" });
      const { status } = await cluster.request<Summed>("GET", RULES);
      const summed = status.conditions.find(({ type }) => type === "EbpfReady");
      expect(summed).toMatchObject({ status: "True", message: "1/1 Pods." });
    },
    undo: () => world.deploy(QUIET, "upgrade", RELEASE, CHART),
  });
  expect(finding(diagnosis, "agents.installed")).toMatchObject({
    status: "failed",
    message: expect.stringContaining("shop/rules asks for eBPF"),
    remedy: expect.stringContaining("kubectl apply -f manifests/agent.yaml"),
  });
  expect(finding(diagnosis, "agents.unattended-pods")).toMatchObject({
    status: "warning",
    message: expect.stringContaining("1 Pod says podconfig.example.com/EbpfReady True on a node without an agent"),
    remedy: expect.stringContaining("kubectl apply -f manifests/agent.yaml"),
  });
});

test("an agent without a capability is told in its own words, with its Pod, and so is what is not done for that", async () => {
  const diagnosis = await found(["agents.configs", "agents.ready"], {
    seed: () => patchAgent(["NET_ADMIN", "PERFMON"]),
    undo: async () => {
      await patchAgent(["BPF", "NET_ADMIN", "PERFMON"]);
      await agentReady(cluster);
    },
  });
  expect(diagnosis.code).toBe(1);
  expect(finding(diagnosis, "agents.ready")).toMatchObject({
    status: "failed",
    message: expect.stringMatching(new RegExp(`Pod default/${AGENT}-\\w+, is not ready: .*lacks the capability BPF`)),
    remedy: expect.stringMatching(new RegExp(`Troubleshooting.*kubectl -n default logs ${AGENT}-\\w+`)),
  });
  expect(finding(diagnosis, "agents.configs")).toMatchObject({
    status: "failed",
    message: expect.stringContaining("in shop/rules: NotPermitted: 0/1 Pods"),
    remedy: expect.stringContaining("kubectl -n shop describe pcmc rules"),
  });
});

test("a manager without replicas is told by all that it leaves undone: no endpoint, no leader, no answer", async () => {
  const ids = ["install.replicas", "leader.alive", "webhooks.answers", "webhooks.service"];
  const diagnosis = await found(ids, {
    seed: () => scaleOperator(cluster, 0),
    undo: async () => {
      await scaleOperator(cluster, 2);
      await trusted(cluster);
    },
  });
  expect(diagnosis.code).toBe(1);
  expect(finding(diagnosis, "install.replicas")).toMatchObject({
    message: `Deployment default/${MANAGER} has no replicas: nothing works`,
    remedy: `kubectl -n default scale deployment ${MANAGER} --replicas=2`,
  });
  expect(finding(diagnosis, "webhooks.service")).toMatchObject({
    status: "failed",
    message: expect.stringContaining(`Service default/${MANAGER}-webhook has no ready endpoint`),
    remedy: expect.stringContaining(`kubectl -n default describe service ${MANAGER}-webhook`),
  });
});

test("a role that was taken away is told by the rules that are missing, and by what grants them", async () => {
  const role = `${MANAGER}-podconfigmap`;
  const diagnosis = await found(["permissions.operator"], without(`clusterrole/${role}`));
  expect(diagnosis.code).toBe(1);
  expect(finding(diagnosis, "permissions.operator")).toMatchObject({
    status: "failed",
    message: expect.stringMatching(
      new RegExp(
        `^ServiceAccount default/${MANAGER} may not, in all namespaces, for podconfigmap: .*update podconfigmapconfigs/status`,
      ),
    ),
    remedy: expect.stringMatching(/manifests\/rbac\.yaml.*kubectl auth can-i --list --as=/),
  });
});

test("a caBundle that does not fit, and that the leader may not put right, is told with both", async () => {
  const taken = without(`clusterrolebinding/${MANAGER}-webhook`);
  // No replica calls itself ready whose certificate nobody would accept.
  const unready = ["endpoints.readyz", "install.replicas", "webhooks.service"];
  const diagnosis = await found(["permissions.operator", "webhooks.answers", "webhooks.certificate", ...unready], {
    seed: async () => {
      await taken.seed();
      await misfit();
    },
    undo: taken.undo,
  });
  expect(diagnosis.code).toBe(1);
  expect(finding(diagnosis, "webhooks.certificate")).toMatchObject({
    status: "failed",
    message: expect.stringMatching(/^the caBundle of webhook \S.* does not verify the certificate in Secret default\//),
    remedy: expect.stringContaining(`kubectl get pods -A -l app.kubernetes.io/name=${MANAGER}`),
  });
});

interface Summed {
  readonly status: {
    readonly conditions: readonly { readonly type: string; readonly status: string; readonly message: string }[];
  };
}

interface Configuration {
  readonly webhooks: readonly { readonly name: string; readonly clientConfig: object }[];
}

/** Puts the authority of the cluster in the place of ours: a certificate, and none that has signed anything of ours. */
const misfit = async () => {
  const { webhooks } = await cluster.request<Configuration>("GET", `${CONFIGURATIONS}/${MANAGER}`);
  const { data } = await cluster.request<{ readonly data: Readonly<Record<string, string>> }>(
    "GET",
    "/api/v1/namespaces/default/configmaps/kube-root-ca.crt",
  );
  const caBundle = Buffer.from(data["ca.crt"] ?? "").toString("base64");
  const changed = webhooks.map(({ clientConfig, ...webhook }) => ({
    ...webhook,
    clientConfig: { ...clientConfig, caBundle },
  }));
  const patch = [{ op: "replace", path: "/webhooks", value: changed }];
  await cluster.request("PATCH", `${CONFIGURATIONS}/${MANAGER}`, patch, { contentType: "application/json-patch+json" });
};
