// Invariants:
// - A world in which eBPF cannot work is told by its reason and what to do; nothing half-made is left in it.
// - A failure of one Pod or one program leaves the others alone, is told, and never ends the process.
// - What could not be taken out of the kernel is told as what stands, and tried again.
// - Nobody sweeps what is pinned of another node's Pods, or of namespaces that were not listed.
// - uid 0 with BPF, NET_ADMIN and PERFMON, and no other capability, is enough.

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { BpfError, BpfMap, BpfProgram, LibbpfMissingError, openHandles, VerifierError } from "@pcmc/libbpf";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { EnforcerOptions } from "../../src/ebpf/enforcer.ts";
import { failureOf, mayPass } from "../../src/ebpf/failure-of.ts";
import { EbpfUnavailable } from "../../src/ebpf/unavailable.ts";
import { caller } from "./support/calls.ts";
import { noKernel, readingOf, skipped, type TestNode, testNode } from "./support/node.ts";
import { blocking, policyOf } from "./support/policies.ts";

const CHILD = fileURLToPath(new URL("support/try-enforcer.ts", import.meta.url));
const noSetpriv = existsSync("/usr/bin/setpriv") ? undefined : "needs setpriv";

const everything = () => policyOf({ firewall: blocking(7000), syscalls: { calls: ["getpgid"] } });

/** Runs an agent as uid 0 with these capabilities and no others. */
const withCapabilities = (capabilities: readonly string[], node: TestNode): Record<string, unknown> => {
  const set = ["-all", ...capabilities.map((name) => `+${name}`)].join();
  const { pod } = node.pod("a1");
  const { stdout, stderr } = spawnSync(
    "setpriv",
    ["--bounding-set", set, "--inh-caps", "-all", process.execPath, CHILD],
    {
      input: JSON.stringify({ pinDir: node.pinDir, cgroupRoot: node.cgroupRoot, pod }),
      encoding: "utf8",
    },
  );
  if (stdout === "") throw new Error(stderr);
  return JSON.parse(stdout);
};

const refusalOf = async (node: TestNode, options: Partial<EnforcerOptions>): Promise<EbpfUnavailable> => {
  const error = await node.open(options).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof EbpfUnavailable) return error;
  throw new Error(`it opened, or failed for another reason: ${error}`);
};

