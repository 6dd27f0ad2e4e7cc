// Invariants:
// - A node's addresses are those that it may probe its Pods from, each once, and never more than a policy holds.
// - A change of the addresses is told once.
// - Missing capabilities are named, and SYS_ADMIN stands for what it includes.
// - No two Pods have a slot at a time.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { callMask, unionOf } from "../../src/ebpf/call-mask.ts";
import { missingCapabilities } from "../../src/ebpf/capabilities.ts";
import { MAX_NODE_ADDRESSES, SLOTS } from "../../src/ebpf/layout.ts";
import { NodeAddresses, nodeAddresses } from "../../src/ebpf/node-addresses.ts";
import { Slots } from "../../src/ebpf/slots.ts";
import { syscallNumber } from "../../src/ebpf/syscall-numbers.ts";
import { ManualClock } from "./support/manual-clock.ts";

const outer = (address: string) => ({ address, internal: false });

describe("the node's addresses", () => {
  test("are those of all interfaces but loopback, IPv4 first, each once", () => {
    const interfaces = {
      lo: [{ address: "127.0.0.1", internal: true }],
      eth0: [outer("fe80::1"), outer("10.0.0.1")],
      cni0: [outer("10.244.0.1")],
      again: [outer("10.0.0.1")],
    };
    expect(nodeAddresses(interfaces)).toEqual({ addresses: ["10.0.0.1", "10.244.0.1", "fe80::1"], dropped: 0 });
  });

  test("are without those of Services that kube-proxy keeps on an interface", () => {
    expect(nodeAddresses({ "kube-ipvs0": [outer("10.96.0.1")], eth0: [outer("10.0.0.1")] }).addresses).toEqual([
      "10.0.0.1",
    ]);
  });

  test("are as many as a policy holds, and the rest is told", () => {
    const many = Array.from({ length: MAX_NODE_ADDRESSES + 3 }, (_, index) =>
      outer(`10.0.${index >> 8}.${index & 255}`),
    );
    const { addresses, dropped } = nodeAddresses({ eth0: many });
    expect([addresses.length, dropped]).toEqual([MAX_NODE_ADDRESSES, 3]);
  });

  test("are told when they change, and not again", () => {
    const clock = new ManualClock();
    let now = ["10.0.0.1"];
    const told: string[] = [];
    using watched = new NodeAddresses({
      clock,
      onChange: (addresses) => told.push(addresses.join()),
      onDropped: () => {},
      read: () => ({ addresses: now, dropped: 0 }),
    });
    clock.advance(5000);
    now = ["10.0.0.1", "10.244.0.1"];
    clock.advance(5000);
    expect(told).toEqual(["10.0.0.1,10.244.0.1"]);
    expect(watched.current).toEqual(now);
  });
});

describe("capabilities", () => {
  const status = (bits: readonly number[]) =>
    `Name:\tx\nCapEff:\t${bits
      .reduce((set, bit) => set | (1n << BigInt(bit)), 0n)
      .toString(16)
      .padStart(16, "0")}\n`;

  test.each([
    [[12, 38, 39], []],
    [[12, 21], []],
    [[21], ["NET_ADMIN"]],
    [[12, 39], ["PERFMON"]],
    [[], ["BPF", "NET_ADMIN", "PERFMON"]],
  ])("%j lack %j", (bits, missing) => {
    expect(missingCapabilities(status(bits))).toEqual(missing);
  });
});

test("slots are given out once each, until they are free again", () => {
  const slots = new Slots();
  fc.assert(
    fc.property(fc.array(fc.nat(SLOTS)), (claims) => {
      const own = new Slots();
      const granted = claims.filter((slot) => own.claim(slot));
      const taken = own.take();
      expect(new Set(granted).size).toBe(granted.length);
      expect(granted).not.toContain(taken);
    }),
  );
  for (let index = 0; index < SLOTS; index++) expect(slots.take()).toBe(index);
  expect(slots.take()).toBeUndefined();
  slots.free(7);
  expect(slots.take()).toBe(7);
});

test("a mask has the calls of its policy, and a union what any of its masks has", () => {
  const one = callMask({ calls: ["read", "openat"] }, "x86_64");
  const two = callMask({ calls: ["connect"] }, "x86_64");
  const bits = (mask: Buffer) =>
    [...mask.entries()].flatMap(([byte, value]) =>
      [0, 1, 2, 3, 4, 5, 6, 7].filter((bit) => (value >> bit) & 1).map((bit) => byte * 8 + bit),
    );
  const numbers = ["read", "connect", "openat"].map((name) => syscallNumber(name, "x86_64"));
  expect(bits(unionOf([one, two]))).toEqual(numbers);
  expect(bits(unionOf([]))).toEqual([]);
  expect(bits(callMask({ calls: "all" }, "arm64"))).toHaveLength(512);
});
