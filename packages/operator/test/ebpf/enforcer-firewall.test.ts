// Invariants:
// - A port that the policy blocks is closed, all others are open, TCP and UDP; and each verdict is counted.
// - A changed policy holds at once, and its counters go on from where they were.
// - What stands, stands without an agent; the next one takes it over.
// - A Pod without a firewall, or that is released, is open, and nothing of it is left.

import { readdirSync } from "node:fs";
import { openHandles } from "@pcmc/libbpf";
import { afterEach, describe, expect, test } from "vitest";
import { uniform } from "../../src/ebpf/port-bitmap.ts";
import { ManualClock } from "./support/manual-clock.ts";
import { testNetwork } from "./support/network.ts";
import { noKernel, readingOf, skipped, testNode } from "./support/node.ts";
import { ADDRESSES, wire } from "./support/peers.ts";
import { allBut, blocking, policyOf } from "./support/policies.ts";

const block = (...ports: readonly number[]) => policyOf({ firewall: blocking(...ports) });

/** A Pod with a server on both ports. */
const setUp = async () => {
  await using stack = new AsyncDisposableStack();
  const node = stack.use(testNode());
  const network = stack.use(await testNetwork());
  const { pod, cgroup } = node.pod("a1");
  await network.serve(cgroup, [7000, 7001]);
  const reach = async (port: number) => `${await network.reach("tcp", port)} ${await network.reach("udp", port)}`;
  const all = stack.move();
  return { node, pod, cgroup, reach, [Symbol.asyncDispose]: () => all.disposeAsync() };
};

