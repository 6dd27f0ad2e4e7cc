/**
 * What the queue is built of, against sorted arrays:
 *
 * - A heap hands out its items in order, whatever was taken out of its middle.
 * - A list keeps the order of pushes, whatever was taken out of its middle, and lets go of what it gave away.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { Heap, type HeapItem } from "../../src/queue/heap.ts";
import { type Linked, LinkedList } from "../../src/queue/linked-list.ts";

interface Node extends HeapItem, Linked<Node> {
  readonly value: number;
}

const nodeOf = (value: number): Node => ({ value, heapIndex: -1, prev: undefined, next: undefined });
// Enough of them that an item is taken from under one branch of the heap and replaced by one from under another.
const valuesAndDrops = fc.array(fc.record({ value: fc.integer(), dropped: fc.boolean() }), {
  maxLength: 100,
  size: "max",
});

test("a heap hands out in order what is left in it", () => {
  fc.assert(
    fc.property(valuesAndDrops, (input) => {
      const heap = new Heap<Node>((a, b) => a.value < b.value);
      const nodes = input.map(({ value }) => nodeOf(value));
      for (const node of nodes) heap.push(node);
      for (const [i, node] of nodes.entries()) if (input[i]?.dropped) heap.remove(node);
      const out: number[] = [];
      for (let top = heap.peek(); top !== undefined; top = heap.peek()) {
        heap.remove(top);
        out.push(top.value);
      }
      const left = input.filter(({ dropped }) => !dropped).map(({ value }) => value);
      expect(out).toEqual(left.sort((a, b) => a - b));
      expect(nodes.every((node) => node.heapIndex === -1)).toBe(true);
    }),
  );
});

test("a heap does not mind an item that it does not hold", () => {
  const heap = new Heap<Node>((a, b) => a.value < b.value);
  heap.push(nodeOf(1));
  heap.remove(nodeOf(0));
  expect(heap.size).toBe(1);
});

test("a list keeps the order of what is left in it", () => {
  fc.assert(
    fc.property(valuesAndDrops, (input) => {
      const list = new LinkedList<Node>();
      const nodes = input.map(({ value }) => nodeOf(value));
      for (const node of nodes) list.push(node);
      const dropped = nodes.filter((_, i) => input[i]?.dropped);
      for (const node of dropped) list.remove(node);
      const left = input.filter((item) => !item.dropped).map(({ value }) => value);
      expect([...list].map((node) => node.value)).toEqual(left);
      expect(list.size).toBe(left.length);
      expect(dropped.every((node) => node.prev === undefined && node.next === undefined)).toBe(true);
      const shifted = left.map(() => list.shift()?.value);
      expect([shifted, list.shift(), list.head]).toEqual([left, undefined, undefined]);
    }),
  );
});
