/**
 * Invariants:
 * - sizes and offsets of what lies in the maps are the same in bpf/pcmc.h and in layout.ts;
 * - the objects define the maps and programs that layout.ts names, with the sizes that it says;
 * - what is encoded reads back.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openObject } from "@pcmc/libbpf";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { findToolchain } from "../../../../scripts/clang.ts";
import { parseAddress } from "../../src/ebpf/address.ts";
import {
  decodeBlockedPorts,
  decodeCallCounts,
  decodeCounters,
  decodeMeta,
  decodeTurn,
  encodeCallMask,
  encodeIndex,
  encodeMeta,
  encodePolicy,
  encodeTurn,
  FIREWALL_MAPS,
  FIREWALL_PROGRAMS,
  LAYOUT_VERSION,
  MAP_SHAPES,
  MAX_CGROUPS,
  MAX_NODE_ADDRESSES,
  NODE_ADDRESSES,
  opens,
  SLOTS,
  SYSCALL_MAPS,
  SYSCALL_PROGRAMS,
  SYSCALLS,
} from "../../src/ebpf/layout.ts";
import { uniform } from "../../src/ebpf/port-bitmap.ts";
import { readProgram } from "../../src/ebpf/programs.ts";
import { SYSCALL_NUMBERS } from "../../src/ebpf/syscall-numbers.ts";
import { ARCHITECTURE } from "./support/architecture.ts";
import { enforcing, firewallPolicy, list, noFirewall } from "./support/firewall.ts";

/** A u64 of each value, at its offset. */
const words = (size: number, values: Readonly<Record<number, bigint>>): Buffer => {
  const bytes = Buffer.alloc(size);
  for (const [offset, value] of Object.entries(values)) bytes.writeBigUInt64LE(value, Number(offset));
  return bytes;
};

/** What the C compiler makes of expressions over pcmc.h. */
const compiled = (expressions: readonly string[]): readonly number[] => {
  const folder = mkdtempSync(join(tmpdir(), "pcmc-layout-"));
  try {
    const header = fileURLToPath(new URL("../../bpf/pcmc.h", import.meta.url));
    const table = expressions.map((expression) => `(unsigned long long)(${expression})`).join(",\n");
    const source = `#include "${header}"\n#define offset(type, member) __builtin_offsetof(struct type, member)\nconst unsigned long long table[] = {${table}};`;
    writeFileSync(join(folder, "table.c"), source);
    const { clang } = findToolchain(process.env);
    const includes = ["x86_64-linux-gnu", "aarch64-linux-gnu"].flatMap((triplet) => [
      "-idirafter",
      `/usr/include/${triplet}`,
    ]);
    const assembly = execFileSync(clang, [
      "-target",
      "bpf",
      "-O2",
      ...includes,
      "-S",
      "-o",
      "-",
      join(folder, "table.c"),
    ]);
    return [...assembly.toString().matchAll(/\.quad\s+(\d+)/g)].map(([, value]) => Number(value));
  } finally {
    rmSync(folder, { recursive: true });
  }
};

test("sizes and offsets are those of the header", () => {
  const expected: Readonly<Record<string, number>> = {
    LAYOUT_VERSION,
    SYSCALLS,
    SLOTS,
    MAX_CGROUPS,
    MAX_NODE_ADDRESSES,
    "sizeof(struct call_mask)": encodeCallMask([]).length,
    "sizeof(struct call_counts)": MAP_SHAPES.callCounts.valueSize,
    "sizeof(struct policy)": MAP_SHAPES.policy.valueSize,
    "sizeof(struct pod_meta)": MAP_SHAPES.meta.valueSize,
    "sizeof(struct counters)": 144,
    "sizeof(struct blocked_ports)": 64,
    "offset(blocked_ports, ports)": 32,
    "PORT_WORD(EGRESS, UDP, 8080)": 8080 | (1 << 16) | (1 << 17) | (1 << 18),
    "sizeof(struct udp_peer)": 24,
    "sizeof(struct udp_ports)": 8192,
    "sizeof(struct address)": MAP_SHAPES.nodeAddresses.keySize,
    "sizeof(struct turn)": encodeTurn({ version: 1, layoutVersion: 1 }).length,
    "offset(turn, layout_version)": 4,
    "offset(policy, generation)": 0,
    "offset(policy, flags)": 8,
    "offset(policy, probe_ports)": 16,
    "offset(policy, open[EGRESS][AUDITED][UDP][8191])": MAP_SHAPES.policy.valueSize - 1,
    "offset(counters, verdicts[1][EGRESS][UDP][BLOCKED])": 120,
    "offset(counters, unparsable[EGRESS])": 136,
    "offset(pod_meta, layout_version)": 0,
    "offset(pod_meta, firewall_version)": 4,
    "offset(pod_meta, generation)": 8,
    "offset(pod_meta, cgroup_id)": 16,
    "offset(pod_meta, pid)": 24,
    "offset(pod_meta, slot)": 28,
    "offset(pod_meta, revision)": 32,
  };
  const values = compiled(Object.keys(expected));
  expect(Object.fromEntries(Object.keys(expected).map((name, index) => [name, values[index]]))).toEqual(expected);
});

