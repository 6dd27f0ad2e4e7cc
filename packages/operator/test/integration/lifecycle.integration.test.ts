/*
 * The life of Pods and PodConfigMapConfigs, on a real API server with garbage collection.
 *
 * Invariants:
 * - The ConfigMaps of a namespace are exactly those that its Pods and PodConfigMapConfigs call for, whatever happened while
 *   no manager ran.
 * - What ends with its Pod or namespace is left to the garbage collector: nobody fights it.
 */
import { isAtLeast } from "@pcmc/devcluster";
import { expect, test } from "vitest";
import { eventually } from "./support/eventually.ts";
import type { Namespace } from "./support/namespace.ts";
import { eventuallyExact, expectExact } from "./support/oracle.ts";
import { useWorld } from "./support/world.ts";

const world = useWorld({ audit: true });

const NAME = "pod-web-from-app-cfg";

const namesIn = async (namespace: Namespace): Promise<string[]> =>
  (await namespace.list("configmaps")).map(({ metadata }) => metadata.name).filter((name) => name.startsWith("pod-"));

test("two PodConfigMapConfigs that select one Pod make two ConfigMaps, and one goes with its PodConfigMapConfig", async () => {
  const namespace = await world.namespace();
  await namespace.createPod("web", { labels: { app: "web" } });
  await namespace.createConfig("app", { labelsToInclude: ["app"] });
  await namespace.createConfig("ops", { ebpfConfig: { l4Firewall: { enabled: true } } });
  world.manage(namespace);
  for (const config of ["app", "ops"]) await namespace.settled(config);
  await expectExact(namespace);
  expect((await namespace.get("configmaps", NAME)).data).toMatchObject({ label_app: "web", ebpf_enabled: "false" });
  expect((await namespace.get("configmaps", "pod-web-from-ops-cfg")).data).toMatchObject({
    ebpf_enabled: "true",
    ebpf_l4_firewall: "true",
    ebpf_l4_firewall_default_action: "allow",
  });
  await namespace.remove("podconfigmapconfigs", "ops");
  await eventually("its ConfigMap goes", async () => (await namesIn(namespace)).length === 1);
  await eventuallyExact(namespace);
});

test("a ConfigMap follows its Pod's labels, annotations and phase, and those it has no more go", async () => {
  const namespace = await world.namespace();
  await namespace.createPod("web", { labels: { app: "web" }, annotations: { note: "1" } });
  await namespace.createConfig("app", { labelsToInclude: ["app"], annotationsToInclude: ["note"] });
  world.manage(namespace);
  await namespace.settled("app");
  await namespace.patch("pods", "web", { metadata: { labels: { app: "shop" }, annotations: { note: null } } });
  await eventuallyExact(namespace);
  const { data } = await namespace.get("configmaps", NAME);
  expect(data?.label_app).toBe("shop");
  expect(data).not.toHaveProperty("annotation_note");
});

test("a completed Pod keeps its ConfigMap, which says Succeeded", async () => {
  const namespace = await world.namespace();
  await namespace.createPod("web");
  await namespace.createConfig("app");
  world.manage(namespace);
  await namespace.settled("app");
  await namespace.setPhase("web", "Succeeded");
  await eventuallyExact(namespace);
  expect((await namespace.get("configmaps", NAME)).data?.phase).toBe("Succeeded");
});

test("a terminating Pod gets no ConfigMap, and keeps the one that it has as it is", async () => {
  const namespace = await world.namespace();
  const finalizers = ["example.com/held"];
  await namespace.createPod("web", { finalizers });
  await namespace.createConfig("app");
  world.manage(namespace);
  await namespace.settled("app");
  const before = await namespace.get("configmaps", NAME);
  await namespace.createPod("late", { finalizers, labels: { late: "yes" } });
  await eventuallyExact(namespace);
  for (const pod of ["web", "late"]) await namespace.remove("pods", pod);

  // Both changes concern terminating Pods only. The status tells when they have been seen.
  await namespace.createConfig("more");
  await namespace.patch("podconfigmapconfigs", "app", { spec: { labelsToInclude: ["late"] } });
  for (const config of ["more", "app"]) expect((await namespace.settled(config)).status?.matched).toBe(0);
  expect((await namespace.get("configmaps", NAME)).metadata).toEqual(before.metadata);
  expect(await namesIn(namespace)).toEqual(["pod-late-from-app-cfg", NAME]);

  for (const pod of ["web", "late"]) await namespace.patch("pods", pod, { metadata: { finalizers: null } });
  await eventually("what the Pods had is collected", async () => (await namesIn(namespace)).length === 0);
});

