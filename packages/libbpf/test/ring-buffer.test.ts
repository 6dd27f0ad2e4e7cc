/**
 * Invariants:
 * - each record that was submitted is read once, in order, whatever wraps around; those discarded never;
 * - who waits is woken by a record, by the end of the signal and by the close;
 * - nothing of the ring buffer is left open after the close.
 */
import { expect, test } from "vitest";
import { BpfMap, ClosedError, openObject, RingBuffer } from "../src/index.ts";
import { onKernel, openFiles } from "./support/machine.ts";
import { testObjects, tracepointArguments } from "./support/objects.ts";

const object = testObjects("ring");

const open = () => {
  const stack = new DisposableStack();
  const ring = stack.use(openObject(object("ring")).load());
  const program = ring.program("emit");
  return {
    map: ring.map("events"),
    /** Has the program write numbers; whether it had room for each. */
    emit: (...numbers: number[]): boolean[] =>
      numbers.map((number) => program.testRun({ ctxIn: tracepointArguments(BigInt(number)) }).retval === 0),
    [Symbol.dispose]: () => stack.dispose(),
  };
};

/** The numbers in records, each of which must also hold their double. */
const numbers = (records: readonly Buffer[]): number[] =>
  records.map((record) => {
    expect(record).toHaveLength(16);
    expect(record.readBigUInt64LE(8)).toBe(record.readBigUInt64LE(0) * 2n);
    return Number(record.readBigUInt64LE(0));
  });

onKernel("a ring buffer", () => {
  test("gives each record once, in order, without those discarded", () => {
    using object = open();
    using ring = new RingBuffer(object.map);
    expect(ring.read()).toEqual([]);
    object.emit(0, 1, 2, 3, 4, 5, 6);
    expect(numbers(ring.read())).toEqual([0, 1, 3, 4, 6]);
    expect(ring.read()).toEqual([]);
  });

  test("gives no more than is asked for", () => {
    using object = open();
    using ring = new RingBuffer(object.map);
    object.emit(0, 1, 3);
    expect(numbers(ring.read(2))).toEqual([0, 1]);
    expect(numbers(ring.read(2))).toEqual([3]);
  });

  test("goes round and round", () => {
    using object = open();
    using ring = new RingBuffer(object.map);
    // 24 bytes each in a ring of 4,096: 3,000 of them wrap around some 17 times, mostly within a record.
    const sent: number[] = [];
    const received: number[] = [];
    for (let number = 0; number < 3000; number += 1) {
      object.emit(number);
      if (number % 3 !== 2) sent.push(number);
      if (number % 97 === 0) received.push(...numbers(ring.read()));
    }
    received.push(...numbers(ring.read()));
    expect(received).toEqual(sent);
  });

  test("has room again once it was read", () => {
    using object = open();
    using ring = new RingBuffer(object.map);
    let fits = 0;
    while (object.emit(0)[0] === true) fits++;
    // 16 bytes each, and 8 before them.
    expect(fits).toBe(Math.floor(4096 / 24));
    expect(ring.read()).toHaveLength(fits);
    expect(object.emit(0)).toEqual([true]);
  });

  test("wakes who waits for a record", async () => {
    using object = open();
    using ring = new RingBuffer(object.map);
    const records = ring.records();
    const first = records.next();
    object.emit(9);
    const { value } = await first;
    expect(numbers(value === undefined ? [] : [value])).toEqual([9]);
    await records.return();
  });

  test("ends with its signal, whether it waits or not", async () => {
    using object = open();
    using ring = new RingBuffer(object.map);
    const controller = new AbortController();
    const waiting = ring.records(controller.signal).next();
    controller.abort();
    expect(await waiting).toEqual({ done: true, value: undefined });
    object.emit(1);
    expect(await ring.records(controller.signal).next()).toEqual({ done: true, value: undefined });
    expect(numbers(ring.read())).toEqual([1]);
  });

  test("ends when it is closed, and leaves nothing open", async () => {
    using object = open();
    const before = openFiles();
    const ring = new RingBuffer(object.map);
    const waiting = ring.records().next();
    ring[Symbol.dispose]();
    ring[Symbol.dispose]();
    expect(await waiting).toEqual({ done: true, value: undefined });
    expect(openFiles()).toBe(before);
    expect(() => ring.read()).toThrow(ClosedError);
  });

  test("is read though the object that it came from is closed", () => {
    const object = open();
    using ring = new RingBuffer(object.map);
    object.emit(3);
    object[Symbol.dispose]();
    expect(numbers(ring.read())).toEqual([3]);
  });

  test("is only made of a map of its type", () => {
    using map = BpfMap.create({ type: "array", name: "array", keySize: 4, valueSize: 4, maxEntries: 1 });
    expect(() => new RingBuffer(map)).toThrow(TypeError);
  });
});
