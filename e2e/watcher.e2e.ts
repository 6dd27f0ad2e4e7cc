/**
 * The operator runs as Pods, the API server calls its webhooks through their Service, and the containers are real.
 *
 * Invariants:
 * - a Pod that asks for a Watcher runs its container, with the environment from `configData` and the volume's files;
 * - what runs with older configuration is counted, and replaced once `rollout: OnChange` says so;
 * - a sidecar keeps no Job from its end, and an operator that is away keeps no Pod from its start.
 */
import { type RealCluster, startCluster } from "@pcmc/devcluster";
import { afterAll, beforeAll, expect, onTestFailed, test } from "vitest";
import { buildBusybox } from "./support/images.ts";
import { apply, kubectl, rolledOut, waitFor } from "./support/kubectl.ts";
import { deployment, type List, namespace, type Pod, shell } from "./support/objects.ts";
import { deployOperator, operatorLogs, scaleOperator } from "./support/operator.ts";
import { until } from "./support/until.ts";

const NAMESPACE = "shop";
const WATCHER = `/apis/watch.example.com/v1alpha1/namespaces/${NAMESPACE}/watchers/agent`;
const ASKS = { "watch.example.com/inject": "agent" };

const watcher = {
  apiVersion: "watch.example.com/v1alpha1",
  kind: "Watcher",
  metadata: { name: "agent" },
  spec: {
    container: shell("agent", "exec sleep 100000", { volumeMounts: [{ name: "agent-files", mountPath: "/files" }] }),
    volume: { name: "agent-files", configMap: { name: "agent-config" } },
    configData: { GREETING: "hello" },
  },
};

/** Its Pods do nothing. */
const web = deployment("web", 2, { annotations: ASKS, spec: { containers: [shell("web", "exec sleep 100000")] } });

interface Watcher {
  readonly metadata: { readonly generation: number };
  readonly status?: {
    readonly observedGeneration?: number;
    readonly injected?: number;
    readonly missed?: number;
    readonly outdated?: number;
    readonly missedPods?: readonly { readonly name: string; readonly reason: string }[];
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

let cluster: RealCluster;

/** Objects of the namespace of these tests. */
const applyHere = (...objects: readonly { readonly metadata: object; readonly [field: string]: unknown }[]) =>
  apply(cluster, ...objects.map((one) => ({ ...one, metadata: { ...one.metadata, namespace: NAMESPACE } })));

const podsOf = async (app: string) =>
  (await cluster.request<List<Pod>>("GET", `/api/v1/namespaces/${NAMESPACE}/pods?labelSelector=app=${app}`)).items;

const inAgent = (pod: string, ...command: readonly string[]) =>
  kubectl(cluster, ["-n", NAMESPACE, "exec", pod, "-c", "agent", "--", ...command]);

/** Waits for a status of the Watcher's current generation. */
const statusIs = (what: string, isSo: (status: NonNullable<Watcher["status"]>) => boolean) =>
  until(what, async () => {
    const { metadata, status = {} } = await cluster.request<Watcher>("GET", WATCHER);
    if (status.observedGeneration === metadata.generation && isSo(status)) return status;
    throw new Error(JSON.stringify(status));
  });

beforeAll(async () => {
  cluster = await startCluster({ node: "real" });
  await Promise.all([buildBusybox(cluster), deployOperator(cluster)]);
  await apply(cluster, namespace(NAMESPACE));
  await applyHere(watcher);
  await statusIs("the Watcher is Ready", ({ conditions }) =>
    Boolean(conditions?.some(({ type, status }) => type === "Ready" && status === "True")),
  );
  await applyHere(web);
  await rolledOut(cluster, "web", NAMESPACE);
});

afterAll(async () => {
  await cluster?.stop();
});

test("the sidecar runs in each Pod that asks for it", async () => {
  onTestFailed(async () => console.error(await operatorLogs(cluster)));
  const pods = await podsOf("web");
  const sidecars = pods.map(({ status }) => status.initContainerStatuses?.map(({ name, ready }) => ({ name, ready })));
  expect(sidecars).toEqual([[{ name: "agent", ready: true }], [{ name: "agent", ready: true }]]);
  await statusIs("two Pods count as injected", ({ injected, missed }) => injected === 2 && missed === 0);
});

test("the sidecar's environment shows configData, and it can read the volume's files", async () => {
  for (const { metadata } of await podsOf("web")) {
    expect((await inAgent(metadata.name, "sh", "-c", 'echo "$GREETING"')).trim()).toBe("hello");
    expect(await inAgent(metadata.name, "cat", "/files/GREETING")).toBe("hello");
  }
});

test("changed configData makes the Pods outdated, and rollout: OnChange replaces them", async () => {
  onTestFailed(async () => console.error(await operatorLogs(cluster)));
  const old = (await podsOf("web")).map(({ metadata }) => metadata.name);
  await applyHere({ ...watcher, spec: { ...watcher.spec, configData: { GREETING: "goodbye" } } });
  await statusIs("two Pods count as outdated", ({ outdated }) => outdated === 2);
  expect((await podsOf("web")).map(({ metadata }) => metadata.name).sort()).toEqual(old.sort());
  const spec = { ...watcher.spec, configData: { GREETING: "goodbye" }, rollout: "OnChange" };
  await applyHere({ ...watcher, spec });
  await statusIs("no Pod counts as outdated", ({ outdated, injected }) => outdated === 0 && injected === 2);
  await rolledOut(cluster, "web", NAMESPACE);
  const pods = await podsOf("web");
  expect(pods.filter(({ metadata }) => old.includes(metadata.name))).toEqual([]);
  for (const { metadata } of pods) {
    expect((await inAgent(metadata.name, "sh", "-c", 'echo "$GREETING"')).trim()).toBe("goodbye");
  }
});

test("a Job with a native sidecar completes", async () => {
  const spec = { restartPolicy: "Never", terminationGracePeriodSeconds: 1, containers: [shell("main", "echo done")] };
  const template = { metadata: { labels: { app: "job" }, annotations: ASKS }, spec };
  await applyHere({ apiVersion: "batch/v1", kind: "Job", metadata: { name: "job" }, spec: { template } });
  await waitFor(cluster, "job/job", "condition=Complete", NAMESPACE);
  const [pod] = await podsOf("job");
  expect(pod?.spec.initContainers?.map(({ name }) => name)).toEqual(["agent"]);
});

test("a Pod that starts while the operator is away has no sidecar, and the Watcher names it afterwards", async () => {
  onTestFailed(async () => console.error(await operatorLogs(cluster)));
  await scaleOperator(cluster, 0);
  const spec = { terminationGracePeriodSeconds: 0, containers: [shell("main", "exec sleep 100000")] };
  await applyHere({ apiVersion: "v1", kind: "Pod", metadata: { name: "late", annotations: ASKS }, spec });
  await waitFor(cluster, "pod/late", "condition=Ready", NAMESPACE);
  await scaleOperator(cluster, 1);
  const { missedPods } = await statusIs("one Pod counts as missed", ({ missed }) => missed === 1);
  expect(missedPods?.map(({ name }) => name)).toEqual(["late"]);
});