test("the ConfigMap of a PodConfigMapConfig deleted while no manager ran goes at the next start", async () => {
  const namespace = await world.namespace();
  for (const pod of ["web", "db"]) await namespace.createPod(pod);
  for (const config of ["app", "ops"]) await namespace.createConfig(config);
  const manager = world.manage(namespace);
  for (const config of ["app", "ops"]) await namespace.settled(config);
  await manager.stop();
  await namespace.remove("podconfigmapconfigs", "app");
  world.manage(namespace);
  await eventuallyExact(namespace);
  expect((await namesIn(namespace)).sort()).toEqual(["pod-db-from-ops-cfg", "pod-web-from-ops-cfg"]);
});

test("the ConfigMap of a Pod deleted while no manager ran is collected, and the next start makes none", async () => {
  const namespace = await world.namespace();
  for (const pod of ["web", "db"]) await namespace.createPod(pod);
  await namespace.createConfig("app");
  const manager = world.manage(namespace);
  await namespace.settled("app");
  await manager.stop();
  await namespace.remove("pods", "web");
  world.manage(namespace);
  await eventuallyExact(namespace);
  expect(await namesIn(namespace)).toEqual(["pod-db-from-app-cfg"]);
});

test.each([
  { when: "while the manager runs", isStopped: false },
  { when: "while no manager runs", isStopped: true },
])("a Pod of the same name with a new UID gets a ConfigMap of its own, $when", async ({ isStopped }) => {
  const namespace = await world.namespace();
  const old = await namespace.createPod("web", { labels: { version: "1" } });
  await namespace.createConfig("app", { labelsToInclude: ["version"] });
  const manager = world.manage(namespace);
  await namespace.settled("app");
  if (isStopped) await manager.stop();
  await namespace.remove("pods", "web");
  const pod = await namespace.createPod("web", { labels: { version: "2" } });
  expect(pod.metadata.uid).not.toBe(old.metadata.uid);
  if (isStopped) world.manage(namespace);
  await eventuallyExact(namespace);
  const { data, metadata } = await namespace.get("configmaps", NAME);
  expect(data?.label_version).toBe("2");
  expect(metadata.ownerReferences).toMatchObject([{ uid: pod.metadata.uid }]);
});

test("a selector changed so that half of the Pods leave deletes their ConfigMaps and keeps the others", async () => {
  const namespace = await world.namespace();
  const sides = ["left", "right"];
  for (let i = 0; i < 10; i++) await namespace.createPod(`pod-${i}`, { labels: { side: sides[i % 2] ?? "" } });
  await namespace.createConfig("app", {
    podSelector: { matchExpressions: [{ key: "side", operator: "In", values: sides }] },
  });
  world.manage(namespace);
  expect((await namespace.settled("app")).status?.matched).toBe(10);
  await expectExact(namespace);
  const before = await namespace.list("configmaps");

  await namespace.patch("podconfigmapconfigs", "app", {
    spec: { podSelector: { matchExpressions: [{ key: "side", operator: "NotIn", values: ["right"] }] } },
  });
  expect((await namespace.settled("app")).status?.matched).toBe(5);
  await eventuallyExact(namespace);
  const after = await namespace.list("configmaps");
  expect(after.map(({ metadata }) => metadata.uid)).toEqual(
    before.filter(({ data }) => !/[13579]$/.test(data?.podName ?? "")).map(({ metadata }) => metadata.uid),
  );
});

