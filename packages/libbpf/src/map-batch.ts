import { EAGAIN, EINVAL, ENOENT, ENOSPC, ENOTSUPP, EOPNOTSUPP } from "./errno.ts";
import { BpfError } from "./errors.ts";
import { native } from "./native.ts";

/** A map as far as batches need to know it. */
export interface BatchShape {
  readonly fd: number;
  readonly name: string;
  readonly keySize: number;
  /** Bytes of one key's values, of all CPUs in a per-CPU map. */
  readonly valueBytes: number;
  readonly maxEntries: number;
}

/** Some entries, one after the other. */
export interface MapBatch {
  readonly count: number;
  /** `count` keys. */
  readonly keys: Buffer;
  /** `count` values; in a per-CPU map each of all CPUs. */
  readonly values: Buffer;
}

export interface BatchOptions {
  /** Entries to ask for at a time. Default 4096, or fewer where their values fill more than 1 MiB. */
  readonly size?: number | undefined;
  /** Delete what is read, in the same step (hash maps). Default false. */
  readonly take?: boolean | undefined;
}

const MEBIBYTE = 1 << 20;
// struct bpf_map_batch_opts { size_t sz; u64 elem_flags; u64 flags; }
const OPTIONS_SIZE = 24;

/** BPF_F_LOCK etc. of each element. */
const batchOptions = (elementFlags: number): Buffer => {
  const options = Buffer.alloc(OPTIONS_SIZE);
  options.writeBigUInt64LE(BigInt(OPTIONS_SIZE), 0);
  options.writeBigUInt64LE(BigInt(elementFlags), 8);
  return options;
};

/** One more than the map can hold, so that one call both reads all and comes to the end. */
const defaultSize = ({ keySize, valueBytes, maxEntries }: BatchShape): number =>
  Math.min(maxEntries + 1, 4096, Math.max(64, Math.floor(MEBIBYTE / (keySize + valueBytes))));

/** Whether an errno says that the kernel has no batches for a kind of map, rather than that something went wrong. */
export const isBatchUnsupported = (errno: number): boolean =>
  errno === ENOTSUPP || errno === EOPNOTSUPP || errno === EINVAL;

/** Reads a map batch by batch. Entries that come and go meanwhile may be seen or not; none is seen twice unless it moved. */
export function* lookupBatches(shape: BatchShape, options: BatchOptions = {}): Generator<MapBatch, void> {
  const { libbpf } = native();
  const call = options.take === true ? libbpf.bpf_map_lookup_and_delete_batch : libbpf.bpf_map_lookup_batch;
  const batch = batchOptions(0);
  const count = Buffer.alloc(4);
  // The kernel's place in the map: a bucket's number, or a key.
  let from: Buffer | null = null;
  let size = options.size ?? defaultSize(shape);
  for (;;) {
    const to = Buffer.alloc(Math.max(8, shape.keySize));
    const keys = Buffer.alloc(size * shape.keySize);
    const values = Buffer.alloc(size * shape.valueBytes);
    count.writeUInt32LE(size);
    const errno = -call(shape.fd, from, to, keys, values, count, batch);
    const read = count.readUInt32LE();
    if (errno === ENOSPC) {
      // A bucket holds more than a whole batch: nothing was read.
      size *= 2;
      continue;
    }
    if (errno > 0 && errno !== ENOENT) throw new BpfError({ operation: "lookup batch", subject: shape.name, errno });
    if (read > 0)
      yield {
        count: read,
        keys: keys.subarray(0, read * shape.keySize),
        values: values.subarray(0, read * shape.valueBytes),
      };
    if (errno === ENOENT) return;
    from = to;
  }
}

/** How many entries the kernel took. @throws BpfError with the entries before the failing one written */
export const updateBatch = (shape: BatchShape, entries: MapBatch, flags: number): void => {
  const count = Buffer.alloc(4);
  count.writeUInt32LE(entries.count);
  const { keys, values } = entries;
  const errno = -native().libbpf.bpf_map_update_batch(shape.fd, keys, values, count, batchOptions(flags));
  if (errno > 0) throw new BpfError({ operation: "update map", subject: shape.name, errno });
};

/** Deletes keys; how many there were. One that is missing ends the kernel's batch: it is left out and the rest goes on. */
export const deleteBatch = (shape: BatchShape, keys: Buffer): number => {
  const { libbpf } = native();
  const count = Buffer.alloc(4);
  let deleted = 0;
  let at = 0;
  const total = keys.length / shape.keySize;
  while (at < total) {
    count.writeUInt32LE(total - at);
    const rest = keys.subarray(at * shape.keySize);
    const errno = -libbpf.bpf_map_delete_batch(shape.fd, rest, count, batchOptions(0));
    const done = count.readUInt32LE();
    if (errno > 0 && errno !== ENOENT && errno !== EAGAIN)
      throw new BpfError({ operation: "delete batch", subject: shape.name, errno });
    deleted += done;
    at += errno === ENOENT ? done + 1 : done;
  }
  return deleted;
};
