/*
 * The chart's objects before a real API server.
 *
 * Invariants, for every combination of values:
 * - The API server takes each object as it is, without a warning: no field that it does not know, nothing deprecated, and
 *   in a namespace that enforces Pod Security `restricted` nothing of the manager's that violates it.
 * - The expressions of webhooks and policies compile.
 */
import { type Cluster, startCluster } from "@pcmc/devcluster";
import { afterAll, beforeAll, expect, test } from "vitest";
import { COMBINATIONS } from "./support/combinations.ts";
import { foreignDefinitions } from "./support/foreign-definitions.ts";
import { CHART, Helm, objectsIn, type Values } from "./support/helm.ts";

let cluster: Cluster;
let helm: Helm;

const NAMESPACES = [
  { name: "ops", labels: { "pod-security.kubernetes.io/warn": "restricted" } },
  { name: "agents", labels: {} },
  ...["shop", "pay", "locks"].map((name) => ({ name, labels: {} })),
];

beforeAll(async () => {
  cluster = await startCluster({ controllerManager: false });
  helm = await Helm.start(cluster.kubeconfig);
  for (const metadata of NAMESPACES) await cluster.request("POST", "/api/v1/namespaces", { metadata });
  const input = JSON.stringify({ apiVersion: "v1", kind: "List", items: foreignDefinitions });
  expect(await cluster.kubectl(["apply", "-f", "-"], { input })).toMatchObject({ exitCode: 0 });
  const crds = foreignDefinitions.map(({ metadata }) => `crd/${metadata.name}`);
  expect(await cluster.kubectl(["wait", "--for=condition=Established", ...crds])).toMatchObject({ exitCode: 0 });
});
afterAll(async () => {
  helm?.[Symbol.dispose]();
  await cluster?.stop();
});

/** For a cluster of this version, as helm installs. */
const render = async (values: Values, namespace: string): Promise<string> => {
  const { gitVersion } = await cluster.request<{ gitVersion: string }>("GET", "/version");
  return helm.render(values, { namespace, flags: ["--kube-version", gitVersion] });
};

/** An agent shares the node's namespaces: what warns of that is right. */
const hasAgent = (documents: string) => objectsIn(documents).some(({ kind }) => kind === "DaemonSet");

// The CRDs are the same in all of them, and large.
const cases = COMBINATIONS.map(({ name, values }, index) => ({
  name,
  values: index === 0 ? values : { crds: { install: false }, ...values },
}));

test.each(cases)("$name: the API server takes all of it without a warning", async ({ values }) => {
  const documents = await render(values, "ops");
  const input = hasAgent(documents) ? await render(values, "agents") : documents;
  const flags = ["--server-side", "--dry-run=server", "--validate=strict"];
  const { exitCode, stderr } = await cluster.kubectl(["apply", ...flags, "-f", "-"], { input });
  expect([exitCode, stderr]).toEqual([0, ""]);
});

test("a manager that would violate Pod Security is warned of: the check sees it", async () => {
  const input = await render({ podSecurityContext: { runAsNonRoot: false } }, "ops");
  const { stderr } = await cluster.kubectl(["apply", "--server-side", "--dry-run=server", "-f", "-"], { input });
  expect(stderr).toContain('would violate PodSecurity "restricted');
});

test("the manager's Pod alone is fit for Pod Security restricted beside an agent, too", async () => {
  const values = { agent: { enabled: true }, networkPolicy: { enabled: true }, dashboards: { enabled: true } };
  const args = ["template", "release", CHART, "--namespace", "ops", "--show-only", "templates/deployment.yaml"];
  const input = await helm.must(args, values);
  const applied = await cluster.kubectl(["apply", "--server-side", "--dry-run=server", "-f", "-"], { input });
  expect(applied).toMatchObject({ exitCode: 0, stderr: "" });
});
