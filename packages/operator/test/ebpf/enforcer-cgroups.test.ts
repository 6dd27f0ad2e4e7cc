// Invariants of what the node's counter keeps of its Pods:
// - No call is left out silently: a nested cgroup that finds no room is told, once the agent looks, and while there is no room.
// - Once there is room, its calls are counted, without anything being attached anew.
// - What was kept of a Pod that is gone is given back to the kernel.

import { BpfMap, openHandles } from "@pcmc/libbpf";
import { afterEach, describe, expect, test } from "vitest";
import { encodeCgroupId, encodeIndex, MAX_CGROUPS } from "../../src/ebpf/layout.ts";
import { caller } from "./support/calls.ts";
import { mapExists, noBpftool } from "./support/kernel-maps.ts";
import { noKernel, readingOf, skipped, type TestNode, testNode } from "./support/node.ts";
import { policyOf } from "./support/policies.ts";
import { until } from "./support/until.ts";

const unasked = noBpftool === undefined ? "" : ` (skipped: ${noBpftool})`;

const counting = () => policyOf({ syscalls: { calls: ["getpgid"] } });

/** Ids that no cgroup has: the kernel counts them up from 1. */
const STRANGER = 1n << 60n;

/** Fills the table of cgroups to the last entry, as Pods do that nest many. Disposed of, there is room again. */
const fillTable = (node: TestNode, slot: number): Disposable => {
  const map = BpfMap.openPinned(`${node.pinDir}/node/cgroups`);
  const room = MAX_CGROUPS - [...map.keys()].length;
  const keys = Array.from({ length: room }, (_, index) => encodeCgroupId(STRANGER + BigInt(index)));
  map.updateBatch(keys.map((key) => [key, encodeIndex(slot)]));
  return {
    [Symbol.dispose]: () => {
      map.deleteBatch(keys);
      map[Symbol.dispose]();
    },
  };
};

describe.skipIf(noKernel)(`cgroups of Pods in the node's counter${skipped}`, () => {
  afterEach(() => {
    expect(openHandles()).toEqual([]);
  });

  test("that find no room are told with what to do, and counted from when there is room", async () => {
    await using node = testNode();
    using calls = caller();
    const { pod, cgroup } = node.pod("a1");
    await using enforcer = await node.open();
    const policy = counting();
    await enforcer.apply(pod, policy);
    const full = fillTable(node, 0);
    const nested = node.makeCgroup("kubepods/burstable/poda1/nested");
    await calls.call(nested, { getpgid: 100 });
    expect(enforcer.incomplete()).toEqual(["a1"]);
    const failure = {
      kind: "failed",
      programs: ["syscall_counter"],
      failures: [
        { program: "syscall_counter", reason: "CgroupsFull", message: expect.stringContaining("Select fewer Pods") },
      ],
      retry: true,
    };
    expect(await enforcer.apply(pod, policy)).toMatchObject(failure);
    // It is no less true the second time.
    expect(await enforcer.apply(pod, policy)).toMatchObject(failure);
    full[Symbol.dispose]();
    expect(await enforcer.apply(pod, policy)).toMatchObject({ kind: "applied" });
    expect(enforcer.incomplete()).toEqual([]);
    await calls.call(nested, { getpgid: 5 });
    await calls.call(cgroup, { getpgid: 2 });
    expect(readingOf(enforcer, "a1").syscalls?.get("getpgid")).toBe(7n);
  });

  test("that found no room while no agent ran are told by the next one, and counted", async () => {
    await using node = testNode();
    using calls = caller();
    const { pod } = node.pod("a1");
    const policy = counting();
    {
      await using enforcer = await node.open();
      await enforcer.apply(pod, policy);
    }
    let nested = "";
    {
      using _ = fillTable(node, 0);
      nested = node.makeCgroup("kubepods/burstable/poda1/nested");
    }
    await using enforcer = await node.open();
    enforcer.adopt();
    expect(enforcer.incomplete()).toEqual(["a1"]);
    expect(await enforcer.apply(pod, policy)).toMatchObject({ failures: [{ reason: "CgroupsFull" }] });
    expect(await enforcer.apply(pod, policy)).toMatchObject({ kind: "applied" });
    await calls.call(nested, { getpgid: 3 });
    expect(readingOf(enforcer, "a1").syscalls?.get("getpgid")).toBe(3n);
  });

  test("of a Pod that comes when there is none left are told, and those of the others stay counted", async () => {
    await using node = testNode();
    using calls = caller();
    const [one, two] = [node.pod("a1"), node.pod("a2")];
    await using enforcer = await node.open();
    await enforcer.apply(one.pod, counting());
    using _ = fillTable(node, 0);
    expect(await enforcer.apply(two.pod, counting())).toMatchObject({
      kind: "failed",
      programs: [],
      failures: [{ reason: "CgroupsFull" }],
    });
    await calls.call(one.cgroup, { getpgid: 4 });
    expect(readingOf(enforcer, "a1").syscalls?.get("getpgid")).toBe(4n);
  });

  test.skipIf(noBpftool)(
    `give the Pod's counters back to the kernel when it is gone, though no other Pod has taken its slot${unasked}`,
    async () => {
      await using node = testNode();
      const [one, two] = [node.pod("a1"), node.pod("a2")];
      await using enforcer = await node.open();
      await enforcer.apply(one.pod, counting());
      await enforcer.apply(two.pod, counting());
      const idOf = (uid: string) => {
        using map = BpfMap.openPinned(`${node.pinDir}/pods/${uid}/call_counts`);
        return map.id;
      };
      const [gone, stays] = [idOf("a1"), idOf("a2")];
      expect([mapExists(gone), mapExists(stays)]).toEqual([true, true]);
      enforcer.release("a1");
      await until(() => !mapExists(gone));
      expect(mapExists(stays)).toBe(true);
    },
  );

  test.skipIf(noBpftool)(`give the counters back also of a Pod that an earlier agent counted${unasked}`, async () => {
    await using node = testNode();
    const [one, two] = [node.pod("a1"), node.pod("a2")];
    let gone = 0;
    {
      await using enforcer = await node.open();
      await enforcer.apply(one.pod, counting());
      await enforcer.apply(two.pod, counting());
      using map = BpfMap.openPinned(`${node.pinDir}/pods/a1/call_counts`);
      gone = map.id;
    }
    await using enforcer = await node.open();
    enforcer.adopt();
    expect(enforcer.sweep(new Set(["a2"]))).toEqual(["a1"]);
    await until(() => !mapExists(gone));
  });
});
