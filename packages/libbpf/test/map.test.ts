/**
 * Invariants:
 * - a hash map of the kernel behaves as a `Map` does, read one by one or in batches;
 * - no key or value of a wrong length gets to the kernel, which would read or write beyond it;
 * - a per-CPU map reads and writes a value of each possible CPU;
 * - each refusal is a `BpfError` with its errno and what to do.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { BpfError, BpfMap, ClosedError, mapFlags, openObject, possibleCpus } from "../src/index.ts";
import { onKernel } from "./support/machine.ts";
import { packet, testObjects, thrown } from "./support/objects.ts";

const object = testObjects("counting", "locked");

const hash = (maxEntries = 64): BpfMap =>
  BpfMap.create({ type: "hash", name: "test_hash", keySize: 4, valueSize: 8, maxEntries });

const u64 = (value: bigint): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes;
};

onKernel("a map", () => {
  test("is what it was created as", () => {
    using map = BpfMap.create({
      type: "lru_hash",
      name: "recent",
      keySize: 12,
      valueSize: 20,
      maxEntries: 100,
      flags: mapFlags.noCommonLru,
    });
    expect(map.info()).toEqual({
      type: 9,
      id: map.id,
      name: "recent",
      keySize: 12,
      valueSize: 20,
      maxEntries: 100,
      flags: mapFlags.noCommonLru,
    });
  });

  test("says what memory it takes", () => {
    using small = hash(1);
    using large = hash(10_000);
    expect(large.memoryBytes()).toBeGreaterThan(10_000 * 12);
    expect(small.memoryBytes()).toBeLessThan(large.memoryBytes());
  });

  test("reads and writes under the lock in its values", () => {
    using locked = openObject(object("locked")).load();
    const map = locked.map("locked");
    // struct { struct bpf_spin_lock lock; u32 number; }: the lock itself is neither read nor written.
    map.update(0, Buffer.from([9, 9, 9, 9, 5, 0, 0, 0]), { lock: true });
    expect(map.lookup(0, { lock: true })).toEqual(Buffer.from([0, 0, 0, 0, 5, 0, 0, 0]));
    map.updateBatch([[0, Buffer.from([9, 9, 9, 9, 6, 0, 0, 0])]], { lock: true });
    expect(map.lookup(0)?.readUInt32LE(4)).toBe(6);
  });

  test("looks up what was put, and nothing where nothing was", () => {
    using map = hash();
    map.update(1, 5n);
    expect(map.lookup(1)).toEqual(u64(5n));
    expect(map.lookup(2)).toBeUndefined();
    expect(map.delete(1)).toBe(true);
    expect(map.delete(1)).toBe(false);
    expect(map.lookup(1)).toBeUndefined();
  });

  test("takes an entry away as it reads it", () => {
    using map = hash();
    map.update(1, 5n);
    expect(map.take(1)).toEqual(u64(5n));
    expect(map.take(1)).toBeUndefined();
    using queue = BpfMap.create({ type: "queue", name: "queue", keySize: 0, valueSize: 4, maxEntries: 2 });
    queue.update(Buffer.alloc(0), 3);
    queue.update(Buffer.alloc(0), 4);
    expect([queue.take(Buffer.alloc(0)), queue.take(Buffer.alloc(0))].map((value) => value?.readUInt32LE())).toEqual([
      3, 4,
    ]);
    expect(queue.take(Buffer.alloc(0))).toBeUndefined();
  });

  test("creates only what is missing and replaces only what is there, when asked to", () => {
    using map = hash();
    expect(thrown(BpfError, () => map.update(1, 1n, { mode: "replace" })).code).toBe("ENOENT");
    map.update(1, 1n, { mode: "create" });
    expect(thrown(BpfError, () => map.update(1, 2n, { mode: "create" })).code).toBe("EEXIST");
    map.update(1, 2n, { mode: "replace" });
    expect(map.lookup(1)).toEqual(u64(2n));
  });

  test("says that it is full", () => {
    using map = hash(1);
    map.update(1, 1n);
    const error = thrown(BpfError, () => map.update(2, 2n));
    expect(error.code).toBe("E2BIG");
    expect(error.hint).toMatch(/full/);
  });

  test("refuses keys and values of another length before the kernel sees them", () => {
    using map = hash();
    for (const key of [Buffer.alloc(3), Buffer.alloc(5), 1n]) expect(() => map.lookup(key)).toThrow(RangeError);
    for (const value of [Buffer.alloc(7), 1]) expect(() => map.update(1, value)).toThrow(RangeError);
    expect(() => map.update(2 ** 32, 1n)).toThrow(RangeError);
    expect(() => map.updateBatch([[1, Buffer.alloc(9)]])).toThrow(RangeError);
    expect([...map.keys()]).toEqual([]);
  });

  test("needs a lock in the value to be read under one", () => {
    using map = hash();
    map.update(1, 1n);
    expect(thrown(BpfError, () => map.lookup(1, { lock: true })).code).toBe("EINVAL");
    expect(thrown(BpfError, () => map.update(1, 1n, { lock: true })).code).toBe("EINVAL");
  });

  test("cannot be written once it is frozen", () => {
    using map = hash();
    map.update(1, 1n);
    map.freeze();
    expect(thrown(BpfError, () => map.update(1, 2n)).code).toBe("EPERM");
    expect(map.lookup(1)).toEqual(u64(1n));
  });

  test("cannot be used once it is closed", () => {
    const map = hash();
    map[Symbol.dispose]();
    map[Symbol.dispose]();
    for (const use of [() => map.fd, () => map.lookup(1), () => map.clone(), () => [...map.keys()], () => map.info()])
      expect(use).toThrow(ClosedError);
  });

  test("behaves as a Map does", () => {
    const key = fc.integer({ min: 0, max: 40 });
    const step = fc.oneof(
      fc.record({ kind: fc.constant("set" as const), key, value: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }) }),
      fc.record({ kind: fc.constant("delete" as const), key }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        using map = hash();
        const model = new Map<number, bigint>();
        for (const each of steps)
          if (each.kind === "set") {
            map.update(each.key, each.value);
            model.set(each.key, each.value);
          } else expect(map.delete(each.key)).toBe(model.delete(each.key));
        const found = [...map.entries()].map(([at, value]) => [at.readUInt32LE(), value.readBigUInt64LE()] as const);
        expect(new Map(found)).toEqual(model);
        expect(new Set([...map.keys()].map((at) => at.readUInt32LE()))).toEqual(new Set(model.keys()));
      }),
      { numRuns: 50 },
    );
  });
});

onKernel("a batch", () => {
  const filled = (entries: number): BpfMap => {
    const map = hash(entries);
    map.updateBatch(Array.from({ length: entries }, (_, key) => [key, BigInt(key) * 3n] as const));
    return map;
  };

  test.each([1, 7, 64, 5000])("reads each of 1,000 entries once, %d at a time", (size) => {
    using map = filled(1000);
    const seen = new Map<number, bigint>();
    for (const { count, keys, values } of map.lookupBatch({ size }))
      for (let at = 0; at < count; at++) {
        expect(seen.has(keys.readUInt32LE(at * 4))).toBe(false);
        seen.set(keys.readUInt32LE(at * 4), values.readBigUInt64LE(at * 8));
      }
    expect(seen).toEqual(new Map(Array.from({ length: 1000 }, (_, key) => [key, BigInt(key) * 3n])));
  });

  test("reads nothing of an empty map", () => {
    using map = hash();
    expect([...map.lookupBatch()]).toEqual([]);
    map.updateBatch([]);
    expect(map.deleteBatch([])).toBe(0);
  });

  test("takes away what it reads", () => {
    using map = filled(100);
    const taken = [...map.lookupBatch({ take: true })].reduce((sum, { count }) => sum + count, 0);
    expect(taken).toBe(100);
    expect([...map.keys()]).toEqual([]);
  });

  test("deletes what is there of the keys that it is given", () => {
    using map = filled(10);
    expect(map.deleteBatch([0, 77, 1, 78, 79, 9])).toBe(3);
    expect([...map.keys()]).toHaveLength(7);
  });

  test("writes up to what the map has room for", () => {
    using map = hash(2);
    const error = thrown(BpfError, () => map.updateBatch([1, 2, 3].map((key) => [key, 1n] as const)));
    expect(error.code).toBe("E2BIG");
    expect([...map.keys()]).toHaveLength(2);
  });

  test("falls back to single reads where a type has no batches", () => {
    // A stack trace map, the type whose entries only programs write; queues have no keys at all.
    using map = BpfMap.create({ type: "cgroup_array", name: "no_batch", keySize: 4, valueSize: 4, maxEntries: 2 });
    expect(() => [...map.lookupBatch()]).toThrow(BpfError);
    expect([...map.keys()].map((key) => key.readUInt32LE())).toEqual([0, 1]);
  });
});

onKernel("a per-CPU map", () => {
  const each = <T>(make: (cpu: number) => T): T[] => Array.from({ length: possibleCpus() }, (_, cpu) => make(cpu));

  test("has a value of each possible CPU", () => {
    using map = BpfMap.create({ type: "percpu_hash", name: "cpus", keySize: 4, valueSize: 12, maxEntries: 4 });
    const values = each((cpu) => Buffer.alloc(12, cpu + 1));
    map.updatePerCpu(3, values);
    expect(map.lookupPerCpu(3)).toEqual(values);
    expect(map.lookupPerCpu(4)).toBeUndefined();
    expect(map.sumPerCpu.bind(map, 3)).toThrow(/no array of 64-bit counters/);
    expect(() => map.updatePerCpu(3, values.slice(1))).toThrow(RangeError);
  });

  test("is summed, one key or all", () => {
    using map = BpfMap.create({ type: "percpu_hash", name: "cpus", keySize: 4, valueSize: 16, maxEntries: 4 });
    for (const key of [1, 2])
      map.updatePerCpu(
        key,
        each((cpu) => Buffer.concat([u64(BigInt(cpu + key)), u64(10n)])),
      );
    const cpus = BigInt(possibleCpus());
    const first = (cpus * (cpus - 1n)) / 2n;
    expect(map.sumPerCpu(1)).toEqual(new BigUint64Array([first + cpus, 10n * cpus]));
    expect(map.sumPerCpu(9)).toBeUndefined();
    expect(new Map([...map.sums()].map(([key, sums]) => [key.readUInt32LE(), [...sums]]))).toEqual(
      new Map([1, 2].map((key) => [key, [first + BigInt(key) * cpus, 10n * cpus]])),
    );
  });

  test("counts what a program counted", () => {
    using counting = openObject(object("counting")).load();
    counting.program("ingress").testRun({ dataIn: packet(), repeat: 321 });
    const sums = counting.map("counts").sumArray();
    expect(sums).toHaveLength(16);
    // Packets and bytes, without the Ethernet header.
    expect([...sums.subarray(0, 4)]).toEqual([321n, 321n * 50n, 0n, 0n]);
  });

  test("is not taken for another map, nor another map for it", () => {
    using map = hash();
    map.update(1, 1n);
    for (const use of [() => map.lookupPerCpu(1), () => map.sumPerCpu(1), () => map.sumArray(), () => [...map.sums()]])
      expect(use).toThrow(TypeError);
  });
});

onKernel("a map of maps", () => {
  test("holds the inner map that was set last", () => {
    using counting = openObject(object("counting")).load();
    const policies = counting.map("policies");
    const judge = () => counting.program("inner_value").testRun({ dataIn: packet() }).retval;
    expect(judge()).toBe(0);
    using allow = BpfMap.create({ type: "array", name: "allow", keySize: 4, valueSize: 4, maxEntries: 1 });
    allow.update(0, 1);
    policies.setInner(0, allow);
    expect(judge()).toBe(1);
    expect(policies.lookup(0)?.readUInt32LE()).toBe(allow.id);
    using block = BpfMap.create({ type: "array", name: "block", keySize: 4, valueSize: 4, maxEntries: 1 });
    policies.setInner(0, block);
    expect(judge()).toBe(0);
    policies.delete(0);
    expect(policies.lookup(0)).toBeUndefined();
  });

  test("keeps an inner map whose handle is closed", () => {
    using inner = BpfMap.create({ type: "array", name: "inner", keySize: 4, valueSize: 8, maxEntries: 1 });
    using outer = BpfMap.create({
      type: "hash_of_maps",
      name: "outer",
      keySize: 8,
      valueSize: 4,
      maxEntries: 4,
      inner,
    });
    const other = inner.clone();
    outer.setInner(7n, other);
    other[Symbol.dispose]();
    expect(outer.lookup(7n)?.readUInt32LE()).toBe(inner.id);
  });

  test("refuses an inner map that is not like its template", () => {
    using inner = BpfMap.create({ type: "array", name: "inner", keySize: 4, valueSize: 8, maxEntries: 1 });
    using outer = BpfMap.create({
      type: "array_of_maps",
      name: "outer",
      keySize: 4,
      valueSize: 4,
      maxEntries: 1,
      inner,
    });
    using other = BpfMap.create({ type: "array", name: "other", keySize: 4, valueSize: 16, maxEntries: 1 });
    const error = thrown(BpfError, () => outer.setInner(0, other));
    expect(error.code).toBe("EINVAL");
    expect(error.hint).toMatch(/template/);
  });
});
