/*
 * The values and keys of the programs' maps, as bpf/pcmc.h has them: both sides change together. x86_64 and arm64 are
 * little-endian, and so is everything here but what comes out of packets.
 */
import type { BlockedPort } from "./outcome.ts";
import type { DirectionPolicy, FirewallPolicy } from "./policy.ts";
import { isAllowed, mark, PORT_BITMAP_BYTES, type PortBitmap, uniform } from "./port-bitmap.ts";

/** Of everything here. Maps that another version has pinned are not taken over. */
export const LAYOUT_VERSION = 2;

/** Calls have numbers below this on both architectures. */
export const SYSCALLS = 512;
/** How many Pods of a node can have their calls counted at a time: slots are 0 to this - 1. */
export const SLOTS = 4096;
/** How many cgroups of those Pods can be told apart, nested ones included. */
export const MAX_CGROUPS = 16_384;
/** How many addresses of the node there is room for. */
export const MAX_NODE_ADDRESSES = 1024;

/** The maps of `firewall.bpf.o` of which each Pod has its own, by their names in it. */
export const FIREWALL_MAPS = {
  /** ARRAY_OF_MAPS of one: index 0 holds the ARRAY of one whose value is `encodePolicy`'s. Replacing that is one step. */
  policy: "policy",
  /** PERCPU_ARRAY of one; `decodeCounters`. */
  counters: "counters",
  /** ARRAY of buckets; `decodeBlockedPorts`. */
  blockedPorts: "blocked_ports",
  /** LRU_HASH: UDP peers that the Pod wrote to first. */
  udpRequests: "udp_requests",
  /** LRU_HASH: UDP peers that wrote to the Pod first. */
  udpGuests: "udp_guests",
  /** ARRAY of one: local ports that can have something in these two, and no others. */
  udpPorts: "udp_ports",
  /** SK_STORAGE: which side opened a TCP connection, and the last audit of it. Freed with the socket. */
  tcpFlows: "tcp_flows",
} as const;

/** HASH of `firewall.bpf.o` that all Pods of the node share: `parseAddress` of the node's addresses; a byte as value. */
export const NODE_ADDRESSES = "node_addresses";

/** The programs of `firewall.bpf.o`. */
export const FIREWALL_PROGRAMS = { ingress: "firewall_ingress", egress: "firewall_egress" } as const;

/** The maps of `syscalls.bpf.o`, by their names in it. There is one of each on a node. */
export const SYSCALL_MAPS = {
  /** ARRAY of one: union of all slots' masks. `encodeCallMask`. Each version of the programs has its own. */
  wanted: ".data.wanted",
  /** ARRAY of one: the version of the programs that counts. `encodeTurn`. */
  turn: ".data.turn",
  /** HASH: cgroup id (u64) -> slot (u32). Children of a cgroup in it are added and removed by the kernel side. */
  cgroups: "cgroups",
  /** ARRAY of `SLOTS`: what is counted for a slot. `encodeCallMask`. */
  slotCalls: "slot_calls",
  /** ARRAY_OF_MAPS of `SLOTS`: a PERCPU_ARRAY of one for each Pod. `decodeCallCounts`. */
  slotCounts: "slot_counts",
  /** ARRAY of `SLOTS`: how many nested cgroups found no room in `cgroups`, a u64. */
  slotLost: "slot_lost",
} as const;

/** The programs of `syscalls.bpf.o`: the name of the raw tracepoint of each. */
export const SYSCALL_PROGRAMS = {
  count_syscall: "sys_enter",
  inherit_cgroup: "cgroup_mkdir",
  forget_cgroup: "cgroup_rmdir",
} as const;

/** `BPF_F_NO_PREALLOC` of linux/bpf.h. */
const NO_PREALLOC = 1;

