// Invariants:
// - Programs of another version are swapped in place: the links stay, the maps stay, and with them verdicts and counts.
// - Programs that the kernel refuses leave those of before where they are, under the newest policy.
// - After a swap nothing of the other version is left.

import { readdirSync } from "node:fs";
import { BpfLink, openHandles } from "@pcmc/libbpf";
import { afterEach, describe, expect, test } from "vitest";
import { architectureOf } from "../../src/ebpf/architecture.ts";
import { type ProgramName, type ProgramObject, readProgram } from "../../src/ebpf/programs.ts";
import { SyscallPrograms } from "../../src/ebpf/syscall-programs.ts";
import type { Architecture } from "../../src/ebpf/syscalls-table.ts";
import { caller } from "./support/calls.ts";
import { leftGuarded } from "./support/left-guarded.ts";
import { testNetwork } from "./support/network.ts";
import { noKernel, readingOf, skipped, testNode } from "./support/node.ts";
import { blocking, policyOf } from "./support/policies.ts";
import { runAgent } from "./support/run-agent.ts";

/** The same programs under another version, as an agent of another release has them. */
const version =
  (number: number) =>
  (name: ProgramName, architecture: Architecture): ProgramObject => ({
    ...readProgram(name, architecture),
    version: number,
  });

/** Programs that the verifier refuses: the first instruction of each reads a register that was never written. */
const refused = (name: ProgramName, architecture: Architecture): ProgramObject => {
  const object = readProgram(name, architecture);
  return { ...object, bytes: withBadCode(object.bytes), version: 666 };
};

/** Overwrites the start of the code sections of an ELF object. */
const withBadCode = (elf: Buffer): Buffer => {
  const bytes = Buffer.from(elf);
  const [table, size, count] = [Number(bytes.readBigUInt64LE(40)), bytes.readUInt16LE(58), bytes.readUInt16LE(60)];
  const EXECUTABLE = 4n;
  for (let index = 0; index < count; index++) {
    const header = table + index * size;
    if ((bytes.readBigUInt64LE(header + 8) & EXECUTABLE) === 0n || bytes.readBigUInt64LE(header + 32) === 0n) continue;
    // r0 = r9
    bytes.writeBigUInt64LE(0x90bfn, Number(bytes.readBigUInt64LE(header + 24)));
  }
  return bytes;
};

/** A number that no kernel has a helper for, in the place of `bpf_skc_lookup_tcp`: what Linux 5.7 makes of the firewall. */
const withUnknownHelper = (name: ProgramName, architecture: Architecture): ProgramObject => {
  const object = readProgram(name, architecture);
  const bytes = Buffer.from(object.bytes);
  const call = Buffer.from([0x85, 0, 0, 0, 99, 0, 0, 0]);
  for (let at = bytes.indexOf(call); at >= 0; at = bytes.indexOf(call, at + 1)) bytes.writeUInt32LE(9_999, at + 4);
  return { ...object, bytes, version: 667 };
};

/** What the versions of the programs have in common in the node's folder. */
const SHARED = ["addresses", "cgroups", "slot_calls", "slot_counts", "slot_lost", "turn"];

const linkId = (path: string): number => {
  using link = BpfLink.openPinned(path);
  return link.info().id;
};

