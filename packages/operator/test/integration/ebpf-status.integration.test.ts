/*
 * The manager's sum over what the agents say of Pods, on a real API server. The test speaks for the agents, by the same patches.
 *
 * Invariants:
 * - EbpfReady follows the Pods' conditions, their coming and going, and the spec's generation; it waits for no ConfigMap.
 * - Statuses are written for a difference only, and a burst of reports takes few writes.
 * - Pods are not held with their conditions while nobody asks for eBPF.
 */

import { expect, test } from "vitest";
import type { PodConfigMapConfig } from "../../src/api/podconfigmapconfig.ts";
import { type Progress, podCondition } from "../../src/ebpf/condition.ts";
import { eventually } from "./support/eventually.ts";
import type { RunningManager } from "./support/manager.ts";
import type { Namespace } from "./support/namespace.ts";
import { useWorld } from "./support/world.ts";

const world = useWorld({ controllerManager: false, audit: true });

const FIREWALL = { ebpfConfig: { l4Firewall: { enabled: true, blockedPorts: [22] } } };
const attached: Progress = { kind: "attached", programs: ["l4_firewall"] };
const denied: Progress = { kind: "failed", reason: "NoPermission", message: "the agent lacks CAP_BPF", programs: [] };

/** Says of a Pod what its node's agent would, by the same patch. */
const report = async (namespace: Namespace, pod: string, said: { generation?: number; progress?: Progress } = {}) => {
  const { generation = 1, progress = attached } = said;
  const sources = [{ name: "app", generation }];
  const policy = { applies: true, onFailure: "allow", problems: [], sources } as const;
  const condition = podCondition(policy, { gate: false, progress });
  const path = `${namespace.path("pods", pod)}/status`;
  const contentType = "application/strategic-merge-patch+json";
  await world.cluster.request("PATCH", path, { status: { conditions: [condition] } }, { contentType });
};

const becomes = (namespace: Namespace, expected: string, config = "app") =>
  eventually(`EbpfReady of ${config} is ${expected}`, async () => {
    const { status, reason, message } = (await namespace.condition(config, "EbpfReady")) ?? {};
    const found = `${status} ${reason}: ${message}`;
    if (found.startsWith(expected)) return true;
    throw new Error(`it is ${found}`);
  });

const statusWrites = async (manager: RunningManager) =>
  (await world.writes(manager)).filter(({ objectRef }) => objectRef?.subresource === "status");

test("EbpfReady sums up what the agents say, and follows Pods that come, fail and go", async () => {
  const namespace = await world.namespace();
  for (const name of ["a", "b"]) await namespace.createPod(name, { nodeName: `node-${name}` });
  await namespace.createConfig("app", FIREWALL);
  world.manage(namespace);
  await becomes(namespace, "False NotReported: 0/2 Pods; node-a: a: NotReported: ");
  await report(namespace, "a");
  await becomes(namespace, "False NotReported: 1/2 Pods; node-b: b: ");
  await report(namespace, "b");
  await becomes(namespace, "True Attached: 2/2 Pods.");
  await report(namespace, "b", { progress: denied });
  await becomes(namespace, "False NoPermission: 1/2 Pods; node-b: b: NoPermission: the agent lacks CAP_BPF");
  await namespace.createPod("c");
  await becomes(namespace, "False NoPermission: 1/3 Pods; node-b: b: NoPermission: the agent lacks CAP_BPF; 1 waiting");
  await namespace.remove("pods", "c");
  await namespace.setPhase("b", "Failed");
  await becomes(namespace, "True Attached: 1/1 Pods.");
  await namespace.ready("app", { status: "True" });
});

test("a new generation counts once the agents have taken it up, and the condition goes with ebpfConfig", async () => {
  const namespace = await world.namespace();
  await namespace.createPod("a", { nodeName: "node-a" });
  await namespace.createConfig("app", FIREWALL);
  world.manage(namespace);
  await report(namespace, "a");
  await becomes(namespace, "True Attached: 1/1 Pods.");
  const spec = { ebpfConfig: { l4Firewall: { blockedPorts: [23], allowedPorts: [23] } } };
  const { metadata } = await namespace.patch("podconfigmapconfigs", "app", { spec });
  await becomes(namespace, "False Outdated: 0/1 Pods");
  await eventually("the port in both lists is told", async () => {
    const adjusted = await namespace.condition("app", "EbpfAdjusted");
    return adjusted?.reason === "PortInBothLists" && adjusted.observedGeneration === metadata.generation;
  });
  await report(namespace, "a", { generation: metadata.generation ?? 0 });
  await becomes(namespace, "True Attached: 1/1 Pods.");
  await namespace.patch("podconfigmapconfigs", "app", { spec: { ebpfConfig: null } });
  await eventually("the conditions are gone", async () => {
    const { status } = await namespace.get("podconfigmapconfigs", "app");
    return status?.conditions?.map(({ type }) => type).join() === "Ready";
  });
});