/** What the agent makes itself, beside what the objects define. Sizes in bytes. */
export const MAP_SHAPES = {
  policy: { type: "array", keySize: 4, valueSize: 73_744, maxEntries: 1 },
  callCounts: { type: "percpu_array", keySize: 4, valueSize: 8 * SYSCALLS, maxEntries: 1 },
  meta: { type: "array", keySize: 4, valueSize: 96, maxEntries: 1 },
  nodeAddresses: { type: "hash", keySize: 16, valueSize: 1, maxEntries: MAX_NODE_ADDRESSES, flags: NO_PREALLOC },
} as const;

const DIRECTIONS = ["ingress", "egress"] as const;
const LISTS = ["enforced", "audited"] as const;
const PROTOCOLS = ["tcp", "udp"] as const;
const VERDICTS = ["allowed", "blocked"] as const;
export type Direction = (typeof DIRECTIONS)[number];
export type Protocol = (typeof PROTOCOLS)[number];
type Verdict = (typeof VERDICTS)[number];

/** Key of the one entry of an array, and of a slot. */
export const encodeIndex = (index: number): Buffer => {
  const key = Buffer.alloc(4);
  key.writeUInt32LE(index);
  return key;
};

// ---- struct policy ----

const FLAG = { judges: 0, enforcesEstablished: 2, restricts: 8 } as const;
const PROBE_PORTS = 16;
const OPEN = PROBE_PORTS + PORT_BITMAP_BYTES;

/** What becomes a `struct policy`. */
export interface PolicyValue {
  readonly firewall: FirewallPolicy;
  /** 1 for a Pod's first, one more with each replacement. Its last bit chooses the counters. */
  readonly generation: bigint;
}

export const encodePolicy = ({ firewall, generation }: PolicyValue): Buffer => {
  const value = Buffer.alloc(MAP_SHAPES.policy.valueSize);
  value.writeBigUInt64LE(generation, 0);
  const probes = uniform("block");
  mark(probes, firewall.probePorts, "allow");
  value.set(probes, PROBE_PORTS);
  let flags = firewall.established === "enforce" ? 1 << FLAG.enforcesEstablished : 0;
  for (const [direction, name] of DIRECTIONS.entries()) {
    if (firewall[name] !== undefined) flags |= 1 << (FLAG.judges + direction);
    for (const [position, bitmap] of bitmapsOf(firewall[name]).entries()) {
      const index = direction * 4 + position;
      if (!opensAll(bitmap)) flags |= 1 << (FLAG.restricts + index);
      value.set(bitmap, OPEN + index * PORT_BITMAP_BYTES);
    }
  }
  value.writeUInt32LE(flags, 8);
  return value;
};

/** In the order of `open[list][protocol]`. */
const bitmapsOf = (policy: DirectionPolicy | undefined): readonly PortBitmap[] =>
  LISTS.flatMap((list) => PROTOCOLS.map((protocol) => policy?.[protocol][list] ?? uniform("allow")));

const opensAll = (bitmap: PortBitmap): boolean => bitmap.every((byte) => byte === 0xff);

/** Whether an encoded policy opens a port; for tests and for `bpftool`-like looks at what is in the kernel. */
export const opens = (value: Uint8Array, { direction, list, protocol, port }: PortQuestion): boolean => {
  const index = DIRECTIONS.indexOf(direction) * 4 + LISTS.indexOf(list) * 2 + PROTOCOLS.indexOf(protocol);
  const start = OPEN + index * PORT_BITMAP_BYTES;
  return isAllowed(value.subarray(start, start + PORT_BITMAP_BYTES), port);
};

export interface PortQuestion {
  readonly direction: Direction;
  readonly list: (typeof LISTS)[number];
  readonly protocol: Protocol;
  readonly port: number;
}

// ---- struct counters ----

/** Packets of one direction. `allowed + blocked` = `tcp + udp`: each verdict is in both pairs. */
export interface DirectionCounters {
  readonly allowed: bigint;
  readonly blocked: bigint;
  readonly tcp: bigint;
  readonly udp: bigint;
}

