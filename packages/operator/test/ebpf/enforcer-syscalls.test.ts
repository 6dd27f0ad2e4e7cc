// Invariants:
// - A Pod's count of a call is exactly the number of times that its processes made it, in any cgroup below the Pod's.
// - No count goes back while the Pod lives: not when a policy drops a call and names it again, not over restarts.
// - Calls of one Pod are never another's, also when a slot is used again.
// - The node's programs are there while a Pod wants them, and no longer.

import { existsSync, readdirSync } from "node:fs";
import { openHandles } from "@pcmc/libbpf";
import { afterEach, describe, expect, test } from "vitest";
import { caller } from "./support/calls.ts";
import { noKernel, readingOf, skipped, testNode } from "./support/node.ts";
import { policyOf } from "./support/policies.ts";

const count = (...calls: readonly string[]) => policyOf({ syscalls: { calls } });

describe.skipIf(noKernel)(`system calls on the real kernel${skipped}`, () => {
  afterEach(() => {
    expect(openHandles()).toEqual([]);
  });

  test("are counted exactly, those that are asked for and no others", async () => {
    await using node = testNode();
    using calls = caller();
    const { pod, cgroup } = node.pod("a1");
    await using enforcer = await node.open();
    expect(await enforcer.apply(pod, count("getpgid", "sysinfo"))).toMatchObject({
      kind: "applied",
      programs: ["syscall_counter"],
    });
    await calls.call(cgroup, { getpgid: 1000, sysinfo: 7, getsid: 50 });
    expect(readingOf(enforcer, "a1").syscalls).toEqual(
      new Map([
        ["getpgid", 1000n],
        ["sysinfo", 7n],
      ]),
    );
  });

  test("are all counted where the policy names none", async () => {
    await using node = testNode();
    using calls = caller();
    const { pod, cgroup } = node.pod("a1");
    await using enforcer = await node.open();
    await enforcer.apply(pod, policyOf({ syscalls: { calls: "all" } }));
    await calls.call(cgroup, { getpgid: 11, getsid: 12 });
    const { syscalls } = readingOf(enforcer, "a1");
    expect([syscalls?.get("getpgid"), syscalls?.get("getsid"), syscalls?.get("execve")]).toEqual([11n, 12n, 1n]);
  });

  test("are counted in cgroups below the Pod's, those that stood before and those made since", async () => {
    await using node = testNode();
    using calls = caller();
    const { pod } = node.pod("a1");
    const before = node.makeCgroup("kubepods/burstable/poda1/before/deep");
    await using enforcer = await node.open();
    await enforcer.apply(pod, count("getpgid"));
    await calls.call(before, { getpgid: 3 });
    await calls.call(node.makeCgroup("kubepods/burstable/poda1/since/deep"), { getpgid: 5 });
    expect(readingOf(enforcer, "a1").syscalls?.get("getpgid")).toBe(8n);
  });

  test("of two Pods do not mix, and a Pod that takes the slot of one that is gone begins at zero", async () => {
    await using node = testNode();
    using calls = caller();
    const [one, two, three] = ["a1", "a2", "a3"].map((uid) => node.pod(uid));
    if (one === undefined || two === undefined || three === undefined) throw new Error("no Pods");
    await using enforcer = await node.open();
    await enforcer.apply(one.pod, count("getpgid"));
    await enforcer.apply(two.pod, count("getpgid", "getsid"));
    await calls.call(one.cgroup, { getpgid: 5, getsid: 5 });
    await calls.call(two.cgroup, { getpgid: 70, getsid: 70 });
    expect(readingOf(enforcer, "a1").syscalls).toEqual(new Map([["getpgid", 5n]]));
    enforcer.release("a1");
    await enforcer.apply(three.pod, count("getpgid"));
    await calls.call(one.cgroup, { getpgid: 900 });
    await calls.call(three.cgroup, { getpgid: 2 });
    expect(readingOf(enforcer, "a3").syscalls).toEqual(new Map([["getpgid", 2n]]));
    expect(readingOf(enforcer, "a2").syscalls).toEqual(
      new Map([
        ["getpgid", 70n],
        ["getsid", 70n],
      ]),
    );
  });

  test("keep their counts when a policy drops them and names them again", async () => {
    await using node = testNode();
    using calls = caller();
    const { pod, cgroup } = node.pod("a1");
    await using enforcer = await node.open();
    await enforcer.apply(pod, count("getpgid"));
    await calls.call(cgroup, { getpgid: 10 });
    await enforcer.apply(pod, count("getsid"));
    await calls.call(cgroup, { getpgid: 10 });
    expect(readingOf(enforcer, "a1").syscalls?.get("getpgid")).toBe(10n);
    await enforcer.apply(pod, policyOf({}));
    expect(readingOf(enforcer, "a1").syscalls).toBeUndefined();
    await calls.call(cgroup, { getpgid: 10 });
    await enforcer.apply(pod, count("getpgid"));
    await calls.call(cgroup, { getpgid: 10 });
    expect(readingOf(enforcer, "a1").syscalls?.get("getpgid")).toBe(20n);
  });

  test("are counted while no agent runs, and by the next one", async () => {
    await using node = testNode();
    using calls = caller();
    const { pod, cgroup } = node.pod("a1");
    const policy = count("getpgid");
    {
      await using enforcer = await node.open();
      await enforcer.apply(pod, policy);
      await calls.call(cgroup, { getpgid: 10 });
    }
    await calls.call(cgroup, { getpgid: 10 });
    await using enforcer = await node.open();
    expect(enforcer.adopt()).toEqual([{ uid: "a1", revision: policy.revision, programs: ["syscall_counter"] }]);
    await calls.call(cgroup, { getpgid: 10 });
    await enforcer.apply(pod, policy);
    await calls.call(cgroup, { getpgid: 10 });
    expect(readingOf(enforcer, "a1").syscalls?.get("getpgid")).toBe(40n);
  });

  test("take a program that is attached while a Pod wants it, and leave nothing after the last", async () => {
    await using node = testNode();
    const [one, two] = [node.pod("a1"), node.pod("a2")];
    await using enforcer = await node.open();
    const attached = () =>
      existsSync(`${node.pinDir}/node`) && readdirSync(`${node.pinDir}/node`).some((name) => name.startsWith("v"));
    expect(attached()).toBe(false);
    await enforcer.apply(one.pod, count("getpgid"));
    await enforcer.apply(two.pod, count("getpgid"));
    expect(attached()).toBe(true);
    enforcer.release("a1");
    expect(attached()).toBe(true);
    await enforcer.apply(two.pod, policyOf({}));
    expect(attached()).toBe(false);
  });
});
