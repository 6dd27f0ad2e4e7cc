/*
 * Status, metrics and writes, on a real API server.
 *
 * Invariants:
 * - No write without a difference: not at a restart, not at a resync, not for what does not concern us.
 * - observedGeneration moves only when every selected Pod is settled at that generation.
 * - Metrics have the names and labels of docs/reference/metrics.md, and none of what is gone.
 */
import type { Event } from "kubernetes-types/core/v1.d.ts";
import { expect, test } from "vitest";
import { eventually } from "./support/eventually.ts";
import type { RunningManager } from "./support/manager.ts";
import { type Sample, samplesOf } from "./support/metrics.ts";
import { eventuallyExact, expectExact } from "./support/oracle.ts";
import { useWorld } from "./support/world.ts";

const world = useWorld({ controllerManager: false, audit: true });

/** Waits until both controllers have looked at everything `rounds` more times. */
const resynced = async (manager: RunningManager, { pods, configs }: { pods: number; configs: number }, rounds = 3) => {
  const [podsBefore, configsBefore] = [await manager.reconciles("pod"), await manager.reconciles("pcmc")];
  await eventually(`${rounds} resyncs`, async () => {
    const seen = [(await manager.reconciles("pod")) - podsBefore, (await manager.reconciles("pcmc")) - configsBefore];
    return (seen[0] ?? 0) >= rounds * pods && (seen[1] ?? 0) >= rounds * configs;
  });
};

const summary = async (manager: RunningManager): Promise<string[]> =>
  (await world.writes(manager)).map(
    ({ verb, objectRef }) =>
      `${verb} ${objectRef?.resource}${objectRef?.subresource ? "/status" : ""} ${objectRef?.name ?? ""}`,
  );

test("a converged cluster sees no write at a restart and at resyncs", async () => {
  const namespace = await world.namespace();
  const pods = 20;
  for (let i = 0; i < pods; i++) {
    await namespace.createPod(`pod-${i}`, {
      labels: { app: "web", "a/b": "1" },
      annotations: { text: 'ü "quoted"\n\u2028 line\\' },
    });
  }
  // One of each kind: plain, in conflict, nothing selected.
  await namespace.create("configmaps", { metadata: { name: "pod-pod-0-from-app-cfg" } });
  await namespace.createConfig("app", { labelsToInclude: ["app", "a/b"], annotationsToInclude: ["text"] });
  await namespace.createConfig("c".repeat(100));
  await namespace.createConfig("none", { podSelector: { matchLabels: { no: "pod" } } });
  const first = world.manage(namespace);
  await namespace.ready("app", { status: "False", reason: "ConfigMapConflict" });
  for (const config of ["c".repeat(100), "none"]) await namespace.ready(config, { status: "True" });
  await eventuallyExact(namespace, { foreign: ["pod-pod-0-from-app-cfg"] });
  await first.stop();
  // The one in the way is tried anew at each look.
  const created = (await summary(first)).filter((write) => write.startsWith("create"));
  expect(new Set(created).size).toBe(2 * pods);

  const second = world.manageAll({ resyncPeriod: 300 });
  await second.ready();
  await resynced(second, { pods, configs: 3 });
  // What is in the way may have gone: only trying tells.
  const attempts = (await summary(second)).filter((write) => write !== "create configmaps pod-pod-0-from-app-cfg");
  expect(attempts).toEqual([]);
});

test("changes that concern no ConfigMap and no status make no write", async () => {
  const namespace = await world.namespace();
  await namespace.createPod("web");
  await namespace.createConfig("app");
  const manager = world.manage(namespace);
  await namespace.settled("app");
  await eventuallyExact(namespace);
  const before = await summary(manager);
  expect(before).toEqual(["create configmaps pod-web-from-app-cfg", "update podconfigmapconfigs/status app"]);
  const [pods, configs] = [await manager.reconciles("pod"), await manager.reconciles("pcmc")];
  await namespace.patch("pods", "web", { metadata: { annotations: { note: "1" }, labels: { other: "1" } } });
  await namespace.patch("podconfigmapconfigs", "app", { metadata: { annotations: { note: "1" } } });
  await eventually("both are looked at", async () => {
    return (await manager.reconciles("pod")) > pods && (await manager.reconciles("pcmc")) > configs;
  });
  expect(await summary(manager)).toEqual(before);
});

