// Invariants:
// - A Pod is recognised by the names of both cgroup drivers, under any --cgroup-root, and no other folder is.
// - The path expected of a Pod is one whose last name is recognised as that Pod.
// - A container is recognised by the names of each runtime; a runtime's monitor is none.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  comparable,
  containerIdOf,
  expectedPath,
  isClassName,
  isTopName,
  podIdOf,
  podIds,
} from "../../src/ebpf/cgroup-names.ts";

const UID = "0f6c1b5e-6d35-4a3c-9d0e-0d6a8b9c7e11";
const HASH = "8d3c2f0e4b5a69788796a5b4c3d2e1f0";
const CONTAINER = "3a".repeat(32);

describe("a Pod's folder name", () => {
  test.each([
    ["cgroupfs", `pod${UID}`],
    ["systemd, guaranteed", `kubepods-pod${UID.replaceAll("-", "_")}.slice`],
    ["systemd, burstable", `kubepods-burstable-pod${UID.replaceAll("-", "_")}.slice`],
    ["systemd, best effort", `kubepods-besteffort-pod${UID.replaceAll("-", "_")}.slice`],
    ["systemd below --cgroup-root=/kubelet", `kubelet-kubepods-burstable-pod${UID.replaceAll("-", "_")}.slice`],
  ])("is recognised: %s", (_, name) => {
    expect(podIdOf(name)).toBe(UID);
  });

  test("is recognised by the config hash of a static Pod", () => {
    expect(podIdOf(`kubepods-burstable-pod${HASH}.slice`)).toBe(HASH);
    expect(podIdOf(`pod${HASH}`)).toBe(HASH);
  });

  test.each([
    "kubepods.slice",
    "kubepods-burstable.slice",
    "burstable",
    CONTAINER,
    "system.slice",
    "pod",
    "podman.scope",
  ])("is not %s", (name) => {
    expect(podIdOf(name)).toBeUndefined();
  });
});

test("the folder of all Pods is recognised with each driver and prefix", () => {
  expect(["kubepods", "kubepods.slice", "kubelet-kubepods.slice", "a-b-kubepods.slice"].every(isTopName)).toBe(true);
  expect(["kubelet.slice", "kubepods-burstable.slice", "mykubepods", "kubepods.service"].some(isTopName)).toBe(false);
});

test("the folders of the QoS classes are recognised with each driver and prefix", () => {
  const classes = ["burstable", "besteffort", "kubepods-burstable.slice", "kubelet-kubepods-besteffort.slice"];
  expect(classes.every(isClassName)).toBe(true);
  expect([`kubepods-pod${HASH}.slice`, "kubepods.slice", "guaranteed", `pod${UID}`].some(isClassName)).toBe(false);
});

describe("a container's folder name", () => {
  test.each([CONTAINER, `cri-containerd-${CONTAINER}.scope`, `crio-${CONTAINER}.scope`, `docker-${CONTAINER}.scope`])(
    "is recognised: %s",
    (name) => {
      expect(containerIdOf(name)).toBe(CONTAINER);
    },
  );

  test.each([`crio-conmon-${CONTAINER}.scope`, "init", CONTAINER.slice(1), `pod${UID}`])("is not %s", (name) => {
    expect(containerIdOf(name)).toBeUndefined();
  });
});

test("a static Pod is looked for by its config hash first", () => {
  expect(podIds({ uid: UID, configHash: HASH })).toEqual([HASH, UID]);
  expect(podIds({ uid: UID })).toEqual([UID]);
});

const pods = fc.record({
  uid: fc.uuid(),
  qosClass: fc.constantFrom("Guaranteed", "Burstable", "BestEffort"),
});
const tops = fc.constantFrom(
  "/sys/fs/cgroup/kubepods",
  "/sys/fs/cgroup/kubepods.slice",
  "/sys/fs/cgroup/kubelet.slice/kubelet-kubepods.slice",
  "/c/docker/kubelet/kubepods",
);

test("what is expected of a Pod is recognised as that Pod, in the folder of its class", () => {
  fc.assert(
    fc.property(pods, tops, (pod, top) => {
      const below = expectedPath(top, pod)
        .slice(top.length + 1)
        .split("/");
      expect(podIdOf(below.at(-1) ?? "")).toBe(comparable(pod.uid));
      expect(below.slice(0, -1).map(isClassName)).toEqual(pod.qosClass === "Guaranteed" ? [] : [true]);
    }),
  );
});

test("the path expected of a burstable Pod is kubelet's with each driver", () => {
  const pod = { uid: "a-b", qosClass: "Burstable" } as const;
  expect(expectedPath("/c/kubepods", pod)).toBe("/c/kubepods/burstable/poda-b");
  expect(expectedPath("/c/kubelet.slice/kubelet-kubepods.slice", pod)).toBe(
    "/c/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice/kubelet-kubepods-burstable-poda_b.slice",
  );
});
