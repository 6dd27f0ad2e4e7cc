/*
 * Invariants of what the kernel side is told of a Pod:
 * - Container ids come in the order of the spec, those of init containers last, without their runtime's name.
 * - A static Pod is known by its config hash too, whatever the API server calls it.
 */
import { expect, test } from "vitest";
import { nodePodOf } from "../../../src/ebpf/agent/node-pod.ts";
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

test("containers that have started are told in the order of the spec", () => {
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
  expect(nodePodOf(pod)).toMatchObject({ hostNetwork: true, containerIds: ["1", "2", "0"] });
});

test("a static Pod has its config hash", () => {
  const annotations = { "kubernetes.io/config.hash": "0123abcd" };
  const metadata = { name: "etcd", namespace: "kube-system", uid: "u", annotations };
  expect(nodePodOf(storedPod("etcd", { metadata }))).toMatchObject({ uid: "u", configHash: "0123abcd" });
});