describe.skipIf(noFirewall)(`the objects in the kernel${noFirewall ? ` (skipped: ${noFirewall})` : ""}`, () => {
  test("the firewall's maps are those of the layout", () => {
    using object = openObject(readProgram("firewall", ARCHITECTURE).bytes, { name: "firewall" }).load();
    expect(new Set(object.mapNames)).toEqual(new Set([...Object.values(FIREWALL_MAPS), NODE_ADDRESSES]));
    expect(new Set(object.programNames)).toEqual(new Set(Object.values(FIREWALL_PROGRAMS)));
    const shape = (name: keyof typeof FIREWALL_MAPS) => {
      const { type, keySize, valueSize } = object.map(FIREWALL_MAPS[name]);
      return { type, keySize, valueSize };
    };
    expect(shape("policy")).toEqual({ type: "array_of_maps", keySize: 4, valueSize: 4 });
    expect(shape("counters")).toEqual({ type: "percpu_array", keySize: 4, valueSize: 144 });
    expect(shape("blockedPorts")).toEqual({ type: "array", keySize: 4, valueSize: 64 });
    expect(shape("udpRequests")).toEqual({ type: "lru_hash", keySize: 24, valueSize: 1 });
    expect(shape("udpGuests")).toEqual({ type: "lru_hash", keySize: 24, valueSize: 1 });
    expect(shape("udpPorts")).toEqual({ type: "array", keySize: 4, valueSize: 8192 });
    expect(shape("tcpFlows")).toEqual({ type: "sk_storage", keySize: 4, valueSize: 8 });
    expect(object.map(NODE_ADDRESSES)).toMatchObject(MAP_SHAPES.nodeAddresses);
  });

  test("the system calls' maps are those of the layout", () => {
    using object = openObject(readProgram("syscalls", ARCHITECTURE).bytes, { name: "syscalls" }).load();
    // Constants are a map too, which nobody else reads.
    expect(new Set(object.mapNames)).toEqual(new Set([...Object.values(SYSCALL_MAPS), "syscalls.rodata"]));
    expect(new Set(object.programNames)).toEqual(new Set(Object.keys(SYSCALL_PROGRAMS)));
    const shape = (name: keyof typeof SYSCALL_MAPS) => {
      const { type, keySize, valueSize, maxEntries } = object.map(SYSCALL_MAPS[name]);
      return { type, keySize, valueSize, maxEntries };
    };
    expect(shape("wanted")).toEqual({ type: "array", keySize: 4, valueSize: 64, maxEntries: 1 });
    expect(shape("turn")).toEqual({ type: "array", keySize: 4, valueSize: 8, maxEntries: 1 });
    expect(decodeTurn(object.map(SYSCALL_MAPS.turn).lookup(encodeIndex(0)) ?? Buffer.alloc(8))).toEqual({
      version: 0,
      layoutVersion: LAYOUT_VERSION,
    });
    expect(shape("cgroups")).toEqual({ type: "hash", keySize: 8, valueSize: 4, maxEntries: MAX_CGROUPS });
    expect(shape("slotCalls")).toEqual({ type: "array", keySize: 4, valueSize: 64, maxEntries: SLOTS });
    expect(shape("slotCounts")).toEqual({ type: "array_of_maps", keySize: 4, valueSize: 4, maxEntries: SLOTS });
    expect(shape("slotLost")).toEqual({ type: "array", keySize: 4, valueSize: 8, maxEntries: SLOTS });
  });
});