describe.skipIf(noKernel)(`a swap of programs on the real kernel${skipped}`, () => {
  afterEach(() => {
    expect(openHandles()).toEqual([]);
  });

  test("keeps the firewall's links, its verdicts and its counts", async () => {
    await using node = testNode();
    await using network = await testNetwork();
    const { pod, cgroup } = node.pod("a1");
    await network.serve(cgroup, [7000]);
    const policy = policyOf({ firewall: blocking(7000) });
    {
      await using enforcer = await node.open({ readProgram: version(1) });
      await enforcer.apply(pod, policy);
      await network.reach("tcp", 7000);
    }
    const before = linkId(`${node.pinDir}/pods/a1/firewall_ingress`);
    await using enforcer = await node.open({ readProgram: version(2) });
    enforcer.adopt();
    expect(await enforcer.apply(pod, policy)).toMatchObject({ kind: "applied" });
    expect(linkId(`${node.pinDir}/pods/a1/firewall_ingress`)).toBe(before);
    expect(await network.reach("tcp", 7000)).toBe("closed");
    expect(readingOf(enforcer, "a1").firewall?.ingress.blocked).toBe(2n);
  });

  test("goes on counting system calls, and leaves one version", async () => {
    await using node = testNode();
    using calls = caller();
    const { pod, cgroup } = node.pod("a1");
    const policy = policyOf({ syscalls: { calls: ["getpgid"] } });
    {
      await using enforcer = await node.open({ readProgram: version(1) });
      await enforcer.apply(pod, policy);
      await calls.call(cgroup, { getpgid: 10 });
    }
    await using enforcer = await node.open({ readProgram: version(2) });
    enforcer.adopt();
    await calls.call(cgroup, { getpgid: 10 });
    await enforcer.apply(pod, policy);
    await calls.call(cgroup, { getpgid: 10 });
    expect(readingOf(enforcer, "a1").syscalls?.get("getpgid")).toBe(30n);
    expect(readdirSync(`${node.pinDir}/node`)).toEqual([...SHARED, "v2"]);
  });

  test("that was broken off with both versions attached is finished, and counts no call twice from then on", async () => {
    await using node = testNode();
    using calls = caller();
    const { pod, cgroup } = node.pod("a1");
    const policy = policyOf({ syscalls: { calls: ["getpgid"] } });
    await using stack = new AsyncDisposableStack();
    const first = stack.use(await node.open({ readProgram: version(1) }));
    await first.apply(pod, policy);
    await first[Symbol.asyncDispose]();
    // The second version is attached over the same maps, as a process does that is killed before it takes its turn.
    {
      using _ = SyscallPrograms.ensure(`${node.pinDir}/node`, version(2)("syscalls", architectureOf()));
    }
    await using enforcer = await node.open({ readProgram: version(2) });
    enforcer.adopt();
    await calls.call(cgroup, { getpgid: 10 });
    await enforcer.apply(pod, policy);
    expect(readingOf(enforcer, "a1").syscalls?.get("getpgid")).toBe(10n);
    expect(readdirSync(`${node.pinDir}/node`)).toEqual([...SHARED, "v2"]);
  });

  test("of the system call counter that is killed before any of its changes loses no call and counts none twice", {
    timeout: 360_000,
  }, async () => {
    await using node = testNode();
    using calls = caller();
    const { pod, cgroup } = node.pod("a1");
    const policy = policyOf({ syscalls: { calls: ["getpgid"] } });
    const { pinDir, cgroupRoot } = node;
    let made = 0;
    let killed = true;
    for (let killBefore = 1; killed; killBefore++) {
      {
        await using enforcer = await node.open({ readProgram: version(1) });
        enforcer.adopt();
        await enforcer.apply(pod, policy);
        expect(readingOf(enforcer, "a1").syscalls?.get("getpgid") ?? 0n, `killed before ${killBefore - 1}`).toBe(
          BigInt(made),
        );
        expect(readdirSync(`${pinDir}/node`)).toEqual([...SHARED, "v1"]);
      }
      killed = await runAgent({ pinDir, cgroupRoot, firewallVersion: 1, syscallsVersion: 2, steps: [], killBefore });
      made += 7;
      await calls.call(cgroup, { getpgid: 7 });
    }
    await using enforcer = await node.open({ readProgram: version(2) });
    enforcer.adopt();
    await enforcer.apply(pod, policy);
    expect(readingOf(enforcer, "a1").syscalls?.get("getpgid")).toBe(BigInt(made));
    // Attaching, handing over and removing are some changes each.
    expect(made / 7).toBeGreaterThan(15);
  });

  test("to programs that the kernel refuses leaves the old ones, under the new policy", async () => {
    await using node = testNode();
    await using network = await testNetwork();
    const pod = await leftGuarded(node, network);
    await using enforcer = await node.open({ readProgram: refused });
    enforcer.adopt();
    expect(await enforcer.apply(pod, policyOf({ firewall: blocking(7001) }))).toMatchObject({
      kind: "failed",
      programs: ["l4_firewall"],
      failures: [{ program: "l4_firewall", reason: "VerifierRefused", message: expect.stringMatching(/R9 !read_ok/) }],
      retry: false,
    });
    expect([await network.reach("tcp", 7000), await network.reach("tcp", 7001)]).toEqual(["open", "closed"]);
  });

  test("to programs that call what the kernel does not have says that it is too old, and leaves the old ones", async () => {
    await using node = testNode();
    await using network = await testNetwork();
    const pod = await leftGuarded(node, network);
    await using enforcer = await node.open({ readProgram: withUnknownHelper });
    enforcer.adopt();
    expect(await enforcer.apply(pod, policyOf({ firewall: blocking(7001) }))).toMatchObject({
      kind: "failed",
      programs: ["l4_firewall"],
      failures: [{ reason: "KernelTooOld", message: expect.stringMatching(/func.*9999.*docs\/EBPF_FEATURES\.md/) }],
      retry: false,
    });
    expect([await network.reach("tcp", 7000), await network.reach("tcp", 7001)]).toEqual(["open", "closed"]);
  });
});
