import { readFileSync } from "node:fs";
import { bytesOf, type Cell } from "./cell.ts";
import { EINVAL, ENOENT } from "./errno.ts";
import { BpfError, check } from "./errors.ts";
import { type Descriptor, duplicate, ownedDescriptor } from "./handles.ts";
import { type MapInfo, mapInfo } from "./info.ts";
import {
  type BatchOptions,
  type BatchShape,
  deleteBatch,
  isBatchUnsupported,
  lookupBatches,
  type MapBatch,
  updateBatch,
} from "./map-batch.ts";
import {
  flagsOf,
  LOCK,
  type LookupOptions,
  type MapOptions,
  type OpenPinnedMapOptions,
  type UpdateOptions,
} from "./map-options.ts";
import { lastErrno, native } from "./native.ts";
import { addPerCpu, lanesOf, perCpuStride, possibleCpus, splitPerCpu } from "./per-cpu.ts";
import { openPin, type PinOptions, pin } from "./pin.ts";
import { isPerCpu, type MapType, mapTypeName, mapTypes } from "./types.ts";

/**
 * A map of the kernel's: of an object, created, or opened by its pin. Its methods throw {@link BpfError} for what the
 * kernel refuses, `RangeError` for a key or value of the wrong length, {@link ClosedError} after it was closed.
 *
 * Keys and values are bytes as the kernel has them; those that are returned are copies.
 */
export class BpfMap implements Disposable {
  readonly name: string;
  readonly id: number;
  /** `undefined`: newer than this library. */
  readonly type: MapType | undefined;
  readonly keySize: number;
  /** In a per-CPU map, of one CPU's value. */
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
  readonly #descriptor: Descriptor;
  /** What a lookup reads: in a per-CPU map the values of all CPUs. */
  readonly #valueBytes: number;

  /** Of a descriptor that is a map's. */
  constructor(descriptor: Descriptor, info: MapInfo = mapInfo(descriptor.fd())) {
    this.#descriptor = descriptor;
    this.name = info.name;
    this.id = info.id;
    this.type = mapTypeName(info.type);
    this.keySize = info.keySize;
    this.valueSize = info.valueSize;
    this.maxEntries = info.maxEntries;
    this.flags = info.flags;
    this.#valueBytes = this.perCpu ? perCpuStride(info.valueSize) * possibleCpus() : info.valueSize;
  }

  /** Makes a map that lives until it is closed and nothing else (pin, program) holds it. */
  static create({ type, name, keySize, valueSize, maxEntries, flags = 0, inner }: MapOptions): BpfMap {
    // struct bpf_map_create_opts { size_t sz; u32 btf_fd, btf_key_type_id, btf_value_type_id,
    // btf_vmlinux_value_type_id, inner_map_fd, map_flags; u64 map_extra; u32 numa_node, map_ifindex; }
    const options = Buffer.alloc(48);
    options.writeUInt32LE(options.length, 0);
    options.writeUInt32LE(inner?.fd ?? 0, 24);
    options.writeUInt32LE(flags, 28);
    const { libbpf } = native();
    const fd = libbpf.bpf_map_create(mapTypes[type], name, keySize, valueSize, maxEntries, options);
    return new BpfMap(ownedDescriptor("map", name, check(fd, "create map", name)));
  }

  /** @throws NotBpffsError; BpfError: `ENOENT` nothing is pinned there, `EINVAL` something else is */
  static openPinned(path: string, { access = "write", expect = {} }: OpenPinnedMapOptions = {}): BpfMap {
    const map = new BpfMap(ownedDescriptor("map", path, openPin(path, "map", access)));
    const differs = Object.entries(expect).find(([key, value]) => Reflect.get(map, key) !== value);
    if (differs === undefined) return map;
    const [key, value] = differs;
    const hint = `its ${key} is ${Reflect.get(map, key)}, not ${value}`;
    map[Symbol.dispose]();
    throw new BpfError({ operation: "open pinned", subject: path, errno: EINVAL, hint });
  }

  get fd(): number {
    return this.#descriptor.fd();
  }

  get perCpu(): boolean {
    return isPerCpu(this.type);
  }

