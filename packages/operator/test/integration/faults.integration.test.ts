/*
 * A server that dies, a network that breaks, credentials that change.
 *
 * Invariants:
 * - Whatever happens on the way, in the end the ConfigMaps are exactly those that Pods and PodConfigMapConfigs call for.
 * - Nothing of it is logged as an error, and nobody has to restart anything.
 */
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadClusterConfig } from "@pcmc/controller-runtime";
import type { FaultProxy, Match, RuleOptions } from "@pcmc/devcluster";
import { expect, onTestFinished, test } from "vitest";
import { stringify } from "yaml";
import { eventually } from "./support/eventually.ts";
import { RunningManager } from "./support/manager.ts";
import type { Namespace } from "./support/namespace.ts";
import { eventuallyExact } from "./support/oracle.ts";
import { useWorld } from "./support/world.ts";

const world = useWorld();

const createPods = async (namespace: Namespace, count: number, from = 0): Promise<void> => {
  const names = Array.from({ length: count }, (_, i) => `pod-${from + i}`);
  await Promise.all(
    names.map((name) => namespace.createPod(name, { labels: { app: "web" }, annotations: { note: "Zoë" } })),
  );
};

const spec = { labelsToInclude: ["app"], annotationsToInclude: ["note"] };

const gone = { kind: "Status", apiVersion: "v1", status: "Failure", reason: "Expired", message: "too old", code: 410 };
const busy = { ...gone, reason: "TooManyRequests", message: "later", code: 429 };
const broken = { ...gone, reason: "InternalError", message: "etcd is tired", code: 500 };

/** What is done to the first requests of a kind, to those of other kinds never. */
interface Fault extends Required<RuleOptions> {
  readonly name: string;
  /** Set beforehand, for good. */
  readonly beside?: RuleOptions;
}

/** Pods and ConfigMaps come as protobuf, PodConfigMapConfigs as lines of JSON. */
const builtIn = /\/(pods|configmaps)/;
const custom = /\/podconfigmapconfigs/;
const creates: Match = { verb: "create", path: /configmaps/ };

/** As servers do that know nothing of WatchList. */
const noInitialState: RuleOptions = {
  match: { verb: "watch", path: /sendInitialEvents/ },
  action: {
    type: "answer",
    status: 400,
    body: { ...gone, reason: "BadRequest", message: "unknown option", code: 400 },
  },
};

const faults: readonly Fault[] = [
  {
    name: "watches cut in the middle of an event",
    match: { verb: "watch", path: builtIn },
    times: 6,
    action: { type: "cut", at: { bytes: 1_000 } },
  },
  {
    name: "watches cut in the middle of a line",
    match: { verb: "watch", path: custom },
    times: 2,
    action: { type: "cut", at: { bytes: 100 } },
  },
  {
    name: "watches cut inside a character",
    match: { verb: "watch" },
    times: 4,
    action: { type: "cut", at: { insideCharacter: true } },
  },
  {
    name: "watches ended in the middle of an event as if it were complete",
    match: { verb: "watch" },
    times: 4,
    action: { type: "end", at: { bytes: 3_000 } },
  },
  {
    name: "watches in pieces of one byte",
    match: { verb: "watch" },
    times: 3,
    action: { type: "rechunk", into: { size: 1 } },
  },
  {
    name: "watches refused with 410",
    match: { verb: "watch" },
    times: 6,
    action: { type: "answer", status: 410, body: gone },
  },
  {
    name: "lists refused with 410",
    match: { verb: "list" },
    times: 3,
    action: { type: "answer", status: 410, body: gone },
    beside: noInitialState,
  },
  {
    name: "lists cut in the middle",
    match: { verb: "list" },
    times: 3,
    action: { type: "cut", at: { bytes: 2_000 } },
    beside: noInitialState,
  },
  {
    name: "writes refused with 429 and Retry-After",
    match: creates,
    times: 8,
    action: { type: "answer", status: 429, headers: { "retry-after": "1" }, body: busy },
  },
  {
    name: "writes refused with 500",
    match: creates,
    times: 20,
    action: { type: "answer", status: 500, body: broken },
  },
  { name: "writes whose answers are lost", match: creates, times: 20, action: { type: "lose-answer" } },
  { name: "writes that never reach the server", match: creates, times: 20, action: { type: "cut-request" } },
  { name: "updates whose answers are lost", match: { verb: "update" }, times: 20, action: { type: "lose-answer" } },
  { name: "deletions whose answers are lost", match: { verb: "delete" }, times: 2, action: { type: "lose-answer" } },
];

