// Invariants:
// - A node's addresses are those that it may probe its Pods from, each once, and never more than a policy holds.
// - The addresses are told once, and each change of them; what could not be taken is told until it is.
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

  /** Follows what `read` gives, and notes what is told; what `refused` says of it is not taken. */
  const following = ({ read, refused = () => false }: Following) => {
    const clock = new ManualClock();
    const told: string[] = [];
    const follower = new NodeAddresses({
      clock,
      onChange: (addresses) => {
        told.push(addresses.join());
        if (refused()) throw new Error("no memory");
      },
      onFailure: (error) => told.push(String(error)),
      onDropped: () => {},
      read: () => ({ addresses: read(), dropped: 0 }),
    });
    return { clock, told, [Symbol.dispose]: () => follower[Symbol.dispose]() };
  };

  interface Following {
    readonly read: () => readonly string[];
    readonly refused?: () => boolean;
  }

  test("are told at first and when they change, and not again", () => {
    let now = ["10.0.0.1"];
    using one = following({ read: () => now });
    one.clock.advance(5000);
    now = ["10.0.0.1", "10.244.0.1"];
    one.clock.advance(5000);
    expect(one.told).toEqual(["10.0.0.1", "10.0.0.1,10.244.0.1"]);
  });

  test("are told as well where there are none: what is pinned can have some", () => {
    using one = following({ read: () => [] });
    expect(one.told).toEqual([""]);
  });

  test("that were not taken are told at each look until they are, and the failure once", () => {
    let refused = true;
    using one = following({ read: () => ["10.0.0.1"], refused: () => refused });
    one.clock.advance(2000);
    refused = false;
    one.clock.advance(5000);
    expect(one.told).toEqual(["10.0.0.1", "Error: no memory", "10.0.0.1", "10.0.0.1", "10.0.0.1"]);
  });

  test("that were taken are told again after others that were not", () => {
    let now = ["10.0.0.1"];
    let refused = false;
    using one = following({ read: () => now, refused: () => refused });
    [now, refused] = [["10.244.0.1"], true];
    one.clock.advance(1000);
    [now, refused] = [["10.0.0.1"], false];
    one.clock.advance(5000);
    expect(one.told).toEqual(["10.0.0.1", "10.244.0.1", "Error: no memory", "10.0.0.1"]);
  });

  test("that cannot be read are looked at again", () => {
    let isBroken = true;
    using one = following({
      read: () => {
        if (isBroken) throw new Error("too many open files");
        return ["10.0.0.1"];
      },
    });
    one.clock.advance(3000);
    isBroken = false;
    one.clock.advance(5000);
    isBroken = true;
    one.clock.advance(1000);
    expect(one.told).toEqual(["Error: too many open files", "10.0.0.1", "Error: too many open files"]);
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