test("observedGeneration moves only once every Pod is settled at that generation", async () => {
  const namespace = await world.namespace();
  const pods = ["a", "b", "c"];
  for (const pod of pods) await namespace.createPod(pod, { labels: { app: "web" } });
  await namespace.createConfig("app");
  const proxy = await world.proxy();
  const manager = world.manageThrough(proxy, namespace);
  await namespace.settled("app");

  const held = proxy.rule({
    match: { verb: "update", path: /configmaps\/pod-b-from-app-cfg/ },
    action: { type: "hold" },
  });
  await namespace.patch("podconfigmapconfigs", "app", { spec: { labelsToInclude: ["app"] } });
  for (const pod of ["a", "c"]) {
    await eventually(`the ConfigMap of ${pod} is new`, async () => {
      const { data } = await namespace.get("configmaps", `pod-${pod}-from-app-cfg`);
      return data?.label_app === "web";
    });
  }
  const looks = await manager.reconciles("pcmc");
  await eventually("the status is looked at again", async () => (await manager.reconciles("pcmc")) > looks);
  expect(held.hits).toBe(1);
  expect((await namespace.get("podconfigmapconfigs", "app")).status?.observedGeneration).toBe(1);
  held.release();
  expect((await namespace.settled("app")).status?.observedGeneration).toBe(2);
  await expectExact(namespace);
});

test("a transient error holds observedGeneration back, until trying again has worked", async () => {
  const namespace = await world.namespace();
  await namespace.createPod("web");
  await namespace.createConfig("app");
  const proxy = await world.proxy();
  const failing = proxy.rule({
    match: { verb: "create", path: /configmaps/ },
    action: {
      type: "answer",
      status: 500,
      body: { kind: "Status", reason: "InternalError", message: "etcd is tired", code: 500 },
    },
  });
  const manager = world.manageThrough(proxy, namespace);
  await eventually("it is tried again", () => failing.hits >= 3);
  await eventually("the status is looked at", async () => (await manager.reconciles("pcmc")) > 0);
  expect((await namespace.get("podconfigmapconfigs", "app")).status).toBeUndefined();
  failing.remove();
  await namespace.settled("app");
  await expectExact(namespace);
});

test("a PodConfigMapConfig that is deleted while its status is being written is no trouble", async () => {
  const namespace = await world.namespace();
  await namespace.createPod("web");
  await namespace.createConfig("app");
  const proxy = await world.proxy();
  const held = proxy.rule({ match: { verb: "update", path: /status/ }, times: 1, action: { type: "hold" } });
  const manager = world.manageThrough(proxy, namespace);
  await eventually("the status is being written", () => held.hits > 0);
  await namespace.remove("podconfigmapconfigs", "app");
  const looks = await manager.reconciles("pcmc");
  held.release();
  await eventually("the write has ended", async () => (await manager.reconciles("pcmc")) > looks);
  await eventuallyExact(namespace);
  expect(manager.linesOf("warning")).toEqual([]);
});

test("Ready says how many Pods are up to date, and names those that are not", async () => {
  const namespace = await world.namespace();
  await namespace.createConfig("app");
  world.manage(namespace);
  expect(await namespace.ready("app", { status: "True" })).toMatchObject({
    reason: "UpToDate",
    message: "No Pod is selected.",
    observedGeneration: 1,
  });
  await namespace.createPod("web");
  const says = (text: string) =>
    eventually(`Ready says ${text}`, async () => {
      const condition = await namespace.condition("app", "Ready");
      return condition?.message === text && condition;
    });
  const one = await says("1 Pod up to date.");
  for (let i = 0; i < 7; i++) await namespace.create("configmaps", { metadata: { name: `pod-p${i}-from-app-cfg` } });
  for (let i = 0; i < 7; i++) await namespace.createPod(`p${i}`);
  const named = Array.from(
    { length: 5 },
    (_, i) =>
      `p${i}: ConfigMap pod-p${i}-from-app-cfg exists and is not ours: it is left untouched; rename or delete it to make room`,
  );
  const many = await says(`7 of 8 Pods not up to date: ${named.join("; ")}; and 2 more`);
  expect(many.status).toBe("False");
  await namespace.remove("pods", "p6");
  const fewer = await says(`6 of 7 Pods not up to date: ${named.join("; ")}; and 1 more`);
  expect(fewer.lastTransitionTime).toBe(many.lastTransitionTime);
  for (let i = 0; i < 6; i++) await namespace.remove("pods", `p${i}`);
  expect(await says("1 Pod up to date.")).toMatchObject({ status: one.status, reason: one.reason });
});