test.each(faults)("converges through $name", async ({ match, times, action, beside }) => {
  const namespace = await world.namespace();
  await createPods(namespace, 40);
  await namespace.createConfig("app", spec);
  const proxy = await world.proxy();
  if (beside !== undefined) proxy.rule(beside);
  const fault = proxy.rule({ match, times, action });
  world.manageThrough(proxy, namespace);
  await namespace.settled("app");
  await eventuallyExact(namespace);

  // And once more with a cluster that changes in each way.
  await createPods(namespace, 10, 100);
  for (const pod of ["pod-1", "pod-2"]) await namespace.remove("pods", pod);
  await namespace.patch("podconfigmapconfigs", "app", {
    spec: {
      annotationsToInclude: null,
      podSelector: { matchExpressions: [{ key: "half", operator: "DoesNotExist" }] },
    },
  });
  for (const pod of ["pod-3", "pod-4"]) await namespace.patch("pods", pod, { metadata: { labels: { half: "yes" } } });
  await eventuallyExact(namespace);
  expect(fault.hits).toBeGreaterThan(0);
});

test("converges after all connections broke, again and again", async () => {
  const namespace = await world.namespace();
  await namespace.createConfig("app", spec);
  const proxy = await world.proxy();
  world.manageThrough(proxy, namespace);
  for (let round = 0; round < 4; round++) {
    await createPods(namespace, 25, round * 25);
    await eventually("some ConfigMaps are made", async () => (await namespace.list("configmaps")).length > round * 25);
    proxy.disconnectAll();
  }
  await eventuallyExact(namespace);
  await namespace.settled("app");
});

test("converges exactly though the API server is killed in the midst of 300 Pods", async () => {
  const namespace = await world.namespace();
  await createPods(namespace, 300);
  await namespace.createConfig("app", spec);
  world.manage(namespace, { podWorkers: 4 });
  const made = await eventually("the manager is in the midst of it", async () => {
    const { length } = await namespace.list("configmaps");
    return length >= 20 && length;
  });
  await world.cluster.kill("kube-apiserver");
  expect(made).toBeLessThan(300);
  await world.cluster.start("kube-apiserver");
  await eventuallyExact(namespace);
  await namespace.settled("app");
  expect((await namespace.list("configmaps")).filter(({ metadata }) => metadata.name.startsWith("pod-"))).toHaveLength(
    300,
  );
});

/** A token of a ServiceAccount that may do all that the manager does. */
const issueToken = async (namespace: Namespace): Promise<string> => {
  const path = `/api/v1/namespaces/${namespace.name}/serviceaccounts/default/token`;
  const request = { spec: { expirationSeconds: 3600 } };
  const { status } = await world.cluster.request<{ status: { token: string } }>("POST", path, request);
  return status.token;
};

const mayDoAll = (namespace: Namespace): Promise<unknown> =>
  world.cluster.request("POST", `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace.name}/rolebindings`, {
    metadata: { name: "all" },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "cluster-admin" },
    subjects: [{ kind: "ServiceAccount", name: "default", namespace: namespace.name }],
  });

/** A kubeconfig with a token in a file, and a way to replace that as a kubelet does. */
const tokenFiles = async ({ server, caPem }: FaultProxy) => {
  const folder = await mkdtemp(join(tmpdir(), "pcmc-token-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const tokenFile = join(folder, "token");
  const kubeconfig = join(folder, "kubeconfig");
  const cluster = { server, "certificate-authority-data": Buffer.from(caPem).toString("base64") };
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "c", cluster }],
    users: [{ name: "u", user: { tokenFile } }],
    contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
    "current-context": "x",
  };
  await writeFile(kubeconfig, stringify(config));
  const replace = async (token: string) => {
    await writeFile(`${tokenFile}.new`, token);
    await rename(`${tokenFile}.new`, tokenFile);
  };
  return { kubeconfig, replace };
};

test("a token that is replaced while the manager runs is used from the first 401 on, for writes and for watches", async () => {
  const namespace = await world.namespace();
  await mayDoAll(namespace);
  const proxy = await world.proxy({ presentCertificate: false });
  const [old, fresh] = [await issueToken(namespace), await issueToken(namespace)];
  const { kubeconfig, replace } = await tokenFiles(proxy);
  await replace(old);
  await namespace.createConfig("app", spec);
  await createPods(namespace, 5);
  const config = await loadClusterConfig({ flags: { kubeconfig } });
  world.keep(new RunningManager(config, { namespaces: [namespace.name] }));
  await namespace.settled("app");
  expect(new Set(proxy.requests.map(({ authorization }) => authorization))).toEqual(new Set([`Bearer ${old}`]));

  await replace(fresh);
  const refused = { status: 401, body: { ...gone, reason: "Unauthorized", message: "expired", code: 401 } };
  const rule = proxy.rule({ times: 1, action: { type: "answer", ...refused } });
  await createPods(namespace, 5, 10);
  await eventuallyExact(namespace);
  expect(rule.hits).toBe(1);
  const sinceRefusal = () => proxy.requests.slice(proxy.requests.findIndex(({ status }) => status === 401) + 1);
  const later = proxy.requests.length;
  proxy.disconnectAll();
  await createPods(namespace, 5, 20);
  await eventuallyExact(namespace);
  expect(proxy.requests.slice(later).some(({ verb }) => verb === "watch")).toBe(true);
  for (const { authorization } of sinceRefusal().slice(10)) expect(authorization).toBe(`Bearer ${fresh}`);
});