test("a Pod whose labels leave the selector loses its ConfigMap, and gets one when they come back", async () => {
  const namespace = await world.namespace();
  await namespace.createPod("web", { labels: { app: "web" } });
  await namespace.createConfig("app", { podSelector: { matchLabels: { app: "web" } } });
  world.manage(namespace);
  await namespace.settled("app");
  await namespace.patch("pods", "web", { metadata: { labels: { app: null } } });
  await eventually("its ConfigMap goes", () => namespace.lacks("configmaps", NAME));
  await eventually(
    "none is matched",
    async () => (await namespace.get("podconfigmapconfigs", "app")).status?.matched === 0,
  );
  await namespace.patch("pods", "web", { metadata: { labels: { app: "web" } } });
  await eventually("its ConfigMap is back", () => namespace.get("configmaps", NAME));
  await eventuallyExact(namespace);
});

test.each([
  { podSelector: "absent", spec: {} },
  { podSelector: "null", spec: { podSelector: null } },
  { podSelector: "{}", spec: { podSelector: {} } },
])("podSelector $podSelector selects all Pods", async ({ spec }) => {
  const namespace = await world.namespace();
  await namespace.createPod("bare");
  await namespace.createPod("web", { labels: { app: "web" } });
  await namespace.createConfig("app", spec);
  world.manage(namespace);
  expect((await namespace.settled("app")).status).toMatchObject({ matched: 2, failed: 0 });
  await expectExact(namespace);
});

test("a PodConfigMapConfig without a spec selects all Pods", async () => {
  const namespace = await world.namespace();
  await namespace.createPod("web");
  const type = { apiVersion: "podconfig.example.com/v1alpha1", kind: "PodConfigMapConfig" };
  await namespace.create("podconfigmapconfigs", { ...type, metadata: { name: "app" } });
  world.manage(namespace);
  expect((await namespace.settled("app")).status?.matched).toBe(1);
  await expectExact(namespace);
});

test("a namespace that ends is left alone: no more requests than ConfigMaps, no warnings, and it ends", async () => {
  const namespace = await world.namespace();
  const pods = 20;
  for (let i = 0; i < pods; i++) await namespace.createPod(`pod-${i}`);
  await namespace.createConfig("app");
  const manager = world.manageAll({ resyncPeriod: 100 });
  await namespace.settled("app");
  await expectExact(namespace);
  const before = (await world.writes(manager)).length;
  await world.cluster.request("DELETE", `/api/v1/namespaces/${namespace.name}`);
  await eventually("the namespace is gone", async () => {
    const { items } = await world.cluster.request<{ items: { metadata: { name: string } }[] }>(
      "GET",
      "/api/v1/namespaces",
    );
    return items.every(({ metadata }) => metadata.name !== namespace.name);
  });
  const writes = (await world.writes(manager)).slice(before);
  const attempts = writes.filter(({ objectRef }) => objectRef?.resource === "configmaps");
  // Since Kubernetes 1.33 Pods go first (KEP-5080). Before, ConfigMaps may, and each event of a Pod that still is there tries once.
  const events = isAtLeast("1.33") ? 1 : 4;
  expect(attempts.length).toBeLessThanOrEqual(events * pods);
  expect(manager.linesOf("warning")).toEqual([]);
});

test("a Pod deleted in the foreground takes its ConfigMap along, without a fight with the garbage collector", async () => {
  const namespace = await world.namespace();
  // On a node, so that it stays terminating until somebody ends it.
  await namespace.createPod("web", { nodeName: "node-1" });
  await namespace.createConfig("app");
  const manager = world.manage(namespace, { resyncPeriod: 100 });
  await namespace.settled("app");
  const before = (await world.writes(manager)).length;
  await namespace.remove("pods", "web", { gracePeriodSeconds: 0, propagationPolicy: "Foreground" });
  await eventually("the Pod is gone", () => namespace.lacks("pods", "web"));
  await eventually("its ConfigMap is gone", () => namespace.lacks("configmaps", NAME));
  const writes = (await world.writes(manager)).slice(before);
  // The ConfigMap's end may be seen before the Pod's: then it is made once more, and collected again.
  expect(writes.filter(({ objectRef }) => objectRef?.resource === "configmaps").length).toBeLessThanOrEqual(1);
});
