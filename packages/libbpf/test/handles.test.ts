/**
 * Invariants:
 * - every handle is listed from its opening to its close, also one that nobody can reach any more;
 * - closing frees the descriptor, once; a number that was reused is never closed by an old handle.
 */
import { expect, test } from "vitest";
import { BpfError, BpfMap, openHandles, openObject, RingBuffer } from "../src/index.ts";
import { inChild } from "./support/child.ts";
import { onKernel, openFiles } from "./support/machine.ts";
import { testObjects, thrown } from "./support/objects.ts";

const object = testObjects("counting", "refused", "ring");

const small = (name: string): BpfMap => BpfMap.create({ type: "array", name, keySize: 4, valueSize: 8, maxEntries: 1 });

onKernel("a handle", () => {
  test("is listed with what it is and where it was opened, until it is closed", () => {
    using map = small("listed");
    expect(openHandles()).toMatchObject([{ kind: "map", name: "listed", collected: false }]);
    expect(openHandles()[0]?.openedAt).toMatch(/handles\.test\.ts/);
    map[Symbol.dispose]();
    expect(openHandles()).toEqual([]);
  });

  test("is one for an object with all its maps and programs", () => {
    using counting = openObject(object("counting")).load();
    counting.map("counts");
    counting.program("egress");
    expect(openHandles()).toMatchObject([{ kind: "object", name: "counting" }]);
  });

  test("is closed once: an old one leaves another's descriptor alone", () => {
    const first = small("first");
    const { fd } = first;
    first[Symbol.dispose]();
    using second = small("second");
    expect(second.fd).toBe(fd);
    first[Symbol.dispose]();
    expect(second.info().name).toBe("second");
  });

  test("is freed by the ten thousand", () => {
    const before = openFiles();
    for (let round = 0; round < 10; round++) {
      using stack = new DisposableStack();
      for (let map = 0; map < 1000; map++) stack.use(small("many"));
      expect(openHandles()).toHaveLength(1000);
    }
    expect(openFiles()).toBe(before);
  });

  test("is left by nothing that fails", () => {
    const before = openFiles();
    for (let round = 0; round < 20; round++) {
      thrown(BpfError, () => {
        using refused = openObject(object("refused"));
        refused.load();
      });
      thrown(RangeError, () => openObject(object("counting"), { rodata: { missing: 1 } }));
      thrown(BpfError, () => openObject("/does/not/exist.o"));
      thrown(BpfError, () => small("a name that is longer than the kernel's fifteen characters, and has spaces"));
      using counting = openObject(object("counting")).load();
      thrown(BpfError, () => counting.program("egress").attachCgroup("/tmp"));
      thrown(BpfError, () => counting.program("on_call").attachRawTracepoint("missing"));
    }
    expect(openFiles()).toBe(before);
  });

  test("is left by no object that is opened and closed with a ring buffer on it", () => {
    const before = openFiles();
    for (let round = 0; round < 20; round++) {
      using opened = openObject(object("ring")).load();
      using ring = new RingBuffer(opened.map("events"));
      expect(ring.read()).toEqual([]);
    }
    expect(openFiles()).toBe(before);
  });

  test("that was lost stays listed, as collected", () => {
    expect(inChild("lost-handle", { via: [] }).answer).toEqual([{ kind: "map", name: "lost", collected: true }]);
  });
});
