/*
 * manifests/agent.yaml, on a real API server.
 *
 * Invariants:
 * - It is taken as it is, without a warning, by a server-side dry-run too, and again.
 * - The expressions of its ValidatingAdmissionPolicy pass the API's type check.
 * - The agent's Pod has what it needs of the node and no more: three capabilities, a read-only root, two host paths.
 * - What the agent's ServiceAccount may do is what its rules say, and nothing beyond.
 */
import { fileURLToPath } from "node:url";
import { type Cluster, since, startCluster } from "@pcmc/devcluster";
import type { ValidatingAdmissionPolicy } from "kubernetes-types/admissionregistration/v1.d.ts";
import type { DaemonSet } from "kubernetes-types/apps/v1.d.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { AGENT } from "../../src/rbac/names.ts";
import { eventually } from "./support/eventually.ts";

const policies = since("1.30", "ValidatingAdmissionPolicy v1");

let cluster: Cluster;

beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster?.stop());

const pathOf = (file: string) => fileURLToPath(new URL(`../../../../${file}`, import.meta.url));
const apply = (...flags: string[]) =>
  cluster.kubectl(["apply", "--server-side", ...flags, "--filename", pathOf("manifests/agent.yaml")]);

test.skipIf(policies.missing)(
  `it is applied without a warning, a second time without a change${policies.note}`,
  async () => {
    for (const flags of [["--dry-run=server"], [], []]) {
      expect(await apply(...flags)).toMatchObject({ exitCode: 0, stderr: "" });
    }
    const args = ["diff", "--server-side", "--filename", pathOf("manifests/agent.yaml")];
    expect(await cluster.kubectl(args)).toMatchObject({ exitCode: 0, stdout: "" });
  },
);

test.skipIf(policies.missing)(`the API server's type check finds nothing in its policy${policies.note}`, async () => {
  await apply();
  const path = `/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/${AGENT.name}`;
  const checked = await eventually("the policy is checked", async () => {
    const { metadata, status } = await cluster.request<ValidatingAdmissionPolicy>("GET", path);
    return status?.observedGeneration === metadata?.generation && status?.typeChecking;
  });
  expect(checked.expressionWarnings ?? []).toEqual([]);
});

test("the agent's Pod is confined to what it needs", async () => {
  await apply();
  const path = `/apis/apps/v1/namespaces/default/daemonsets/${AGENT.name}`;
  const { spec } = await cluster.request<DaemonSet>("GET", path);
  const pod = spec?.template.spec;
  const [container, ...others] = pod?.containers ?? [];
  expect(others).toEqual([]);
  expect(container?.securityContext).toEqual({
    runAsUser: 0,
    runAsNonRoot: false,
    privileged: false,
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ["ALL"], add: ["BPF", "NET_ADMIN", "PERFMON"] },
  });
  expect(pod).toMatchObject({
    hostPID: true,
    hostNetwork: true,
    priorityClassName: "system-node-critical",
    tolerations: [{ operator: "Exists" }],
    securityContext: { seccompProfile: { type: "RuntimeDefault" } },
  });
  expect(pod?.volumes?.map(({ hostPath }) => hostPath?.path)).toEqual(["/sys/fs/bpf", "/sys/fs/cgroup"]);
});

test("the manager's Services do not take the agents' Pods for the manager's", async () => {
  await cluster.kubectl(["apply", "--server-side", "--filename", pathOf("manifests/deployment.yaml")]);
  const { spec } = await cluster.request<DaemonSet>("GET", `/apis/apps/v1/namespaces/default/daemonsets/${AGENT.name}`);
  const { items } = await cluster.request<{ items: { spec: { selector?: Record<string, string> } }[] }>(
    "GET",
    "/api/v1/namespaces/default/services?labelSelector=app.kubernetes.io/name%3Dpodconfigmap-controller",
  );
  expect(items).not.toEqual([]);
  const labels = spec?.template.metadata?.labels ?? {};
  for (const { spec: service } of items) {
    expect(Object.entries(service.selector ?? {}).every(([label, value]) => labels[label] === value)).toBe(false);
  }
});

test.each([
  ["list pods", "yes"],
  ["watch pods", "yes"],
  ["patch pods/status", "yes"],
  ["list podconfigmapconfigs.podconfig.example.com", "yes"],
  ["watch podconfigmapconfigs.podconfig.example.com", "yes"],
  ["get pods", "no"],
  ["update pods/status", "no"],
  ["patch pods", "no"],
  ["delete pods", "no"],
  ["create pods/exec", "no"],
  ["get secrets", "no"],
  ["list configmaps", "no"],
  ["update podconfigmapconfigs.podconfig.example.com/status", "no"],
  ["patch nodes", "no"],
])("may the agent %s: %s", async (rule, answer) => {
  await apply();
  await cluster.kubectl(["apply", "--server-side", "--filename", pathOf("crd")]);
  const [verb = "", resource = ""] = rule.split(" ");
  const [plural = "", subresource] = resource.split("/");
  const account = `--as=system:serviceaccount:default:${AGENT.name}`;
  const flags = subresource === undefined ? [] : [`--subresource=${subresource}`];
  await eventually(`the answer is ${answer}`, async () => {
    const { stdout } = await cluster.kubectl(["auth", "can-i", verb, plural, ...flags, account, "--all-namespaces"]);
    return stdout.trim() === answer;
  });
});
