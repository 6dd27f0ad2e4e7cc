import { ENOMEM } from "./errno.ts";
import { BpfError } from "./errors.ts";
import { lastErrno, native, type Pointer } from "./native.ts";
import { perCpuStride, possibleCpus } from "./per-cpu.ts";
import { isPerCpu, mapTypeName } from "./types.ts";

/** What a map's keys and values take; what the kernel keeps beside them is not in it. */
const contentBytes = (map: Pointer): number => {
  const { libbpf } = native();
  const type = mapTypeName(libbpf.bpf_map__type(map));
  const entries = libbpf.bpf_map__max_entries(map);
  // The ring's size in bytes stands where other maps have their entries.
  if (type === "ringbuf" || type === "user_ringbuf") return entries;
  const value = perCpuStride(libbpf.bpf_map__value_size(map));
  return (libbpf.bpf_map__key_size(map) + value * (isPerCpu(type) ? possibleCpus() : 1)) * entries;
};

/** @throws BpfError `ENOMEM` where the maps of an object would take more */
export const assertWithin = (limit: number, object: string, maps: readonly Pointer[]): void => {
  const bytes = maps.map(contentBytes).reduce((sum, size) => sum + size, 0);
  if (bytes <= limit) return;
  const hint = `its maps take ${bytes} bytes, the memory limit is ${limit}`;
  throw new BpfError({ operation: "load object", subject: object, errno: ENOMEM, hint });
};

const RLIMIT_MEMLOCK = 8;

/** Raises RLIMIT_MEMLOCK to at least `bytes`. @throws BpfError `EPERM` beyond the hard limit without CAP_SYS_RESOURCE */
export const raiseMemlock = (bytes: number): void => {
  const { libc } = native();
  // struct rlimit { u64 soft, hard; }
  const limits = Buffer.alloc(16);
  const wanted = BigInt(bytes);
  libc.getrlimit(RLIMIT_MEMLOCK, limits);
  if (limits.readBigUInt64LE(0) >= wanted) return;
  limits.writeBigUInt64LE(wanted, 0);
  if (limits.readBigUInt64LE(8) < wanted) limits.writeBigUInt64LE(wanted, 8);
  if (libc.setrlimit(RLIMIT_MEMLOCK, limits) === 0) return;
  const hint = "the hard limit is lower: raise it where the process is started, or give it CAP_SYS_RESOURCE";
  throw new BpfError({ operation: "raise RLIMIT_MEMLOCK", errno: lastErrno(), hint });
};
