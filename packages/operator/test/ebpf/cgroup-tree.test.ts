// Invariants:
// - A Pod with a cgroup is found, whatever driver, class and prefix named it, also when no event told of it.
// - A handler hears of each Pod cgroup: of those that stand when it comes, and of each one made later.
// - What is gone is told and not found, and its return is told again, also where both come in one burst.
// - The folder of all Pods is followed when it moves.

import { systemClock } from "@pcmc/controller-runtime";
import { describe, expect, test } from "vitest";
import { CgroupTree } from "../../src/ebpf/cgroup-tree.ts";
import { noCgroups, testCgroups } from "./support/cgroups.ts";
import { ManualClock } from "./support/manual-clock.ts";
import { until } from "./support/until.ts";

const UID = "0f6c1b5e-6d35-4a3c-9d0e-0d6a8b9c7e11";
const UID_ = UID.replaceAll("-", "_");
const HASH = "8d3c2f0e4b5a69788796a5b4c3d2e1f0";
const pod = { uid: UID, qosClass: "Burstable" } as const;

const open = (root: string) => new CgroupTree({ roots: [root], clock: systemClock });

describe.skipIf(noCgroups)(`on real cgroups${noCgroups ? ` (skipped: ${noCgroups})` : ""}`, () => {
  test.each([
    ["cgroupfs, guaranteed", "Guaranteed", `kubepods/pod${UID}`],
    ["cgroupfs, burstable", "Burstable", `kubepods/burstable/pod${UID}`],
    ["cgroupfs, best effort", "BestEffort", `kubepods/besteffort/pod${UID}`],
    ["systemd, guaranteed", "Guaranteed", `kubepods.slice/kubepods-pod${UID_}.slice`],
    ["systemd, burstable", "Burstable", `kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${UID_}.slice`],
    [
      "systemd, best effort",
      "BestEffort",
      `kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod${UID_}.slice`,
    ],
    [
      "systemd, below --cgroup-root=/kubelet",
      "Burstable",
      `kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice/kubelet-kubepods-burstable-pod${UID_}.slice`,
    ],
    [
      "a node in a container, systemd",
      "BestEffort",
      `system.slice/docker-1.scope/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/kubelet-kubepods-besteffort-pod${UID_}.slice`,
    ],
    ["a node in a container, cgroupfs", "Burstable", `docker/1/kubelet/kubepods/burstable/pod${UID}`],
    ["a class that the API does not say", "Guaranteed", `kubepods/burstable/pod${UID}`],
  ] as const)("finds a Pod: %s", async (_, qosClass, path) => {
    await using cgroups = testCgroups();
    const made = cgroups.make(path);
    using tree = open(cgroups.root);
    expect(tree.find({ uid: UID, qosClass })).toBe(made);
    expect(tree.find({ uid: UID.replace("0f", "1f"), qosClass })).toBeUndefined();
  });

  test("finds a static Pod by its config hash", async () => {
    await using cgroups = testCgroups();
    const made = cgroups.make(`kubepods/burstable/pod${HASH}`);
    using tree = open(cgroups.root);
    expect(tree.find({ ...pod, configHash: HASH })).toBe(made);
  });

  test("takes the folder of all Pods itself as its root", async () => {
    await using cgroups = testCgroups();
    const made = cgroups.make(`kubepods/burstable/pod${UID}`);
    using tree = open(`${cgroups.root}/kubepods`);
    expect(tree.find(pod)).toBe(made);
  });

  test("finds a Pod at once whose cgroup was just made, before any event is read", async () => {
    await using cgroups = testCgroups();
    cgroups.make("kubepods/burstable");
    using tree = open(cgroups.root);
    expect(tree.find(pod)).toBeUndefined();
    const made = cgroups.make(`kubepods/burstable/pod${UID}`);
    expect(tree.find(pod)).toBe(made);
  });

  test("tells a handler of the Pods that stand, and of each that comes", async () => {
    await using cgroups = testCgroups();
    cgroups.make("kubepods/podaa-0");
    using tree = open(cgroups.root);
    const told: string[] = [];
    using _ = tree.onPod((podId) => told.push(podId));
    expect(told).toEqual(["aa-0"]);
    cgroups.make("kubepods/podaa-1");
    await until(() => told.length === 2);
    cgroups.make("kubepods/besteffort/podaa-2");
    await until(() => told.length === 3);
    cgroups.make("kubepods/besteffort/podaa-3");
    await until(() => told.length === 4);
    expect(told).toEqual(["aa-0", "aa-1", "aa-2", "aa-3"]);
  });

  test("tells of a Pod whose cgroup goes, does not find it while it is away, and tells when it is back", async () => {
    await using cgroups = testCgroups();
    cgroups.make("kubepods/burstable/podaa-1");
    using tree = open(cgroups.root);
    const told: string[] = [];
    using _ = tree.onPod((podId) => told.push(podId));
    cgroups.remove("kubepods/burstable/podaa-1");
    await until(() => told.length === 2);
    expect(tree.find({ uid: "aa-1", qosClass: "Burstable" })).toBeUndefined();
    cgroups.make("kubepods/burstable/podaa-1");
    await until(() => told.length === 3);
    expect(new Set(told)).toEqual(new Set(["aa-1"]));
  });

  test("tells of a Pod whose cgroup is made anew before anybody has looked", async () => {
    await using cgroups = testCgroups();
    cgroups.make("kubepods/burstable/podaa-1");
    cgroups.make("kubepods/burstable/podaa-2");
    using tree = open(cgroups.root);
    const told: string[] = [];
    using _ = tree.onPod((podId) => told.push(podId));
    told.splice(0);
    cgroups.remove("kubepods/burstable/podaa-1");
    cgroups.make("kubepods/burstable/podaa-1");
    await until(() => told.length > 0);
    expect(told).toEqual(["aa-1"]);
  });

  test("tells of each Pod that goes with the folder it stood in", async () => {
    await using cgroups = testCgroups();
    cgroups.make("kubepods/burstable/podaa-1");
    using tree = open(cgroups.root);
    const told: string[] = [];
    using _ = tree.onPod((podId) => told.push(podId));
    told.splice(0);
    cgroups.remove("kubepods");
    await until(() => told.length > 0);
    expect(told).toEqual(["aa-1"]);
  });

  test("follows the folder of all Pods when it appears late and when it moves", async () => {
    await using cgroups = testCgroups();
    using tree = open(cgroups.root);
    const told: string[] = [];
    using _ = tree.onPod((podId) => told.push(podId));
    cgroups.make("kubepods/podaa-1");
    await until(() => told.includes("aa-1"));
    cgroups.remove("kubepods");
    const moved = cgroups.make("kubepods.slice/kubepods-podaa_2.slice");
    await until(() => told.includes("aa-2"));
    expect(tree.find({ uid: "aa-2", qosClass: "Guaranteed" })).toBe(moved);
    expect(tree.find({ uid: "aa-1", qosClass: "Guaranteed" })).toBeUndefined();
  });

  test("finds the folder that kubelet begins beside the old one under another driver, and looks for it once a second at most", async () => {
    await using cgroups = testCgroups();
    cgroups.make("kubepods/burstable/podaa-1");
    const clock = new ManualClock();
    using tree = new CgroupTree({ roots: [cgroups.root], clock });
    const told: string[] = [];
    using _ = tree.onPod((podId) => told.push(podId));
    clock.advance(1000);
    const absent = { uid: "aa-9", qosClass: "Burstable" } as const;
    expect(tree.find(absent)).toBeUndefined();
    const made = cgroups.make("kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podaa_2.slice");
    clock.advance(999);
    expect(tree.find({ uid: "aa-2", qosClass: "Burstable" })).toBeUndefined();
    clock.advance(1000);
    expect(told).toContain("aa-2");
    expect(tree.find({ uid: "aa-2", qosClass: "Burstable" })).toBe(made);
    // What is made in the new folder is told, and what stands in the old one is found.
    cgroups.make("kubepods.slice/kubepods-podaa_3.slice");
    await until(() => told.includes("aa-3"));
    expect(tree.find({ uid: "aa-1", qosClass: "Burstable" })).toBeDefined();
  });

  test("finds a Pod in a new folder at once where that was not looked for of late", async () => {
    await using cgroups = testCgroups();
    cgroups.make("kubepods/burstable");
    const clock = new ManualClock();
    using tree = new CgroupTree({ roots: [cgroups.root], clock });
    const made = cgroups.make(`kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${UID_}.slice`);
    clock.advance(1000);
    expect(tree.find(pod)).toBe(made);
  });

  test("hears of Pods in a folder that was removed and made anew", async () => {
    await using cgroups = testCgroups();
    cgroups.make("kubepods/burstable");
    using tree = open(cgroups.root);
    const told: string[] = [];
    using _ = tree.onPod((podId) => told.push(podId));
    cgroups.remove("kubepods/burstable");
    cgroups.make("kubepods/burstable");
    cgroups.make("kubepods/podaa-0");
    await until(() => told.includes("aa-0"));
    cgroups.make("kubepods/burstable/podaa-1");
    await until(() => told.includes("aa-1"));
  });

  test("finds Pods of both folders where nodes run in containers of one machine", async () => {
    await using cgroups = testCgroups();
    const first = cgroups.make("one/kubepods/podaa-1");
    const second = cgroups.make("two/kubepods/podaa-2");
    using tree = open(cgroups.root);
    expect(tree.find({ uid: "aa-1", qosClass: "Guaranteed" })).toBe(first);
    expect(tree.find({ uid: "aa-2", qosClass: "Guaranteed" })).toBe(second);
  });

  test("loses no Pod of two hundred that come in one burst", async () => {
    await using cgroups = testCgroups();
    cgroups.make("kubepods/burstable");
    using tree = open(cgroups.root);
    const told = new Set<string>();
    using _ = tree.onPod((podId) => told.add(podId));
    for (let index = 0; index < 200; index++) cgroups.make(`kubepods/burstable/podaa-${index}`);
    await until(() => told.size === 200);
  });

  test("is silent after its end", async () => {
    await using cgroups = testCgroups();
    cgroups.make("kubepods/podaa-0");
    const tree = open(cgroups.root);
    const told: string[] = [];
    tree.onPod((podId) => told.push(podId));
    tree[Symbol.dispose]();
    using witness = open(cgroups.root);
    const seen: string[] = [];
    using _ = witness.onPod((podId) => seen.push(podId));
    cgroups.make("kubepods/podaa-1");
    await until(() => seen.includes("aa-1"));
    expect(told).toEqual(["aa-0"]);
  });
});
