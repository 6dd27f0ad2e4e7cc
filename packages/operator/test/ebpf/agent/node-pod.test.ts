/*
 * Invariants of what the kernel side is told of a Pod:
 * - The container whose process stands for the Pod is the first of the spec, never an init container, be it a sidecar.
 * - A static Pod is known by its config hash too, whatever the API server calls it.
 */
import { expect, test } from "vitest";
import { isRunning, nodePodOf } from "../../../src/ebpf/agent/node-pod.ts";
import { storedPod } from "./support.ts";

const status = (name: string, containerID?: string) => ({
  name,
  ...(containerID !== undefined && { containerID }),
  image: "i",
  imageID: "",
  ready: true,
  restartCount: 0,
});

test("a Pod is told by UID, name and class", () => {
  expect(nodePodOf(storedPod("web", { status: { qosClass: "Burstable" } }))).toEqual({
    uid: "uid-of-web",
    namespace: "shop",
    name: "web",
    qosClass: "Burstable",
    hostNetwork: false,
    containerIds: [],
  });
});

const ran = (name: string, id: string, running = true) => ({
  ...status(name, id),
  state: running ? { running: { startedAt: "2026-01-31T12:00:00Z" } } : { terminated: { exitCode: 1 } },
});

test("the first container of the spec is told, whatever order statuses and starts come in", () => {
  const pod = storedPod("web", {
    spec: {
      hostNetwork: true,
      initContainers: [{ name: "proxy" }],
      containers: [{ name: "main" }, { name: "second" }, { name: "third" }],
    },
    status: {
      containerStatuses: [status("second", "containerd://2"), status("main", "cri-o://1"), status("third")],
      initContainerStatuses: [status("proxy", "containerd://0")],
    },
  });
  expect(nodePodOf(pod)).toMatchObject({ hostNetwork: true, containerIds: ["1"] });
});

test("while the first container has not started, no other one stands for it", () => {
  const pod = storedPod("web", {
    spec: {
      initContainers: [{ name: "proxy", restartPolicy: "Always" }],
      containers: [{ name: "main" }, { name: "b" }],
    },
    status: {
      containerStatuses: [status("main"), status("b", "containerd://2")],
      initContainerStatuses: [status("proxy", "containerd://0")],
    },
  });
  expect(nodePodOf(pod).containerIds).toEqual([]);
});

test("a Pod runs when one of its containers does", () => {
  const pod = (...containerStatuses: ReturnType<typeof ran>[]) => storedPod("web", { status: { containerStatuses } });
  expect([pod(), pod(ran("a", "1", false)), pod(ran("a", "1", false), ran("b", "2"))].map(isRunning)).toEqual([
    false,
    false,
    true,
  ]);
});

test("a static Pod has its config hash", () => {
  const annotations = { "kubernetes.io/config.hash": "0123abcd" };
  const metadata = { name: "etcd", namespace: "kube-system", uid: "u", annotations };
  expect(nodePodOf(storedPod("etcd", { metadata }))).toMatchObject({ uid: "u", configHash: "0123abcd" });
});