  /** The value, of a per-CPU map all CPUs' ({@link lookupPerCpu} parts them); `undefined` where the key is missing. */
  lookup(key: Cell, { lock = false }: LookupOptions = {}): Buffer | undefined {
    const value = Buffer.alloc(this.#valueBytes);
    const bytes = bytesOf(key, this.keySize, "key");
    const result = native().libbpf.bpf_map_lookup_elem_flags(this.fd, bytes, value, lock ? LOCK : 0);
    if (result === -ENOENT) return undefined;
    check(result, "look up in map", this.name);
    return value;
  }

  /** Writes a value, of a per-CPU map that of all CPUs, each rounded up to 8 bytes. */
  update(key: Cell, value: Cell, options: UpdateOptions = {}): void {
    const keyBytes = bytesOf(key, this.keySize, "key");
    const valueBytes = bytesOf(value, this.#valueBytes, "value");
    const result = native().libbpf.bpf_map_update_elem(this.fd, keyBytes, valueBytes, flagsOf(options));
    check(result, "update map", this.name);
  }

  /** `false`: the key was not there. */
  delete(key: Cell): boolean {
    const result = native().libbpf.bpf_map_delete_elem(this.fd, bytesOf(key, this.keySize, "key"));
    if (result === -ENOENT) return false;
    check(result, "delete from map", this.name);
    return true;
  }

  /** Reads and deletes in one step: of hashes (Linux 5.14), queues and stacks, which have no key (`Buffer.alloc(0)`). */
  take(key: Cell): Buffer | undefined {
    const value = Buffer.alloc(this.#valueBytes);
    const bytes = bytesOf(key, this.keySize, "key");
    const keyOrNone = bytes.length === 0 ? null : bytes;
    const result = native().libbpf.bpf_map_lookup_and_delete_elem(this.fd, keyOrNone, value);
    if (result === -ENOENT) return undefined;
    check(result, "take from map", this.name);
    return value;
  }

  /** All keys, one call each. When one is deleted between two steps, a hash starts over: keys may come again. */
  *keys(): Generator<Buffer, void> {
    const { libbpf } = native();
    let previous: Buffer | null = null;
    for (;;) {
      const next: Buffer = Buffer.alloc(this.keySize);
      const result = libbpf.bpf_map_get_next_key(this.fd, previous, next);
      if (result === -ENOENT) return;
      check(result, "walk map", this.name);
      yield next;
      previous = next;
    }
  }

  /** All keys with their values: in batches where the kernel has them for this type of map, else one by one. */
  *entries(): Generator<readonly [key: Buffer, value: Buffer], void> {
    const width = this.#valueBytes;
    for (const { count, keys, values } of this.#batches())
      for (let at = 0; at < count; at++)
        yield [
          keys.subarray(at * this.keySize, (at + 1) * this.keySize),
          values.subarray(at * width, (at + 1) * width),
        ];
  }

  /** All entries, many with each call. Hashes and arrays: Linux 5.6, per-CPU arrays: 5.13; else `ENOTSUPP` or `EINVAL`. */
  lookupBatch(options: BatchOptions = {}): Generator<MapBatch, void> {
    return lookupBatches(this.#shape, options);
  }

  /**
   * Writes many entries with one call (Linux 5.6; 5.13 for per-CPU arrays), whether they are there or not: the kernel
   * knows no other mode here. Not atomic: those before a failure stay.
   */
  updateBatch(entries: Iterable<readonly [key: Cell, value: Cell]>, { lock = false }: LookupOptions = {}): void {
    const shape = this.#shape;
    const all = [...entries];
    if (all.length === 0) return;
    const keys = Buffer.concat(all.map(([key]) => bytesOf(key, shape.keySize, "key")));
    const values = Buffer.concat(all.map(([, value]) => bytesOf(value, shape.valueBytes, "value")));
    updateBatch(shape, { count: all.length, keys, values }, lock ? LOCK : 0);
  }

  /** Deletes many keys with one call (hashes; Linux 5.6). How many were there. */
  deleteBatch(keys: Iterable<Cell>): number {
    return deleteBatch(this.#shape, Buffer.concat([...keys].map((key) => bytesOf(key, this.keySize, "key"))));
  }

  /** Each possible CPU's value; `undefined` where the key is missing. */
  lookupPerCpu(key: Cell): Buffer[] | undefined {
    this.#assertPerCpu();
    const values = this.lookup(key);
    return values && splitPerCpu(values, this.valueSize);
  }

  /** Writes each possible CPU's value. */
  updatePerCpu(key: Cell, values: readonly Uint8Array[], options: UpdateOptions = {}): void {
    this.#assertPerCpu();
    if (values.length !== possibleCpus())
      throw new RangeError(`${values.length} values, not one for each of ${possibleCpus()} possible CPUs`);
    const all = Buffer.alloc(this.#valueBytes);
    values.forEach((value, cpu) => {
      all.set(bytesOf(value, this.valueSize, "value"), cpu * perCpuStride(this.valueSize));
    });
    this.update(key, all, options);
  }

  /** The CPUs' values added up, as 64-bit counters of which a value may hold several; `undefined` without the key. */
  sumPerCpu(key: Cell): BigUint64Array | undefined {
    this.#assertPerCpu();
    const lanes = lanesOf(this.valueSize);
    const values = this.lookup(key);
    return values && addPerCpu(values, lanes, possibleCpus());
  }

  /** All keys with their {@link sumPerCpu}. */
  *sums(): Generator<readonly [key: Buffer, sums: BigUint64Array], void> {
    this.#assertPerCpu();
    const lanes = lanesOf(this.valueSize);
    for (const [key, values] of this.entries()) yield [key, addPerCpu(values, lanes, possibleCpus())];
  }

  /** A whole per-CPU array added up: counter `lane` of index `i` at `i * valueSize / 8 + lane`. One call for many indexes. */
  sumArray(): BigUint64Array {
    if (this.type !== "percpu_array") throw new TypeError(`${this.name} is a ${this.type}, not a percpu_array`);
    const lanes = lanesOf(this.valueSize);
    const all = new BigUint64Array(this.maxEntries * lanes);
    // An array is read in the order of its indexes: each batch is one stretch of them.
    for (const { keys, values } of this.#batches())
      all.set(addPerCpu(values, lanes, possibleCpus()), keys.readUInt32LE() * lanes);
    return all;
  }

  /** Puts a map into a map of maps: programs see the old one or the new one, nothing between. */
  setInner(key: Cell, inner: BpfMap, options: UpdateOptions = {}): void {
    this.update(key, inner.fd, options);
  }

  /** From now on user space can only read it; for good. */
  freeze(): void {
    check(native().libbpf.bpf_map_freeze(this.fd), "freeze map", this.name);
  }

  /** Gives it a name on a BPF file system that keeps it alive. @throws NotBpffsError */
  pin(path: string, options?: PinOptions): void {
    pin(this.fd, path, options);
  }

  /** What the kernel counts for it, in bytes; before Linux 6.4 a rough figure for hashes. */
  memoryBytes(): number {
    const [, bytes] = /^memlock:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${this.fd}`, "utf8")) ?? [];
    return Number(bytes ?? 0);
  }

  info(): MapInfo {
    return mapInfo(this.fd);
  }

  /** A handle of its own to the same map: outlives the object that this one belongs to. */
  clone(): BpfMap {
    const fd = duplicate(this.fd);
    if (fd < 0) throw new BpfError({ operation: "duplicate", subject: this.name, errno: lastErrno() });
    return new BpfMap(ownedDescriptor("map", this.name, fd));
  }

  /** Closes the handle; a map of an object stays open until that is closed. Harmless when it is closed. */
  [Symbol.dispose](): void {
    this.#descriptor[Symbol.dispose]();
  }

  get #shape(): BatchShape {
    return {
      fd: this.fd,
      name: this.name,
      keySize: this.keySize,
      valueBytes: this.#valueBytes,
      maxEntries: this.maxEntries,
    };
  }

  *#batches(): Generator<MapBatch, void> {
    try {
      yield* this.lookupBatch();
      return;
    } catch (error) {
      // Only the first batch fails so: nothing was given out yet.
      if (!(error instanceof BpfError && isBatchUnsupported(error.errno))) throw error;
    }
    for (const keys of this.keys()) {
      const values = this.lookup(keys);
      if (values !== undefined) yield { count: 1, keys, values };
    }
  }

  #assertPerCpu(): void {
    if (!this.perCpu) throw new TypeError(`${this.name} is a ${this.type}, which has one value for all CPUs`);
  }
}
