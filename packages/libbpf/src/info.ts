import { check } from "./errors.ts";
import { addressOf, native } from "./native.ts";

/** What the kernel says of a program. */
export interface ProgramInfo {
  readonly type: number;
  readonly id: number;
  /** The first 15 characters. */
  readonly name: string;
  /** SHA-1 of the instructions, cut to 16 hex digits: the same for the same code. */
  readonly tag: string;
  /** Size of the machine code in bytes; 0 without a JIT compiler, or without permission to see it. */
  readonly jitedBytes: number;
  /** Since boot, in nanoseconds. */
  readonly loadedAtNs: bigint;
  /** Time in the program, in nanoseconds; counts while run statistics are on ({@link enableRunStatistics}; Linux 5.1). */
  readonly runTimeNs: bigint;
  readonly runCount: bigint;
  /** Runs that were left out because the program was running on that CPU already (Linux 5.12; else 0). */
  readonly recursionMisses: bigint;
  /** Instructions that the verifier looked at (Linux 5.16; else 0). */
  readonly verifiedInstructions: number;
}

/** What the kernel says of a map. */
export interface MapInfo {
  readonly type: number;
  readonly id: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
  readonly name: string;
}

/** What the kernel says of a link. */
export type LinkInfo = { readonly id: number; readonly programId: number } & (
  | {
      readonly type: "cgroup";
      /** Inode of the cgroup's folder, as in `stat`; 0 once the cgroup is gone or the link detached. */
      readonly cgroupId: bigint;
      readonly attachType: number;
    }
  | { readonly type: "raw_tracepoint"; readonly tracepoint: string }
  | { readonly type: "other"; readonly number: number }
);

// Sizes of the structures in linux/bpf.h up to the last field that is read. A kernel fills what it knows of them and
// leaves the rest zero; one that knows more takes these sizes.
const PROGRAM_INFO_SIZE = 224;
const MAP_INFO_SIZE = 80;
const LINK_INFO_SIZE = 32;

const text = (bytes: Buffer): string => bytes.toString("utf8", 0, (bytes.indexOf(0) + 1 || bytes.length + 1) - 1);

const read = (fd: number, info: Buffer, operation: string): Buffer => {
  const size = Buffer.alloc(4);
  size.writeUInt32LE(info.length);
  check(native().libbpf.bpf_obj_get_info_by_fd(fd, info, size), operation);
  return info;
};

export const programInfo = (fd: number): ProgramInfo => {
  const info = read(fd, Buffer.alloc(PROGRAM_INFO_SIZE), "read program info");
  return {
    type: info.readUInt32LE(0),
    id: info.readUInt32LE(4),
    tag: info.toString("hex", 8, 16),
    jitedBytes: info.readUInt32LE(16),
    loadedAtNs: info.readBigUInt64LE(40),
    name: text(info.subarray(64, 80)),
    runTimeNs: info.readBigUInt64LE(192),
    runCount: info.readBigUInt64LE(200),
    recursionMisses: info.readBigUInt64LE(208),
    verifiedInstructions: info.readUInt32LE(216),
  };
};

export const mapInfo = (fd: number): MapInfo => {
  const info = read(fd, Buffer.alloc(MAP_INFO_SIZE), "read map info");
  return {
    type: info.readUInt32LE(0),
    id: info.readUInt32LE(4),
    keySize: info.readUInt32LE(8),
    valueSize: info.readUInt32LE(12),
    maxEntries: info.readUInt32LE(16),
    flags: info.readUInt32LE(20),
    name: text(info.subarray(24, 40)),
  };
};

// enum bpf_link_type
const RAW_TRACEPOINT = 1;
const CGROUP = 3;

export const linkInfo = (fd: number): LinkInfo => {
  const info = read(fd, Buffer.alloc(LINK_INFO_SIZE), "read link info");
  const type = info.readUInt32LE(0);
  const common = { id: info.readUInt32LE(4), programId: info.readUInt32LE(8) };
  if (type === CGROUP)
    return { ...common, type: "cgroup", cgroupId: info.readBigUInt64LE(16), attachType: info.readUInt32LE(24) };
  if (type === RAW_TRACEPOINT) return { ...common, type: "raw_tracepoint", tracepoint: tracepointOf(fd) };
  return { ...common, type: "other", number: type };
};

/** The name goes to a buffer of ours, whose address is in the structure. */
const tracepointOf = (fd: number): string => {
  const name = Buffer.alloc(128);
  const info = Buffer.alloc(LINK_INFO_SIZE);
  info.writeBigUInt64LE(addressOf(name), 16);
  info.writeUInt32LE(name.length, 24);
  read(fd, info, "read link info");
  return text(name);
};
