import { existsSync } from "node:fs";
import { EBADF, EINVAL, ENOENT, EPERM } from "./errno.ts";
import { BpfError } from "./errors.ts";
import { ownedDescriptor } from "./handles.ts";
import { BpfMap } from "./map.ts";
import { isBatchUnsupported } from "./map-batch.ts";
import { listen } from "./messages.ts";
import { native } from "./native.ts";
import type { MapType } from "./types.ts";

// r0 = 1; exit
const instructions = Buffer.from("b7000000010000009500000000000000", "hex");
export const programTypes = { cgroup_skb: 8, raw_tracepoint: 17 } as const;
export type ProgramType = keyof typeof programTypes;

const BTF = "/sys/kernel/btf/vmlinux";

/** The kernel refuses permission before it says whether it knows a thing: that is no answer. */
const unlessForbidden = (operation: string, subject: string, errno: number): number => {
  if (errno === EPERM) throw new BpfError({ operation, subject, errno });
  return errno;
};

/** The smallest program that there is; its descriptor, or a negative errno. */
const loadSmallest = (type: ProgramType): number => {
  const load = () =>
    native().libbpf.bpf_prog_load(programTypes[type], "probe", "GPL", instructions, instructions.length / 8, null);
  return listen(load).result;
};

/** Whether the kernel loads programs of a type. @throws BpfError `EPERM`, with what is missing */
export const probeProgramType = (type: ProgramType): boolean => {
  const fd = loadSmallest(type);
  if (fd < 0) {
    unlessForbidden("load program", type, -fd);
    return false;
  }
  using _program = ownedDescriptor("program", "probe", fd);
  return true;
};

const isMapOfMaps = (type: MapType): boolean => type === "array_of_maps" || type === "hash_of_maps";

const smallMap = (type: MapType, inner?: BpfMap): BpfMap => {
  const small = { type, name: "probe", keySize: 4, valueSize: 4, maxEntries: 1, inner };
  if (type === "ringbuf" || type === "user_ringbuf")
    return BpfMap.create({ ...small, keySize: 0, valueSize: 0, maxEntries: 65_536 });
  if (type === "percpu_array" || type === "percpu_hash") return BpfMap.create({ ...small, valueSize: 8 });
  if (type === "lpm_trie") return BpfMap.create({ ...small, keySize: 8, flags: 1 });
  if (type === "queue" || type === "stack" || type === "bloom_filter") return BpfMap.create({ ...small, keySize: 0 });
  return BpfMap.create(small);
};

/** Map types that {@link probeMapType} can tell of: those that need nothing but sizes. */
export type ProbedMapType = Extract<
  MapType,
  | "hash"
  | "array"
  | "percpu_hash"
  | "percpu_array"
  | "lru_hash"
  | "lru_percpu_hash"
  | "lpm_trie"
  | "array_of_maps"
  | "hash_of_maps"
  | "queue"
  | "stack"
  | "bloom_filter"
  | "ringbuf"
  | "user_ringbuf"
>;

/** Whether the kernel makes maps of a type. @throws BpfError `EPERM`, with what is missing; `ENOMEM` */
export const probeMapType = (type: ProbedMapType): boolean => {
  try {
    using inner = isMapOfMaps(type) ? smallMap("array") : undefined;
    using _map = smallMap(type, inner);
    return true;
  } catch (error) {
    if (error instanceof BpfError && error.errno === EINVAL) return false;
    throw error;
  }
};

/** Whether many values of a map can be read with one call. @throws BpfError `EPERM` */
export const probeBatch = (type: "hash" | "array" | "percpu_hash" | "percpu_array"): boolean => {
  try {
    using map = smallMap(type);
    for (const _ of map.lookupBatch({ size: 1 })) break;
    return true;
  } catch (error) {
    if (error instanceof BpfError && (isBatchUnsupported(error.errno) || error.errno === ENOENT)) return false;
    throw error;
  }
};

/** Whether cgroup programs are attached by links. Asks for one at no cgroup: a kernel that knows links looks for it. */
export const probeCgroupLink = (): boolean => {
  const fd = loadSmallest("cgroup_skb");
  if (fd < 0) {
    unlessForbidden("load program", "cgroup_skb", -fd);
    return false;
  }
  using program = ownedDescriptor("program", "probe", fd);
  const errno = -native().libbpf.bpf_link_create(program.fd(), -1, 0, null);
  return unlessForbidden("attach to cgroup", "", errno) === EBADF;
};

/** Whether there are raw tracepoints. Asks for one of no program: a kernel that knows them looks for that. */
export const probeRawTracepoint = (): boolean => {
  const errno = -native().libbpf.bpf_raw_tracepoint_open("sys_enter", -1);
  return unlessForbidden("attach to raw tracepoint", "", errno) === EBADF;
};

/** Whether the kernel describes its types, which CO-RE needs. */
export const probeBtf = (): boolean => existsSync(BTF);