test("a status that somebody else wrote over is put right, and conditions of others stay", async () => {
  const namespace = await world.namespace();
  await namespace.createPod("web");
  await namespace.createConfig("app");
  world.manage(namespace);
  const settled = await namespace.settled("app");
  const theirs = {
    type: "example.com/Audited",
    status: "True",
    reason: "Yes",
    message: "",
    lastTransitionTime: "2026-01-01T00:00:00Z",
  };
  const path = `/apis/podconfig.example.com/v1alpha1/namespaces/${namespace.name}/podconfigmapconfigs/app/status`;
  const status = { observedGeneration: 7, matched: 9, failed: 9, conditions: [theirs] };
  await world.cluster.request("PATCH", path, { status }, { contentType: "application/merge-patch+json" });
  const mended = await namespace.settled("app");
  expect(mended.status).toMatchObject({ ...settled.status, conditions: expect.arrayContaining([theirs]) });
  await namespace.ready("app", { status: "True" });
});

test("kubectl get pcmc shows the status in its columns", async () => {
  const namespace = await world.namespace();
  await namespace.createPod("web", { labels: { app: "web" } });
  await namespace.createConfig("app", { podSelector: { matchLabels: { app: "web" } } });
  world.manage(namespace);
  await namespace.settled("app");
  const { stdout } = await world.cluster.kubectl(["get", "pcmc", "app", "--namespace", namespace.name]);
  const [header = "", row = ""] = stdout.trim().split("\n");
  const columns = header.trim().split(/\s+/);
  const cells = row.trim().split(/\s+/);
  expect(Object.fromEntries(columns.map((column, i) => [column, cells[i]]))).toMatchObject({
    NAME: "app",
    OBSERVEDGENERATION: "1",
    PODSELECTORMATCHLABELS: '{"app":"web"}',
    MATCHED: "1",
    READY: "True",
    FAILED: "0",
    REASON: "UpToDate",
  });
});

const PREFIX = "podconfigmap_controller_";

/** The samples of one of our metrics in one namespace. */
const ours = async (manager: RunningManager, name: string, namespace?: string): Promise<Sample[]> =>
  samplesOf(await manager.scrape()).filter(
    (sample) =>
      sample.name === `${PREFIX}${name}` && (namespace ?? sample.labels.namespace) === sample.labels.namespace,
  );

test("the metrics have the names and labels of the reference, and count what was done", async () => {
  const namespace = await world.namespace();
  const { name } = namespace;
  const taken = "pod-db-from-app-cfg";
  await namespace.create("configmaps", { metadata: { name: taken } });
  for (const pod of ["web", "db"]) await namespace.createPod(pod, { labels: { app: pod } });
  await namespace.createConfig("app");
  await namespace.createConfig("ops", { podSelector: { matchLabels: { app: "web" } } });
  const manager = world.manage(namespace);
  await namespace.ready("app", { status: "False" });
  await namespace.ready("ops", { status: "True" });
  await namespace.patch("configmaps", "pod-web-from-app-cfg", { data: { extra: "1" } });
  await eventuallyExact(namespace, { foreign: [taken] });
  await namespace.patch("podconfigmapconfigs", "ops", { spec: { podSelector: { matchLabels: { app: "none" } } } });
  await eventually("one ConfigMap goes", () => namespace.lacks("configmaps", "pod-web-from-ops-cfg"));
  await namespace.settled("ops");

  const operations = await ours(manager, "configmap_operations_total", name);
  expect(operations.map(({ labels, value }) => [labels, value])).toEqual(
    expect.arrayContaining([
      [{ operation: "create", namespace: name, result: "success" }, 2],
      [{ operation: "create", namespace: name, result: "error" }, expect.any(Number)],
      [{ operation: "update", namespace: name, result: "success" }, 1],
      [{ operation: "delete", namespace: name, result: "success" }, 1],
    ]),
  );
  expect(operations).toHaveLength(4);
  expect((await ours(manager, "pcmc_status", name)).map(({ labels, value }) => [labels, value])).toEqual([
    [{ name: "app", namespace: name }, 0],
    [{ name: "ops", namespace: name }, 1],
  ]);
  expect((await ours(manager, "active_configmaps", name)).map(({ labels, value }) => [labels, value])).toEqual([
    [{ namespace: name, pcmc_name: "app" }, 1],
    [{ namespace: name, pcmc_name: "ops" }, 0],
  ]);
  const errors = await ours(manager, "reconciliation_errors_total", name);
  expect(errors.map(({ labels }) => labels)).toEqual([
    { resource_type: "pod", namespace: name, error_type: "conflict" },
  ]);
  const counts = await ours(manager, "reconciliation_duration_seconds_count", name);
  expect(counts.map(({ labels }) => labels.resource_type).sort()).toEqual(["pcmc", "pod"]);
  const depths = samplesOf(await manager.scrape()).filter((sample) => sample.name === `${PREFIX}queue_depth`);
  expect(depths.map(({ labels, value }) => [labels, value])).toEqual([
    [{ queue_name: "pod" }, 0],
    [{ queue_name: "pcmc" }, 0],
  ]);
});