describe.skipIf(noKernel)(`the firewall on the real kernel${skipped}`, () => {
  afterEach(() => {
    expect(openHandles()).toEqual([]);
  });

  test("closes what the policy blocks and nothing else, and counts each verdict once by answer and once by protocol", async () => {
    await using setup = await setUp();
    await using enforcer = await setup.node.open();
    expect(await setup.reach(7000)).toBe("open open");
    expect(await enforcer.apply(setup.pod, block(7000))).toMatchObject({ kind: "applied", programs: ["l4_firewall"] });
    expect(await setup.reach(7000)).toBe("closed closed");
    expect(await setup.reach(7001)).toBe("open open");
    const { firewall } = readingOf(enforcer, "a1");
    expect(firewall?.ingress).toEqual({ allowed: 2n, blocked: 2n, tcp: 2n, udp: 2n });
    expect(firewall?.egress).toEqual({ allowed: 0n, blocked: 0n, tcp: 0n, udp: 0n });
    expect(firewall?.blockedPorts).toEqual([
      { direction: "ingress", protocol: "tcp", port: 7000, count: 1n },
      { direction: "ingress", protocol: "udp", port: 7000, count: 1n },
    ]);
  });

  test("changes with the policy at once, and counts on", async () => {
    await using setup = await setUp();
    await using enforcer = await setup.node.open();
    await enforcer.apply(setup.pod, block(7000));
    await setup.reach(7000);
    await enforcer.apply(setup.pod, block(7001));
    expect(await setup.reach(7000)).toBe("open open");
    expect(await setup.reach(7001)).toBe("closed closed");
    expect(readingOf(enforcer, "a1").firewall?.ingress).toMatchObject({ allowed: 2n, blocked: 4n });
  });

  test("is gone when no policy asks for it, and comes back with its counters", async () => {
    await using setup = await setUp();
    await using enforcer = await setup.node.open();
    await enforcer.apply(setup.pod, block(7000));
    await setup.reach(7000);
    expect(await enforcer.apply(setup.pod, policyOf({}))).toMatchObject({ kind: "applied", programs: [] });
    expect(await setup.reach(7000)).toBe("open open");
    expect(readingOf(enforcer, "a1").firewall).toBeUndefined();
    await enforcer.apply(setup.pod, block(7000));
    await setup.reach(7000);
    expect(readingOf(enforcer, "a1").firewall?.ingress).toMatchObject({ allowed: 0n, blocked: 4n });
  });

  test("stands while no agent runs, counts meanwhile, and is taken over", async () => {
    await using setup = await setUp();
    const policy = block(7000);
    {
      await using enforcer = await setup.node.open();
      await enforcer.apply(setup.pod, policy);
    }
    expect(await setup.reach(7000)).toBe("closed closed");
    await using enforcer = await setup.node.open();
    expect(enforcer.adopt()).toEqual([{ uid: "a1", revision: policy.revision, programs: ["l4_firewall"] }]);
    expect(await setup.reach(7000)).toBe("closed closed");
    await enforcer.apply(setup.pod, policy);
    expect(await setup.reach(7000)).toBe("closed closed");
    expect(readingOf(enforcer, "a1").firewall?.ingress.blocked).toBe(6n);
  });

  test("in audit mode counts a connection that stands once, however often agents come and go", async () => {
    await using node = testNode();
    const { pod, cgroup } = node.pod("a1");
    await using peers = await wire(cgroup);
    await peers.pod.do({ do: "listen", port: 7000 });
    await peers.world.do({ do: "connect", name: "standing", host: ADDRESSES.pod.ipv4, port: 7000 });
    const open = uniform("allow");
    const verdicts = { enforced: open, audited: allBut([7000]) };
    const ingress = { tcp: verdicts, udp: verdicts };
    const policy = policyOf({ firewall: { ...blocking(), ingress, established: "enforce" } });
    for (let agents = 0; agents < 3; agents++) {
      await using enforcer = await node.open();
      enforcer.adopt();
      expect(await enforcer.apply(pod, policy)).toMatchObject({ kind: "applied" });
      await peers.world.do({ do: "exchange", name: "standing" });
      expect(readingOf(enforcer, "a1").firewall?.ingress.blocked).toBe(1n);
    }
    await using enforcer = await node.open();
    enforcer.adopt();
    await enforcer.apply(pod, { ...policy, revision: "another" });
    await peers.world.do({ do: "exchange", name: "standing" });
    expect(readingOf(enforcer, "a1").firewall?.ingress.blocked).toBe(2n);
  });

  test("is gone with every trace once the Pod is released", async () => {
    await using setup = await setUp();
    await using enforcer = await setup.node.open();
    await enforcer.apply(setup.pod, block(7000));
    enforcer.release("a1");
    expect(await setup.reach(7000)).toBe("open open");
    expect(readdirSync(`${setup.node.pinDir}/pods`)).toEqual([]);
    expect(enforcer.readings()).toEqual([]);
    enforcer.release("a1");
  });

  test("of a Pod that the sweep finds dead is gone, that of a living one stays", async () => {
    await using setup = await setUp();
    const other = setup.node.pod("a2");
    {
      await using enforcer = await setup.node.open();
      await enforcer.apply(setup.pod, block(7000));
      await enforcer.apply(other.pod, block(7000));
    }
    await using enforcer = await setup.node.open();
    enforcer.adopt();
    expect(enforcer.sweep(new Set(["a1"]))).toEqual(["a2"]);
    expect(readdirSync(`${setup.node.pinDir}/pods`)).toEqual(["a1"]);
    expect(await setup.reach(7000)).toBe("closed closed");
  });

  test("is attached anew when the Pod's cgroup was removed and made again, and counts on", async () => {
    await using setup = await setUp();
    const { node } = setup;
    const { pod } = node.pod("a2");
    await using enforcer = await node.open();
    const policy = block(7000);
    await enforcer.apply(pod, policy);
    node.removeCgroup("kubepods/burstable/poda2");
    expect(await enforcer.apply(pod, policy)).toMatchObject({ kind: "waiting", failure: { reason: "CgroupNotFound" } });
    await using network = await testNetwork();
    await network.serve(node.makeCgroup("kubepods/burstable/poda2"), [7000]);
    expect(await network.reach("tcp", 7000)).toBe("open");
    expect(await enforcer.apply(pod, policy)).toMatchObject({ kind: "applied" });
    expect(await network.reach("tcp", 7000)).toBe("closed");
    expect(readingOf(enforcer, "a2").firewall?.ingress.blocked).toBe(1n);
  });

  test("of a Pod that gets programs which were loaded ahead is its own, with counts of its own", async () => {
    await using setup = await setUp();
    const clock = new ManualClock();
    await using enforcer = await setup.node.open({ clock });
    await enforcer.apply(setup.pod, block(7000));
    await setup.reach(7000);
    clock.advance(1000);
    const { pod, cgroup } = setup.node.pod("a2");
    await using network = await testNetwork();
    await network.serve(cgroup, [7000, 7001]);
    expect(await enforcer.apply(pod, block(7001))).toMatchObject({ kind: "applied" });
    expect(await network.reach("tcp", 7001)).toBe("closed");
    expect(await network.reach("tcp", 7000)).toBe("open");
    expect(await setup.reach(7001)).toBe("open open");
    expect(readingOf(enforcer, "a2").firewall?.ingress).toMatchObject({ allowed: 1n, blocked: 1n });
    expect(readingOf(enforcer, "a1").firewall?.ingress).toMatchObject({ allowed: 2n, blocked: 2n });
  });

  test("is refused for a Pod on the node's network, while its system calls are counted", async () => {
    await using setup = await setUp();
    await using enforcer = await setup.node.open();
    const policy = policyOf({ firewall: blocking(7000), syscalls: { calls: ["getpgid"] } });
    expect(await enforcer.apply({ ...setup.pod, hostNetwork: true }, policy)).toMatchObject({
      kind: "failed",
      programs: ["syscall_counter"],
      failures: [{ program: "l4_firewall", reason: "HostNetwork" }],
      retry: false,
    });
    expect(await setup.reach(7000)).toBe("open open");
  });

  test("lets the node's probes in, and nothing else, from an address that the node gets later", async () => {
    await using setup = await setUp();
    const clock = new ManualClock();
    let addresses: readonly string[] = ["192.0.2.77"];
    await using enforcer = await setup.node.open({ clock, readAddresses: () => ({ addresses, dropped: 0 }) });
    await enforcer.apply(setup.pod, policyOf({ firewall: { ...blocking(7000, 7001), probePorts: [7000] } }));
    expect(await setup.reach(7000)).toBe("closed closed");
    addresses = ["192.0.2.1"];
    clock.advance(1000);
    expect(await setup.reach(7000)).toBe("open closed");
    expect(await setup.reach(7001)).toBe("closed closed");
  });

  test("lets the node's probes in from an address that it got while no agent ran", async () => {
    await using setup = await setUp();
    const at = (address: string) => ({ readAddresses: () => ({ addresses: [address], dropped: 0 }) });
    {
      await using enforcer = await setup.node.open(at("192.0.2.77"));
      await enforcer.apply(setup.pod, policyOf({ firewall: { ...blocking(7000), probePorts: [7000] } }));
      expect(await setup.reach(7000)).toBe("closed closed");
    }
    // The programs are those of the agent before, and nobody has applied anything since.
    await using _ = await setup.node.open(at("192.0.2.1"));
    expect(await setup.reach(7000)).toBe("open closed");
  });
});