test.skipIf(noFirewall)(
  "the verifier is through with each program soon: a Pod's firewall is loaded when the Pod starts",
  () => {
    for (const name of ["firewall", "syscalls"] as const) {
      using object = openObject(readProgram(name, ARCHITECTURE).bytes, { name }).load();
      for (const program of object.programNames) {
        expect(object.program(program).info().verifiedInstructions, program).toBeLessThan(11_000);
      }
    }
  },
);

test("which version's turn it is reads back", () => {
  const turn = { version: 0xfedcba98, layoutVersion: 7 };
  expect(decodeTurn(encodeTurn(turn))).toEqual(turn);
});

test.skipIf(noFirewall)(
  "the other architecture's objects name the same maps and programs, and pass the verifier here too",
  () => {
    const other = ARCHITECTURE === "x86_64" ? "arm64" : "x86_64";
    for (const name of ["firewall", "syscalls"] as const) {
      using ours = openObject(readProgram(name, ARCHITECTURE).bytes, { name });
      using theirs = openObject(readProgram(name, other).bytes, { name }).load();
      expect([theirs.mapNames, theirs.programNames]).toEqual([ours.mapNames, ours.programNames]);
    }
  },
);

test("a policy opens exactly the ports of its lists", () => {
  const ports = fc.uniqueArray(fc.nat(65_535), { maxLength: 20 });
  fc.assert(
    fc.property(ports, ports, (allowed, blocked) => {
      const firewall = firewallPolicy({ ingress: enforcing(list({ allowed })), egress: enforcing(list({ blocked })) });
      const value = encodePolicy({ firewall, generation: 3n });
      for (const port of [...allowed, ...blocked]) {
        for (const protocol of ["tcp", "udp"] as const) {
          const at = { protocol, port };
          expect(opens(value, { ...at, direction: "ingress", list: "enforced" })).toBe(allowed.includes(port));
          expect(opens(value, { ...at, direction: "egress", list: "enforced" })).toBe(!blocked.includes(port));
          expect(opens(value, { ...at, direction: "egress", list: "audited" })).toBe(true);
        }
      }
    }),
    { numRuns: 30 },
  );
});

test("a list that opens every port restricts nothing, and one that does not is flagged", () => {
  const flags = (firewall: Parameters<typeof firewallPolicy>[0]) =>
    encodePolicy({ firewall: firewallPolicy(firewall), generation: 1n }).readUInt32LE(8);
  expect(flags({})).toBe(0);
  expect(flags({ established: "enforce" })).toBe(0b100);
  expect(flags({ ingress: enforcing(uniform("allow")) })).toBe(0b01);
  expect(flags({ ingress: enforcing(list({ blocked: [65_535] })) })).toBe(0b01 | (0b11 << 8));
  expect(flags({ egress: enforcing(list({ blocked: [0] })) })).toBe(0b10 | (0b11 << 12));
});

test.each([
  ["10.1.2.3", "00000000000000000000ffff0a010203"],
  ["::ffff:10.1.2.3", "00000000000000000000ffff0a010203"],
  ["::", "00000000000000000000000000000000"],
  ["::1", "00000000000000000000000000000001"],
  ["2001:db8::", "20010db8000000000000000000000000"],
  ["2001:db8:1:2:3:4:5:6", "20010db8000100020003000400050006"],
  ["fe80::1:2%eth0", "fe800000000000000000000000010002"],
])("the address %s is %s", (text, hex) => {
  expect(Buffer.from(parseAddress(text)).toString("hex")).toBe(hex);
});

test.each(["", "10.1.2", "10.1.2.3/24", "node-1", ":::"])("%j is no address", (text) => {
  expect(() => parseAddress(text)).toThrow(RangeError);
});

