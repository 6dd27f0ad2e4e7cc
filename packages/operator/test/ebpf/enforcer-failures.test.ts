// Invariants, whatever fails in the middle of the work on a Pod:
// - What is told as attached is attached; what cannot be finished is taken out whole.
// - A Pod's slot goes to another only when no cgroup of its own counts there any more.
// - A revision is found only where the whole policy is in the kernel.
// - Pins of another layout are not read as ours: they are told, and go on as they are.
// - The node's addresses come into the kernel, at the latest with the first look at which they can.
// - What cannot be taken out of the kernel now is taken out by the next try, all of it.
// - A bpffs that is full is told in the condition and counted, and what was half made is gone.
// - No handle is left behind.

import { readdirSync } from "node:fs";
import { silentLogger } from "@pcmc/controller-runtime";
import { BpfError, BpfMap, BpfProgram, openHandles } from "@pcmc/libbpf";
import { afterEach, describe, expect, test, vi } from "vitest";
import { parseAddress } from "../../src/ebpf/address.ts";
import { progressOf } from "../../src/ebpf/agent/progress.ts";
import { architectureOf } from "../../src/ebpf/architecture.ts";
import { podCondition } from "../../src/ebpf/condition.ts";
import { readCalls } from "../../src/ebpf/counters.ts";
import { decodeMeta, decodeTurn, encodeIndex, encodeMeta, encodeTurn, LAYOUT_VERSION } from "../../src/ebpf/layout.ts";
import { MetaMap } from "../../src/ebpf/meta.ts";
import { PodFirewall } from "../../src/ebpf/pod-firewall.ts";
import { type ProgramObject, readProgram } from "../../src/ebpf/programs.ts";
import { caller } from "./support/calls.ts";
import { leftGuarded } from "./support/left-guarded.ts";
import { ManualClock } from "./support/manual-clock.ts";
import { testNetwork } from "./support/network.ts";
import { noKernel, readingOf, skipped, type TestNode, testNode } from "./support/node.ts";
import { blocking, policyOf } from "./support/policies.ts";
import { until } from "./support/until.ts";

const counting = () => policyOf({ syscalls: { calls: ["getpgid"] } });
const everything = () => policyOf({ firewall: blocking(7000), syscalls: { calls: ["getpgid"] } });

/** The programs of another release, of which those that count can be broken. */
const newer = (isBroken: () => boolean): typeof readProgram => {
  return (name, architecture): ProgramObject => {
    const { path, bytes, version } = readProgram(name, architecture);
    if (name === "firewall") return { path, bytes, version };
    return {
      path,
      version: version + 1,
      get bytes() {
        return isBroken() ? Buffer.from("no programs") : bytes;
      },
    };
  };
};

/** Changes the first entry of a pinned array. */
const rewrite = (path: string, change: (value: Buffer) => Buffer): void => {
  using map = BpfMap.openPinned(path);
  map.update(encodeIndex(0), change(map.lookup(encodeIndex(0)) ?? Buffer.alloc(0)));
};

const otherLayout = (node: TestNode, uid: string): void =>
  rewrite(`${node.pinDir}/pods/${uid}/meta`, (value) =>
    encodeMeta({ ...decodeMeta(value), layoutVersion: LAYOUT_VERSION + 1 }),
  );