export interface FirewallCounters {
  readonly ingress: DirectionCounters;
  readonly egress: DirectionCounters;
  /** Packets whose IP headers cannot be followed to a protocol. They are in no other counter. */
  readonly unparsable: Readonly<Record<Direction, bigint>>;
  /** The same verdicts by the last bit of the generation of the policy that gave them. */
  readonly byGeneration: readonly [even: VerdictCounts, odd: VerdictCounts];
}

/** Such as `ingress.tcp.blocked`. */
export type VerdictCounts = Readonly<Record<Direction, Readonly<Record<Protocol, Readonly<Record<Verdict, bigint>>>>>>;

/** @param perCpu the values of all CPUs. */
export const decodeCounters = (perCpu: readonly Uint8Array[]): FirewallCounters => {
  const words = sums(perCpu, 18);
  const even = verdictCounts(words.slice(0, 8));
  const odd = verdictCounts(words.slice(8, 16));
  const of = (direction: Direction): DirectionCounters => {
    const sum = (protocol: Protocol, verdict: Verdict) =>
      even[direction][protocol][verdict] + odd[direction][protocol][verdict];
    const [tcpAllowed, tcpBlocked] = [sum("tcp", "allowed"), sum("tcp", "blocked")];
    const [udpAllowed, udpBlocked] = [sum("udp", "allowed"), sum("udp", "blocked")];
    return {
      allowed: tcpAllowed + udpAllowed,
      blocked: tcpBlocked + udpBlocked,
      tcp: tcpAllowed + tcpBlocked,
      udp: udpAllowed + udpBlocked,
    };
  };
  const unparsable = { ingress: words[16] ?? 0n, egress: words[17] ?? 0n };
  return { ingress: of("ingress"), egress: of("egress"), unparsable, byGeneration: [even, odd] };
};

const verdictCounts = (words: readonly bigint[]): VerdictCounts => {
  const of = (start: number) => ({ allowed: words[start] ?? 0n, blocked: words[start + 1] ?? 0n });
  return { ingress: { tcp: of(0), udp: of(2) }, egress: { tcp: of(4), udp: of(6) } };
};

/** Sums of `count` u64s over all CPUs. */
const sums = (perCpu: readonly Uint8Array[], count: number): readonly bigint[] => {
  const total = new Array<bigint>(count).fill(0n);
  for (const value of perCpu) {
    const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
    for (let index = 0; index < count; index++)
      total[index] = (total[index] ?? 0n) + view.getBigUint64(index * 8, true);
  }
  return total;
};

// ---- struct blocked_ports ----

/** Ports that a bucket tells apart. */
const PORTS_IN_BUCKET = 4;
const KEPT = 1 << 18;

/** @param bucket a value of `blocked_ports`. */
export const decodeBlockedPorts = (bucket: Uint8Array): readonly BlockedPort[] => {
  const view = new DataView(bucket.buffer, bucket.byteOffset, bucket.byteLength);
  return Array.from({ length: PORTS_IN_BUCKET }, (_, place) => place).flatMap((place) => {
    const word = view.getUint32(PORTS_IN_BUCKET * 8 + place * 4, true);
    if ((word & KEPT) === 0) return [];
    return {
      port: word & 0xffff,
      direction: ((word >> 16) & 1) === 0 ? "ingress" : "egress",
      protocol: ((word >> 17) & 1) === 0 ? "tcp" : "udp",
      count: view.getBigUint64(place * 8, true),
    };
  });
};

// ---- system calls ----

/** `struct call_mask` of these numbers. @throws RangeError for a number that is none. */
export const encodeCallMask = (numbers: Iterable<number>): Buffer => {
  const mask = Buffer.alloc(SYSCALLS / 8);
  for (const number of numbers) {
    const byte = Number.isInteger(number) ? mask[number >> 3] : undefined;
    if (byte === undefined) throw new RangeError(`${number} is no number of a system call`);
    mask[number >> 3] = byte | (1 << (number & 7));
  }
  return mask;
};