describe.skipIf(noKernel)(`the worlds of an agent${skipped}`, () => {
  afterEach(() => {
    vi.restoreAllMocks();
    expect(openHandles()).toEqual([]);
  });

  test.skipIf(noSetpriv)(`three capabilities are enough${noSetpriv ? ` (skipped: ${noSetpriv})` : ""}`, async () => {
    await using node = testNode();
    expect(withCapabilities(["bpf", "net_admin", "perfmon"], node)).toMatchObject({
      outcome: { kind: "applied", programs: ["syscall_counter", "l4_firewall"] },
      readings: 1,
      stats: "off",
    });
    expect(readdirSync(`${node.pinDir}/pods`)).toEqual([]);
  });

  test.skipIf(noSetpriv)("a capability that is missing is named, and SYS_ADMIN gives the run statistics", async () => {
    await using node = testNode();
    expect(withCapabilities(["bpf", "net_admin"], node)).toMatchObject({
      unavailable: "NotPermitted",
      message: expect.stringContaining("lacks the capability PERFMON"),
    });
    expect(withCapabilities(["sys_admin", "net_admin"], node)).toMatchObject({
      outcome: { kind: "applied" },
      stats: "on",
    });
  });

  test.each([
    ["a pin directory on no bpffs", { pinDir: "/tmp/pcmc-no-bpffs" }, "BpffsNotMounted"],
    ["a cgroup root that is none", { cgroupRoot: "/tmp" }, "CgroupRootNotFound"],
    [
      "programs that are not built",
      {
        readProgram: () => {
          throw new Error("firewall.bpf.o is missing: build it with `make bpf`");
        },
      },
      "ProgramMissing",
    ],
  ] as const)("%s is told", async (_, options, reason) => {
    await using node = testNode();
    const refusal = await refusalOf(node, options);
    expect(refusal.reason).toBe(reason);
    expect(existsSync("/tmp/pcmc-no-bpffs")).toBe(false);
  });

  test("a second agent on the node is told, and the first goes on", async () => {
    await using node = testNode();
    await using enforcer = await node.open();
    expect((await refusalOf(node, {})).reason).toBe("PinDirInUse");
    expect(await enforcer.apply(node.pod("a1").pod, everything())).toMatchObject({ kind: "applied" });
  });

  test("a bpffs that turns read-only is told of each Pod, and is no obstacle to what stands", async () => {
    await using node = testNode();
    const [one, two] = [node.pod("a1"), node.pod("a2")];
    await using enforcer = await node.open();
    await enforcer.apply(one.pod, everything());
    node.remount("ro");
    expect(await enforcer.apply(two.pod, everything())).toMatchObject({
      kind: "failed",
      programs: [],
      failures: [{ reason: "BpffsReadOnly" }, { reason: "BpffsReadOnly" }],
      retry: true,
    });
    expect(await enforcer.apply(one.pod, everything())).toMatchObject({ kind: "applied" });
    node.remount("rw");
    expect(await enforcer.apply(two.pod, everything())).toMatchObject({ kind: "applied" });
  });

  test("a policy that cannot be taken out is told of all that stands, and taken out when that can be", async () => {
    await using node = testNode();
    const { pod } = node.pod("a1");
    await using enforcer = await node.open();
    await enforcer.apply(pod, everything());
    node.remount("ro");
    // Calls are counted by a program of the node, which is told that this Pod's do not matter any more.
    expect(await enforcer.apply(pod, policyOf({}))).toMatchObject({
      kind: "failed",
      programs: ["l4_firewall"],
      failures: [{ program: "l4_firewall", reason: "BpffsReadOnly" }],
      retry: true,
    });
    node.remount("rw");
    expect(await enforcer.apply(pod, policyOf({}))).toMatchObject({ kind: "applied", programs: [] });
    expect(readdirSync(`${node.pinDir}/node`)).toEqual(["addresses"]);
  });

  test("what could not be taken over and cannot be removed is told though nothing is asked for", async () => {
    await using node = testNode();
    const { pod } = node.pod("a1");
    {
      await using enforcer = await node.open();
      await enforcer.apply(pod, everything());
    }
    await using enforcer = await node.open();
    node.remount("ro");
    expect(await enforcer.apply(pod, policyOf({}))).toMatchObject({
      kind: "failed",
      failures: [{ program: "syscall_counter" }, { program: "l4_firewall" }],
      retry: true,
    });
    node.remount("rw");
  });

  test("a Pod that could not be taken over at first never shares a slot with one that came meanwhile", async () => {
    await using node = testNode();
    using calls = caller();
    const [one, two] = [node.pod("a1"), node.pod("a2")];
    const counting = () => policyOf({ syscalls: { calls: ["getpgid"] } });
    {
      await using enforcer = await node.open();
      await enforcer.apply(one.pod, counting());
    }
    await using enforcer = await node.open();
    const opened = vi.spyOn(BpfMap, "openPinned").mockImplementationOnce(() => {
      throw new BpfError({ operation: "open pin", errno: 12 });
    });
    expect(enforcer.adopt()).toEqual([]);
    opened.mockRestore();
    await enforcer.apply(two.pod, counting());
    await enforcer.apply(one.pod, counting());
    await calls.call(one.cgroup, { getpgid: 3 });
    await calls.call(two.cgroup, { getpgid: 50 });
    expect(["a1", "a2"].map((uid) => readingOf(enforcer, uid).syscalls?.get("getpgid"))).toEqual([3n, 50n]);
  });

  test("pins of a node with another name are refused, and stay; where there are none, any name will do", async () => {
    await using node = testNode();
    const { pod } = node.pod("a1");
    {
      await using enforcer = await node.open({ nodeName: "node-1.example.com" });
      await enforcer.apply(pod, everything());
    }
    const refusal = await refusalOf(node, { nodeName: "node-1" });
    expect([refusal.reason, refusal.message]).toEqual([
      "PinDirOfOtherNode",
      expect.stringContaining("node-1.example.com"),
    ]);
    expect(readdirSync(`${node.pinDir}/pods`)).toEqual(["a1"]);
    {
      await using enforcer = await node.open({ nodeName: "node-1.example.com" });
      expect(enforcer.adopt().map(({ uid }) => uid)).toEqual(["a1"]);
      enforcer.sweep(new Set());
    }
    await using enforcer = await node.open({ nodeName: "node-1" });
    expect(await enforcer.apply(pod, everything())).toMatchObject({ kind: "applied" });
  });

  test("a sweep that knows the Pods of some namespaces leaves those of others, also after a restart", async () => {
    await using node = testNode();
    const nodeName = "node-1";
    {
      await using enforcer = await node.open({ nodeName });
      for (const [uid, namespace] of [
        ["a1", "shop"],
        ["a2", "bank"],
      ] as const)
        await enforcer.apply(node.pod(uid, { namespace }).pod, everything());
    }
    {
      // An earlier version noted nothing.
      await using enforcer = await node.open();
      await enforcer.apply(node.pod("a3", { namespace: "shop" }).pod, everything());
    }
    await using enforcer = await node.open({ nodeName });
    enforcer.adopt();
    expect(enforcer.sweep(new Set(), { namespaces: ["shop"] })).toEqual(["a1"]);
    expect(enforcer.sweep(new Set())).toEqual(["a2", "a3"]);
  });

  test("a cgroup that vanishes between finding it and attaching to it is a Pod that has ended", async () => {
    await using node = testNode();
    const { pod } = node.pod("a1");
    const attach = BpfProgram.prototype.attachCgroup;
    vi.spyOn(BpfProgram.prototype, "attachCgroup").mockImplementationOnce(function (this: BpfProgram, ...words) {
      node.removeCgroup("kubepods/burstable/poda1");
      return attach.apply(this, words);
    });
    await using enforcer = await node.open();
    expect(await enforcer.apply(pod, everything())).toMatchObject({
      kind: "waiting",
      failure: { reason: "CgroupGone" },
    });
    expect(await enforcer.apply(pod, everything())).toMatchObject({
      kind: "waiting",
      failure: { reason: "CgroupNotFound" },
    });
    node.makeCgroup("kubepods/burstable/poda1");
    expect(await enforcer.apply(pod, everything())).toMatchObject({ kind: "applied" });
    enforcer.release("a1");
    expect(readdirSync(`${node.pinDir}/pods`)).toEqual([]);
  });

  test("a firewall of which one half cannot be attached is taken out whole, and the system calls are counted", async () => {
    await using node = testNode();
    const { pod } = node.pod("a1");
    const attach = BpfProgram.prototype.attachCgroup;
    vi.spyOn(BpfProgram.prototype, "attachCgroup").mockImplementation(function (this: BpfProgram, ...words) {
      if (this.name === "firewall_egress") throw new BpfError({ operation: "attach to cgroup", errno: 7 });
      return attach.apply(this, words);
    });
    await using enforcer = await node.open();
    expect(await enforcer.apply(pod, everything())).toMatchObject({
      kind: "failed",
      programs: ["syscall_counter"],
      failures: [{ program: "l4_firewall", reason: "CgroupBusy" }],
    });
    expect(readdirSync(`${node.pinDir}/pods/a1`)).not.toContain("firewall_ingress");
  });

  test("what another process left and nobody can read does not keep the agent from the other Pods", async () => {
    await using node = testNode();
    {
      await using enforcer = await node.open();
      await enforcer.apply(node.pod("a1").pod, everything());
    }
    mkdirSync(`${node.pinDir}/pods/a2`);
    mkdirSync(`${node.pinDir}/pods/a2/meta`);
    await using enforcer = await node.open();
    expect(enforcer.adopt().map(({ uid }) => uid)).toEqual(["a1"]);
    expect(await enforcer.apply(node.pod("a2").pod, everything())).toMatchObject({ kind: "failed" });
    expect(await enforcer.apply(node.pod("a1").pod, everything())).toMatchObject({ kind: "applied" });
    // It cannot be removed either, and is no obstacle to removing the rest.
    expect(enforcer.sweep(new Set())).toEqual(["a1"]);
    expect(readdirSync(`${node.pinDir}/pods`)).toEqual(["a2"]);
  });

  test("the pid is that of the first container's first process, and stays over restarts of it and of the agent", async () => {
    await using node = testNode();
    const id = "ab".repeat(32);
    const { pod } = node.pod("a1", { containerIds: [id] });
    {
      await using enforcer = await node.open();
      await enforcer.apply(pod, everything());
      expect(readingOf(enforcer, "a1").pid).toBeUndefined();
      const child = await node.sleeper(node.makeCgroup(`kubepods/burstable/poda1/${id}`));
      await enforcer.apply(pod, everything());
      expect(readingOf(enforcer, "a1").pid).toBe(child.pid);
      const again = "cd".repeat(32);
      await node.sleeper(node.makeCgroup(`kubepods/burstable/poda1/${again}`));
      await enforcer.apply({ ...pod, containerIds: [again] }, everything());
      expect(readingOf(enforcer, "a1").pid).toBe(child.pid);
      pids.push(child.pid);
    }
    await using enforcer = await node.open();
    enforcer.adopt();
    await enforcer.apply({ ...pod, containerIds: [] }, everything());
    expect([readingOf(enforcer, "a1").pid]).toEqual(pids.splice(0));
  });

  test("the run statistics count the runs of each kind of program", async () => {
    await using node = testNode();
    using calls = caller();
    const { pod, cgroup } = node.pod("a1");
    await using enforcer = await node.open({ runStats: true });
    await enforcer.apply(pod, everything());
    await calls.call(cgroup, { getpgid: 1000 });
    const stats = enforcer.runStats();
    const costs = stats.kind === "on" ? stats.costs : [];
    expect(costs.map(({ program }) => program)).toEqual(["syscall_counter", "l4_firewall"]);
    expect(costs[0]?.runs).toBeGreaterThanOrEqual(1000n);
    expect(costs[0]?.seconds).toBeGreaterThan(0);
  });
});