describe.skipIf(noKernel)(`failures in the middle of the work on a Pod${skipped}`, () => {
  afterEach(() => {
    vi.restoreAllMocks();
    expect(openHandles()).toEqual([]);
  });

  test("a Pod that is no more selected while the counter cannot be taken over gives its calls to no other Pod", async () => {
    await using node = testNode();
    using calls = caller();
    const [one, two, three] = [node.pod("a1"), node.pod("a2"), node.pod("a3")];
    {
      await using enforcer = await node.open();
      await enforcer.apply(one.pod, counting());
      await enforcer.apply(three.pod, counting());
    }
    let broken = true;
    await using enforcer = await node.open({ readProgram: newer(() => broken) });
    expect(enforcer.adopt().map(({ programs }) => programs)).toEqual([["syscall_counter"], ["syscall_counter"]]);
    await enforcer.apply(one.pod, policyOf({}));
    broken = false;
    expect(await enforcer.apply(two.pod, counting())).toMatchObject({ kind: "applied" });
    await calls.call(one.cgroup, { getpgid: 1000 });
    await calls.call(two.cgroup, { getpgid: 3 });
    expect(readingOf(enforcer, "a2").syscalls).toEqual(new Map([["getpgid", 3n]]));
  });

  test("a counter that cannot be attached is not told as attached, and its slot is free", async () => {
    await using node = testNode();
    const { pod } = node.pod("a1");
    await using enforcer = await node.open({ readProgram: newer(() => true) });
    expect(await enforcer.apply(pod, counting())).toMatchObject({
      kind: "failed",
      programs: [],
      failures: [{ program: "syscall_counter" }],
    });
    const { programs, syscalls } = readingOf(enforcer, "a1");
    expect({ programs, syscalls }).toEqual({ programs: [], syscalls: undefined });
    using meta = BpfMap.openPinned(`${node.pinDir}/pods/a1/meta`);
    expect(decodeMeta(meta.lookup(encodeIndex(0)) ?? Buffer.alloc(96)).slot).toBeUndefined();
  });

  test("a Pod whose calls are counted already stays counted when a change of which fails", async () => {
    await using node = testNode();
    using calls = caller();
    const { pod, cgroup } = node.pod("a1");
    await using enforcer = await node.open();
    await enforcer.apply(pod, counting());
    vi.spyOn(BpfMap.prototype, "update").mockImplementation(function (this: BpfMap) {
      throw new BpfError({ operation: "update map", subject: this.name, errno: 12 });
    });
    const wanting = policyOf({ syscalls: { calls: ["getpgid", "getsid"] } });
    expect(await enforcer.apply(pod, wanting)).toMatchObject({ kind: "failed", programs: ["syscall_counter"] });
    vi.restoreAllMocks();
    await calls.call(cgroup, { getpgid: 5 });
    expect(readingOf(enforcer, "a1").syscalls?.get("getpgid")).toBe(5n);
  });

  test("a firewall that cannot follow its Pod to a new cgroup is told as gone, and taken out", async () => {
    await using node = testNode();
    const { pod } = node.pod("a1");
    await using enforcer = await node.open();
    const policy = policyOf({ firewall: blocking(7000) });
    await enforcer.apply(pod, policy);
    node.removeCgroup("kubepods/burstable/poda1");
    node.makeCgroup("kubepods/burstable/poda1");
    const attach = BpfProgram.prototype.attachCgroup;
    vi.spyOn(BpfProgram.prototype, "attachCgroup").mockImplementation(function (this: BpfProgram, ...words) {
      if (this.name === "firewall_egress") throw new BpfError({ operation: "attach to cgroup", errno: 1 });
      return attach.apply(this, words);
    });
    expect(await enforcer.apply(pod, policy)).toMatchObject({
      kind: "failed",
      programs: [],
      failures: [{ program: "l4_firewall", reason: "CgroupBusy" }],
    });
    expect(readdirSync(`${node.pinDir}/pods/a1`).filter((name) => name.startsWith("firewall_"))).toEqual([]);
    vi.restoreAllMocks();
    expect(await enforcer.apply(pod, policy)).toMatchObject({ kind: "applied", programs: ["l4_firewall"] });
  });

  test("a swap that cannot be written down stands, under the new policy, and is made again", async () => {
    await using node = testNode();
    await using network = await testNetwork();
    const pod = await leftGuarded(node, network);
    await using enforcer = await node.open({
      readProgram: (name, architecture) => ({ ...readProgram(name, architecture), version: 2 }),
    });
    enforcer.adopt();
    const write = MetaMap.prototype.write;
    const written = vi.spyOn(MetaMap.prototype, "write").mockImplementation(function (this: MetaMap, change) {
      if (change.firewallVersion !== undefined) throw new BpfError({ operation: "update map", errno: 12 });
      write.call(this, change);
    });
    const policy = policyOf({ firewall: blocking(7001) });
    expect(await enforcer.apply(pod, policy)).toMatchObject({ kind: "failed", programs: ["l4_firewall"] });
    expect([await network.reach("tcp", 7000), await network.reach("tcp", 7001)]).toEqual(["open", "closed"]);
    written.mockRestore();
    expect(await enforcer.apply(pod, policy)).toMatchObject({ kind: "applied" });
  });

  test("what is half taken out has no revision for the next agent", async () => {
    await using node = testNode();
    const { pod } = node.pod("a1");
    {
      await using enforcer = await node.open();
      await enforcer.apply(pod, everything());
      vi.spyOn(PodFirewall.prototype, "stop").mockImplementationOnce(() => {
        throw new BpfError({ operation: "detach link", errno: 5 });
      });
      expect(await enforcer.apply(pod, policyOf({}))).toMatchObject({ kind: "failed" });
    }
    await using enforcer = await node.open();
    expect(enforcer.adopt()).toMatchObject([{ uid: "a1", revision: undefined }]);
  });

  test("a release that fails, such as on a bpffs that is read-only for a while, is finished by the next one", async () => {
    await using node = testNode();
    const { pod } = node.pod("a1");
    await using enforcer = await node.open();
    await enforcer.apply(pod, everything());
    const attached = readdirSync(`${node.pinDir}/node`);
    node.remount("ro");
    for (let tries = 0; tries < 2; tries++) expect(() => enforcer.release("a1")).toThrow(/EROFS|read-only/);
    node.remount("rw");
    enforcer.release("a1");
    expect(readdirSync(`${node.pinDir}/pods`)).toEqual([]);
    expect(readdirSync(`${node.pinDir}/node`)).toEqual(["addresses"]);
    expect(attached).toContain("turn");
    expect(enforcer.readings()).toEqual([]);
  });

  test("a slot that was given back by a release that failed is another Pod's, and the next try leaves it to that one", async () => {
    await using node = testNode();
    using calls = caller();
    const [one, two] = [node.pod("a1"), node.pod("a2")];
    await using enforcer = await node.open();
    await enforcer.apply(one.pod, counting());
    let written = 0;
    const plain = BpfMap.prototype.update;
    vi.spyOn(BpfMap.prototype, "update").mockImplementation(function (this: BpfMap, ...words) {
      // First that no revision stands, then that the slot is given back.
      if (this.name === "pcmc_meta" && ++written === 2) throw new BpfError({ operation: "update map", errno: 12 });
      plain.apply(this, words);
    });
    expect(() => enforcer.release("a1")).toThrow(/ENOMEM/);
    vi.restoreAllMocks();
    expect(await enforcer.apply(two.pod, counting())).toMatchObject({ kind: "applied" });
    enforcer.release("a1");
    await calls.call(two.cgroup, { getpgid: 3 });
    expect(readingOf(enforcer, "a2").syscalls).toEqual(new Map([["getpgid", 3n]]));
    expect(readdirSync(`${node.pinDir}/pods`)).toEqual(["a2"]);
  });

  test("a bpffs that is full is told in the Pod's condition and counted, and nothing half-made judges", async () => {
    await using node = testNode();
    const { pod } = node.pod("a1");
    await using enforcer = await node.open();
    vi.spyOn(BpfMap.prototype, "pin").mockImplementation(function (this: BpfMap) {
      throw new BpfError({ operation: "pin", subject: this.name, errno: 28 });
    });
    const policy = everything();
    const outcome = await enforcer.apply(pod, policy);
    vi.restoreAllMocks();
    expect(outcome).toMatchObject({
      kind: "failed",
      programs: [],
      failures: [
        { program: "syscall_counter", reason: "BpffsFull" },
        { program: "l4_firewall", reason: "BpffsFull" },
      ],
      retry: true,
    });
    const progress = progressOf(outcome, { isRunning: true });
    expect(podCondition(policy, { gate: false, progress })).toMatchObject({
      status: "False",
      reason: "BpffsFull",
      message: expect.stringContaining("look for what others have pinned there"),
    });
    expect(await enforcer.apply(pod, policy)).toMatchObject({ kind: "applied" });
  });

  test("pins of a Pod that have another layout are told, go on judging, and can be removed", async () => {
    await using node = testNode();
    await using network = await testNetwork();
    const pod = await leftGuarded(node, network);
    otherLayout(node, "a1");
    await using enforcer = await node.open();
    expect(enforcer.adopt()).toEqual([]);
    expect(await enforcer.apply(pod, policyOf({ firewall: blocking(7001) }))).toMatchObject({
      kind: "failed",
      failures: [{ reason: "OtherLayout", message: expect.stringContaining("pcmc agent uninstall") }],
      retry: false,
    });
    expect([await network.reach("tcp", 7000), await network.reach("tcp", 7001)]).toEqual(["closed", "open"]);
    enforcer.release("a1");
    // A link that nobody has opened ends some time after its pin.
    await until(async () => (await network.reach("tcp", 7000)) === "open");
  });

  test("a counter of another layout is told, and neither changed nor shared", async () => {
    await using node = testNode();
    const { pod } = node.pod("a1");
    {
      await using enforcer = await node.open();
      await enforcer.apply(pod, counting());
    }
    const turn = encodeTurn({ version: 77, layoutVersion: LAYOUT_VERSION + 1 });
    rewrite(`${node.pinDir}/node/turn`, () => turn);
    const before = readdirSync(`${node.pinDir}/node`);
    await using enforcer = await node.open();
    enforcer.adopt();
    for (const policy of [counting(), policyOf({})]) {
      const outcome = await enforcer.apply(pod, policy);
      const failures = outcome.kind === "failed" ? outcome.failures : [];
      expect(failures).toContainEqual(expect.objectContaining({ program: "syscall_counter", reason: "OtherLayout" }));
    }
    expect(readdirSync(`${node.pinDir}/node`)).toEqual(before);
    using map = BpfMap.openPinned(`${node.pinDir}/node/turn`);
    expect(map.lookup(encodeIndex(0))).toEqual(turn);
  });

  test("a node of which all has another layout is told, and its Pods stay counted", async () => {
    await using node = testNode();
    using calls = caller();
    const { pod, cgroup } = node.pod("a1");
    {
      await using enforcer = await node.open();
      await enforcer.apply(pod, counting());
      await calls.call(cgroup, { getpgid: 3 });
    }
    otherLayout(node, "a1");
    rewrite(`${node.pinDir}/node/turn`, (value) =>
      encodeTurn({ ...decodeTurn(value), layoutVersion: LAYOUT_VERSION + 1 }),
    );
    const before = readdirSync(`${node.pinDir}/node`);
    const told: unknown[] = [];
    await using enforcer = await node.open({
      log: { ...silentLogger, error: (_, fields) => told.push(fields?.error) },
    });
    expect(enforcer.adopt()).toEqual([]);
    expect(told).toEqual([
      expect.objectContaining({ reason: "OtherLayout", message: expect.stringContaining("pods/a1/meta") }),
      expect.objectContaining({ reason: "OtherLayout", message: expect.stringContaining("/node ") }),
    ]);
    expect(readdirSync(`${node.pinDir}/node`)).toEqual(before);
    await calls.call(cgroup, { getpgid: 5 });
    using counts = BpfMap.openPinned(`${node.pinDir}/pods/a1/call_counts`);
    expect(readCalls(counts, architectureOf()).get("getpgid")).toBe(8n);
  });

  test("the node's addresses that found no memory once are there a second later", async () => {
    await using node = testNode();
    const clock = new ManualClock();
    const update = BpfMap.prototype.update;
    let tries = 0;
    vi.spyOn(BpfMap.prototype, "update").mockImplementation(function (this: BpfMap, ...words) {
      if (this.name.startsWith("pcmc_addr") && ++tries === 1)
        throw new BpfError({ operation: "update map", subject: this.name, errno: 12 });
      update.apply(this, words);
    });
    const readAddresses = () => ({ addresses: ["192.0.2.1"], dropped: 0 });
    await using _ = await node.open({ clock, readAddresses });
    using map = BpfMap.openPinned(`${node.pinDir}/node/addresses`);
    expect([...map.keys()]).toEqual([]);
    clock.advance(1000);
    expect([...map.keys()]).toEqual([Buffer.from(parseAddress("192.0.2.1"))]);
  });
});