test("counters are summed over CPUs and generations, and the two pairs agree", () => {
  // [parity][direction][protocol][verdict]
  const first = words(144, { 0: 1n, 8: 2n, 16: 4n, 24: 8n, 32: 16n, 128: 5n });
  const second = words(144, { 64: 1000n, 72: 2000n, 120: 4000n, 136: 7n });
  const counters = decodeCounters([first, second]);
  expect(counters.ingress).toEqual({ allowed: 1005n, blocked: 2010n, tcp: 3003n, udp: 12n });
  expect(counters.egress).toEqual({ allowed: 16n, blocked: 4000n, tcp: 16n, udp: 4000n });
  expect(counters.unparsable).toEqual({ ingress: 5n, egress: 7n });
  expect(counters.byGeneration[0].ingress.tcp).toEqual({ allowed: 1n, blocked: 2n });
  expect(counters.byGeneration[1].egress.udp).toEqual({ allowed: 0n, blocked: 4000n });
  expect(decodeCounters([])).toMatchObject({ ingress: { allowed: 0n } });
});

test("a bucket of blocked ports has those that are kept, with their counts", () => {
  const bucket = words(64, { 0: 5n, 8: 7n, 24: 9n });
  bucket.writeUInt32LE(8080 | (1 << 16) | (1 << 17) | (1 << 18), 32);
  bucket.writeUInt32LE(1 << 18, 44);
  expect(decodeBlockedPorts(bucket)).toEqual([
    { port: 8080, direction: "egress", protocol: "udp", count: 5n },
    { port: 0, direction: "ingress", protocol: "tcp", count: 9n },
  ]);
  expect(decodeBlockedPorts(Buffer.alloc(64))).toEqual([]);
});

test("calls are counted by number, those that occurred", () => {
  const counts = decodeCallCounts([words(4096, { 0: 1n, 4088: 3n }), words(4096, { 0: 2n })]);
  expect([...counts]).toEqual([
    [0, 3n],
    [511, 3n],
  ]);
});

test("every call of both architectures fits a mask, and what does not is refused", () => {
  for (const numbers of Object.values(SYSCALL_NUMBERS)) {
    const mask = encodeCallMask(numbers.values());
    const set = [...mask].flatMap((byte, index) =>
      [0, 1, 2, 3, 4, 5, 6, 7].flatMap((bit) => ((byte >> bit) & 1 ? [index * 8 + bit] : [])),
    );
    expect(set).toEqual([...numbers.values()].sort((a, b) => a - b));
  }
  expect(() => encodeCallMask([512])).toThrow(RangeError);
  expect(() => encodeCallMask([-1])).toThrow(RangeError);
});

test("what a Pod's meta keeps reads back", () => {
  const u32 = fc.nat(2 ** 31 - 1);
  const meta = fc.record({
    layoutVersion: u32,
    firewallVersion: u32,
    generation: fc.bigInt(0n, 2n ** 64n - 1n),
    cgroupId: fc.bigInt(0n, 2n ** 64n - 1n),
    pid: fc.option(fc.integer({ min: 1, max: 2 ** 22 }), { nil: undefined }),
    slot: fc.option(fc.nat(SLOTS - 1), { nil: undefined }),
    revision: fc.stringMatching(/^[0-9a-z]{0,64}$/),
  });
  fc.assert(
    fc.property(meta, (value) => {
      expect(decodeMeta(encodeMeta(value))).toEqual(value);
    }),
  );
  const long = { ...decodeMeta(Buffer.alloc(96)), revision: "x".repeat(65) };
  expect(() => encodeMeta(long)).toThrow("at most 64 bytes");
});

test("numbers that everybody knows", () => {
  const numbersOf = (name: string) => [SYSCALL_NUMBERS.x86_64.get(name), SYSCALL_NUMBERS.arm64.get(name)];
  expect(["read", "openat", "getppid", "clone3", "openat2", "open"].map(numbersOf)).toEqual([
    [0, 63],
    [257, 56],
    [110, 173],
    [435, 435],
    [437, 437],
    [2, undefined],
  ]);
});

test.runIf(process.platform === "linux" && process.arch === "x64")(
  "x86_64's numbers are those of the system's header",
  () => {
    const header = "/usr/include/x86_64-linux-gnu/asm/unistd_64.h";
    const text = readFileSync(header, "utf8");
    const listed = [...text.matchAll(/^#define __NR_(\w+) (\d+)$/gm)].map(
      ([, name = "", number]) => [name, Number(number)] as const,
    );
    expect(listed.length).toBeGreaterThan(300);
    for (const [name, number] of listed) expect([name, SYSCALL_NUMBERS.x86_64.get(name)]).toEqual([name, number]);
  },
);