/** Calls by number, those that occurred. @param perCpu the values of all CPUs. */
export const decodeCallCounts = (perCpu: readonly Uint8Array[]): ReadonlyMap<number, bigint> => {
  const counts = new Map<number, bigint>();
  for (const value of perCpu) {
    const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
    for (let number = 0; number < SYSCALLS; number++) {
      const at = number * 8;
      // Most are 0, and each BigInt is an object.
      if (view.getUint32(at, true) === 0 && view.getUint32(at + 4, true) === 0) continue;
      counts.set(number, (counts.get(number) ?? 0n) + view.getBigUint64(at, true));
    }
  }
  return counts;
};

/** Which of the versions of the programs that are attached counts. */
export interface Turn {
  /** `Program.version`; 0 = none yet. */
  readonly version: number;
  /** Of all maps beside it. */
  readonly layoutVersion: number;
}

/** `struct turn`. */
export const encodeTurn = ({ version, layoutVersion }: Turn): Buffer => {
  const value = Buffer.alloc(8);
  value.writeUInt32LE(version, 0);
  value.writeUInt32LE(layoutVersion, 4);
  return value;
};

export const decodeTurn = (value: Uint8Array): Turn => {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  return { version: bytes.readUInt32LE(0), layoutVersion: bytes.readUInt32LE(4) };
};

/** Key of `cgroups`. @param id what `name_to_handle_at` gives; since Linux 5.5 the inode number of the folder too. */
export const encodeCgroupId = (id: bigint): Buffer => {
  const key = Buffer.alloc(8);
  key.writeBigUInt64LE(id);
  return key;
};

// ---- struct pod_meta ----

/** What a Pod's pinned map `meta` keeps over restarts of the agent. */
export interface PodMeta {
  readonly layoutVersion: number;
  /** `Program.version` of the firewall that is attached; 0 = none. */
  readonly firewallVersion: number;
  /** Of the policy in the map; 0 = none yet. */
  readonly generation: bigint;
  readonly cgroupId: bigint;
  /** Process of the Pod's first container, in the node's PID namespace. */
  readonly pid: number | undefined;
  /** Where its system calls are counted. */
  readonly slot: number | undefined;
  /** `PodPolicy.revision`; at most 64 bytes. */
  readonly revision: string;
}

/** @throws RangeError for a revision that does not fit. */
export const encodeMeta = (meta: PodMeta): Buffer => {
  const revision = Buffer.from(meta.revision, "utf8");
  if (revision.length > 64) throw new RangeError("a revision has at most 64 bytes");
  const value = Buffer.alloc(MAP_SHAPES.meta.valueSize);
  value.writeUInt32LE(meta.layoutVersion, 0);
  value.writeUInt32LE(meta.firewallVersion, 4);
  value.writeBigUInt64LE(meta.generation, 8);
  value.writeBigUInt64LE(meta.cgroupId, 16);
  value.writeUInt32LE(meta.pid ?? 0, 24);
  value.writeUInt32LE(meta.slot === undefined ? 0 : meta.slot + 1, 28);
  value.set(revision, 32);
  return value;
};

export const decodeMeta = (value: Uint8Array): PodMeta => {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  const [pid, slot] = [bytes.readUInt32LE(24), bytes.readUInt32LE(28)];
  const end = bytes.indexOf(0, 32);
  return {
    layoutVersion: bytes.readUInt32LE(0),
    firewallVersion: bytes.readUInt32LE(4),
    generation: bytes.readBigUInt64LE(8),
    cgroupId: bytes.readBigUInt64LE(16),
    pid: pid === 0 ? undefined : pid,
    slot: slot === 0 ? undefined : slot - 1,
    revision: bytes.toString("utf8", 32, end < 0 ? bytes.length : end),
  };
};
