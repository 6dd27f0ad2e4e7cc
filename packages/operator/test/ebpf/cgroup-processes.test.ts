// Invariants:
// - The first process is that of the first container of the status that runs, never the sandbox's.
// - Of several processes of a container it is the one that started first, also in cgroups that the container made.

import { expect, test } from "vitest";
import { firstProcess } from "../../src/ebpf/cgroup-processes.ts";
import { enter, noCgroups, testCgroups } from "./support/cgroups.ts";

const SANDBOX = "a0".repeat(32);
const FIRST = "b1".repeat(32);
const SECOND = "c2".repeat(32);
const POD = "kubepods/podaa";
const suffix = noCgroups ? ` (skipped: ${noCgroups})` : "";

test.skipIf(noCgroups)(`the sandbox's process is not taken${suffix}`, async () => {
  await using cgroups = testCgroups();
  const pod = cgroups.make(POD);
  await cgroups.sleeper(cgroups.make(`${POD}/${SANDBOX}`));
  expect(firstProcess(pod, [])).toBeUndefined();
  expect(firstProcess(pod, [FIRST])).toBeUndefined();
  const child = await cgroups.sleeper(cgroups.make(`${POD}/${FIRST}`));
  expect(firstProcess(pod, [FIRST])).toBe(child.pid);
});

test.skipIf(noCgroups)(`a container without processes is passed over${suffix}`, async () => {
  await using cgroups = testCgroups();
  const pod = cgroups.make(POD);
  cgroups.make(`${POD}/crio-${FIRST}.scope`);
  const child = await cgroups.sleeper(cgroups.make(`${POD}/cri-containerd-${SECOND}.scope`));
  expect(firstProcess(pod, [FIRST, SECOND])).toBe(child.pid);
});

test.skipIf(noCgroups)(`the oldest process of a container is taken, wherever it stands in it${suffix}`, async () => {
  await using cgroups = testCgroups();
  const pod = cgroups.make(POD);
  const container = cgroups.make(`${POD}/${FIRST}`);
  const inner = cgroups.make(`${POD}/${FIRST}/init`);
  const eldest = await cgroups.sleeper(inner);
  const younger = await cgroups.sleeper(inner);
  await cgroups.sleeper(container);
  expect(firstProcess(pod, [FIRST])).toBe(eldest.pid);
  if (younger.pid !== undefined) enter(container, younger.pid);
  expect(firstProcess(pod, [FIRST])).toBe(eldest.pid);
});