test("EbpfReady does not wait for a ConfigMap that cannot be written", async () => {
  const namespace = await world.namespace();
  await namespace.createPod("a", { nodeName: "node-a" });
  await namespace.createConfig("app", FIREWALL);
  const proxy = await world.proxy();
  const body = { kind: "Status", reason: "InternalError", message: "etcd is tired", code: 500 };
  const failing = proxy.rule({
    match: { verb: "create", path: /configmaps/ },
    action: { type: "answer", status: 500, body },
  });
  world.manageThrough(proxy, namespace);
  await report(namespace, "a");
  await becomes(namespace, "True Attached: 1/1 Pods.");
  const { status } = await namespace.get("podconfigmapconfigs", "app");
  expect(status).not.toHaveProperty("observedGeneration");
  failing.remove();
  await namespace.settled("app");
});

test("a conflict is told on the one that does not get its way", async () => {
  const namespace = await world.namespace();
  await namespace.createPod("a", { nodeName: "node-a" });
  const web: PodConfigMapConfig["spec"] = {
    ebpfConfig: { l4Firewall: { enabled: true, defaultAction: "block", allowedPorts: [80] } },
  };
  await namespace.createConfig("web", web);
  world.manage(namespace);
  await becomes(namespace, "False NotReported", "web");
  expect(await namespace.condition("web", "EbpfAdjusted")).toBeUndefined();
  await namespace.createConfig("base", { ebpfConfig: { l4Firewall: { enabled: true, blockedPorts: [80] } } });
  await eventually("the conflict is told", async () => {
    const adjusted = await namespace.condition("web", "EbpfAdjusted");
    return adjusted?.reason === "PortConflict" && adjusted.message?.includes("blocked by base");
  });
  expect(await namespace.condition("base", "EbpfAdjusted")).toBeUndefined();
  await namespace.remove("podconfigmapconfigs", "base");
  await eventually(
    "the conflict is over",
    async () => (await namespace.condition("web", "EbpfAdjusted")) === undefined,
  );
});

test("a burst of reports takes few writes, and reports that say nothing new none", async () => {
  const namespace = await world.namespace();
  const pods = Array.from({ length: 30 }, (_, index) => `pod-${index}`);
  for (const pod of pods) await namespace.createPod(pod, { nodeName: "node-a" });
  await namespace.createConfig("app", FIREWALL);
  const manager = world.manage(namespace);
  await becomes(namespace, "False NotReported: 0/30 Pods");
  const before = (await statusWrites(manager)).length;
  await Promise.all(pods.map((pod) => report(namespace, pod)));
  await becomes(namespace, "True Attached: 30/30 Pods.");
  const after = (await statusWrites(manager)).length;
  expect(after - before).toBeLessThanOrEqual(5);
  const looks = await manager.reconciles("pod");
  await namespace.patchStatus("pods", "pod-0", { message: "nothing of interest", startTime: "2026-01-01T00:00:00Z" });
  await namespace.patch("pods", "pod-0", { metadata: { annotations: { note: "1" } } });
  await eventually("the Pod is looked at", async () => (await manager.reconciles("pod")) > looks);
  expect((await statusWrites(manager)).length).toBe(after);
});

test("Pods are read once more, for their conditions, only when somebody asks for eBPF", async () => {
  const namespace = await world.namespace();
  await namespace.createPod("a", { nodeName: "node-a" });
  await namespace.createConfig("app", { ebpfConfig: { l4Firewall: { enabled: false } } });
  const proxy = await world.proxy();
  // As slow as without it: it only counts.
  const watches = proxy.rule({ match: { verb: "watch", path: /\/pods\?/ }, action: { type: "delay", ms: 0 } });
  world.manageThrough(proxy, namespace);
  await becomes(namespace, "True NothingEnabled: ");
  // Where lists are not streamed, that is tried first.
  const once = watches.hits;
  expect([1, 2]).toContain(once);
  await report(namespace, "a", { generation: 2 });
  await namespace.patch("podconfigmapconfigs", "app", { spec: { ebpfConfig: { l4Firewall: { enabled: true } } } });
  await becomes(namespace, "True Attached: 1/1 Pods.");
  expect(watches.hits).toBe(2 * once);
});