test("the series of a PodConfigMapConfig that is gone, and of a namespace with nothing left, disappear", async () => {
  const [namespace, other] = [await world.namespace(), await world.namespace()];
  for (const one of [namespace, other]) {
    await one.createPod("web");
    for (const config of ["app", "ops"]) await one.createConfig(config);
  }
  const manager = world.manageAll({ namespaces: [namespace.name, other.name] });
  for (const one of [namespace, other]) for (const config of ["app", "ops"]) await one.settled(config);
  await namespace.remove("podconfigmapconfigs", "ops");
  await eventually("its series go", async () => {
    const series = [
      ...(await ours(manager, "pcmc_status", namespace.name)),
      ...(await ours(manager, "active_configmaps", namespace.name)),
    ];
    return series.length === 2 && series.every(({ labels }) => (labels.name ?? labels.pcmc_name) === "app");
  });
  await namespace.remove("podconfigmapconfigs", "app");
  await namespace.remove("pods", "web");
  // No garbage collector here.
  await namespace.remove("configmaps", "pod-web-from-app-cfg").catch(() => {});
  const seriesOf = async (name: string) =>
    samplesOf(await manager.scrape()).filter((one) => one.name.startsWith(PREFIX) && one.labels.namespace === name);
  await eventually("all series of the namespace go", async () => (await seriesOf(namespace.name)).length === 0);
  expect((await seriesOf(other.name)).length).toBeGreaterThan(10);
});

test("Events tell a conflict, its end and each generation, once, however often it is looked at", async () => {
  const namespace = await world.namespace();
  await namespace.createPod("web");
  await namespace.create("configmaps", { metadata: { name: "pod-web-from-app-cfg" } });
  await namespace.createConfig("app");
  const manager = world.manage(namespace, { resyncPeriod: 200, recheckPeriod: 200 });
  await namespace.ready("app", { status: "False", reason: "ConfigMapConflict" });
  await resynced(manager, { pods: 1, configs: 1 });
  await namespace.remove("configmaps", "pod-web-from-app-cfg");
  await namespace.settled("app");
  await namespace.patch("podconfigmapconfigs", "app", { spec: { labelsToInclude: ["app"] } });
  const told = await eventually("three Events", async () => {
    const args = ["events", "--namespace", namespace.name, "--for", "podconfigmapconfig/app", "--output", "json"];
    const { items } = JSON.parse((await world.cluster.kubectl(args)).stdout) as { items: Event[] };
    const lines = items.map(({ type, reason, message }) => `${type} ${reason}: ${message}`).sort();
    return lines.filter((line) => line.includes("Generation 2")).length === 1 && lines;
  });
  const name = "pod-web-from-app-cfg";
  const conflict = `ConfigMap ${name} exists and is not ours: it is left untouched; rename or delete it to make room`;
  expect(told).toEqual([
    "Normal Reconciled: Generation 1: 1 Pod selected, 0 up to date, 1 failed.",
    "Normal Reconciled: Generation 2: 1 Pod selected, all up to date.",
    "Normal Recovered: 1 Pod up to date.",
    `Warning ConfigMapConflict: 1 of 1 Pod not up to date: web: ${conflict}`,
  ]);
});