const pids: (number | undefined)[] = [];

describe("what the kernel answers", () => {
  const answer = (operation: string, errno: number) => failureOf(new BpfError({ operation, subject: "it", errno }));

  test.each([
    ["attach to cgroup", 2, "CgroupGone", true],
    ["attach to cgroup", 22, "KernelTooOld", false],
    ["attach to cgroup", 1, "CgroupBusy", true],
    ["attach to cgroup", 7, "CgroupBusy", true],
    ["load object", 3, "NoBtf", false],
    ["load object", 1, "NotPermitted", true],
    ["load program", 22, "KernelTooOld", false],
    ["load program", 7, "KernelTooOld", false],
    ["load program", 3, "NoBtf", false],
    ["load program", 12, "NoMemory", true],
    ["create map", 12, "NoMemory", true],
    ["pin", 28, "BpffsFull", true],
    ["pin", 30, "BpffsReadOnly", true],
    ["update map", 7, "TooManyPods", true],
    ["update map", 5, "KernelError", true],
  ] as const)("%s: errno %i is %s", (operation, errno, reason, retried) => {
    const failure = answer(operation, errno);
    expect([failure.reason, mayPass(failure)]).toEqual([reason, retried]);
    expect(failure.message).toMatch(new RegExp(`^cannot ${operation} it: E[A-Z0-9]+\\. .+[.]$`));
  });

  test.each([
    ["0: (85) call bpf_skc_lookup_tcp#99\nunknown func bpf_skc_lookup_tcp#99\nprocessed 1 insns", 22, "KernelTooOld"],
    ["program of this type cannot use helper bpf_skc_lookup_tcp#99", 22, "KernelTooOld"],
    ["<invalid CO-RE relocation>\nfailed to resolve CO-RE relocation", 22, "KernelTooOld"],
    ["R9 !read_ok\nprocessed 1 insns", 13, "VerifierRefused"],
    ["BPF program is too large. Processed 1000001 insn", 7, "VerifierRefused"],
    ["0: R1=ctx()", 12, "NoMemory"],
  ] as const)("the verifier's %j with errno %i is %s", (log, errno, reason) => {
    const error = new VerifierError({ operation: "load program", errno, program: "firewall_ingress", log });
    expect(failureOf(error).reason).toBe(reason);
  });

  test("a library that is missing is told as that", () => {
    expect(failureOf(new LibbpfMissingError("not found")).reason).toBe("LibraryMissing");
  });
});
