// Invariants:
// - A v2 hierarchy is used wherever it is mounted, alone or beside v1.
// - Pods in v1 alone are said to be unsupported, never silently missed.

import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { expect, test } from "vitest";
import { cgroupMounts } from "../../src/ebpf/cgroup-mounts.ts";
import { cgroupRoots } from "../../src/ebpf/cgroup-root.ts";
import { noCgroups, testCgroups } from "./support/cgroups.ts";
import { unavailableReason } from "./support/reasons.ts";

const folder = (...below: readonly string[]) => {
  const path = mkdtempSync(`${tmpdir()}/pcmc-cgroup-`);
  for (const name of below) mkdirSync(`${path}/${name}`, { recursive: true });
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) };
};

test("mounts of both versions are read from mountinfo, escaped paths too", () => {
  const text = [
    "24 30 0:22 / /sys/fs/cgroup rw,nosuid - tmpfs tmpfs ro,mode=755",
    "25 24 0:23 / /sys/fs/cgroup/unified rw,nosuid shared:5 - cgroup2 cgroup2 rw,nsdelegate",
    "26 24 0:24 / /sys/fs/cgroup/cpu,cpuacct rw shared:6 master:2 - cgroup cgroup rw,cpu,cpuacct",
    "27 24 0:23 /../.. /host/with\\040space rw - cgroup2 cgroup rw",
    "",
  ].join("\n");
  expect(cgroupMounts(text)).toEqual([
    { version: 2, path: "/sys/fs/cgroup/unified" },
    { version: 1, path: "/sys/fs/cgroup/cpu,cpuacct" },
    { version: 2, path: "/host/with space" },
  ]);
});

test("on a hybrid node the v2 hierarchy is used", () => {
  using first = folder("kubepods/burstable");
  using second = folder("kubepods/burstable");
  const mounts = [
    { version: 1, path: first.path },
    { version: 2, path: second.path },
  ] as const;
  expect(cgroupRoots(undefined, mounts)).toEqual([second.path]);
});

test("Pods that stand in v1 alone are unsupported, though an empty v2 hierarchy is mounted", () => {
  using first = folder("kubepods/burstable");
  using second = folder("system.slice");
  const mounts = [
    { version: 1, path: first.path },
    { version: 2, path: second.path },
  ] as const;
  expect(unavailableReason(() => cgroupRoots(undefined, mounts))).toBe("CgroupV1Only");
});

test("a node with v1 alone is unsupported, Pods or none", () => {
  using first = folder("cpu");
  expect(unavailableReason(() => cgroupRoots(undefined, [{ version: 1, path: first.path }]))).toBe("CgroupV1Only");
});

test("a v2 node without Pods yet is used", () => {
  using second = folder("system.slice");
  expect(cgroupRoots(undefined, [{ version: 2, path: second.path }])).toEqual([second.path]);
});

test("a container without the node's hierarchy is told to mount it", () => {
  expect(unavailableReason(() => cgroupRoots(undefined, []))).toBe("CgroupRootNotFound");
});

test("a configured root that is no cgroup folder is refused", () => {
  using plain = folder("kubepods");
  expect(unavailableReason(() => cgroupRoots(plain.path))).toBe("CgroupRootNotFound");
  expect(unavailableReason(() => cgroupRoots(`${plain.path}/missing`))).toBe("CgroupRootNotFound");
});

test.skipIf(noCgroups)(
  `a configured root in a v2 hierarchy is used${noCgroups ? ` (skipped: ${noCgroups})` : ""}`,
  async () => {
    await using cgroups = testCgroups();
    expect(cgroupRoots(`${cgroups.root}/`)).toEqual([cgroups.root]);
  },
);
