/**
 * Invariants of the programs that count system calls, in the kernel:
 * - of a registered cgroup each wanted call is counted once, in every process and cgroup below it, and none of any other;
 * - two slots do not mix;
 * - 32-bit and x32 calls are not counted under the names of others;
 * - a cgroup is registered the moment it is made below one that is, and forgotten when it is removed.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmdirSync, statSync } from "node:fs";
import { BpfMap, type BpfObject, openObject } from "@pcmc/libbpf";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { cgroupMounts } from "../../src/ebpf/cgroup-mounts.ts";
import {
  decodeCallCounts,
  encodeCallMask,
  encodeCgroupId,
  encodeIndex,
  MAP_SHAPES,
  SYSCALL_MAPS,
  SYSCALL_PROGRAMS,
  SYSCALLS,
} from "../../src/ebpf/layout.ts";
import { readProgram } from "../../src/ebpf/programs.ts";
import { syscallNumber } from "../../src/ebpf/syscall-numbers.ts";
import { ARCHITECTURE } from "./support/architecture.ts";
import { Caller } from "./support/caller.ts";
import { noCgroups, type TestCgroups, testCgroups } from "./support/cgroups.ts";
import { noFirewall } from "./support/firewall.ts";

const number = (name: string): number => {
  const found = syscallNumber(name, ARCHITECTURE);
  if (found === undefined) throw new Error(`no ${name}`);
  return found;
};
const GETPPID = number("getppid");
const WRITEV = number("writev");
const EVERY = Array.from({ length: SYSCALLS }, (_, index) => index);

const caller = new Caller();
afterAll(() => caller[Symbol.dispose]());
const v1 = cgroupMounts(readFileSync("/proc/self/mountinfo", "utf8")).find(({ version }) => version === 1)?.path;

const unable = noFirewall ?? noCgroups ?? caller.unable;
describe.skipIf(unable)(`in the kernel${unable ? ` (skipped: ${unable})` : ""}`, () => {
  let cgroups: TestCgroups;
  let object: BpfObject;
  let stack: DisposableStack;
  beforeAll(() => {
    cgroups = testCgroups();
  });
  afterAll(() => cgroups?.[Symbol.asyncDispose]());
  beforeEach(() => {
    stack = new DisposableStack();
    object = stack.use(openObject(readProgram("syscalls", ARCHITECTURE).bytes, { name: "syscalls" })).load();
    for (const [program, tracepoint] of Object.entries(SYSCALL_PROGRAMS)) {
      stack.use(object.program(program).attachRawTracepoint(tracepoint));
    }
  });
  afterEach(() => stack.dispose());

  const map = (name: keyof typeof SYSCALL_MAPS): BpfMap => object.map(SYSCALL_MAPS[name]);
  const idOf = (path: string): bigint => statSync(path, { bigint: true }).ino;
  const slotOf = (path: string): number | undefined =>
    map("cgroups")
      .lookup(encodeCgroupId(idOf(path)))
      ?.readUInt32LE();
  const want = (calls: readonly number[]): void => map("wanted").update(encodeIndex(0), encodeCallMask(calls));

  /** Has the calls of a cgroup counted in a slot, and returns how to read them. */
  const monitor = (path: string, slot: number, calls: readonly number[]) => {
    const counts = stack.use(BpfMap.create({ ...MAP_SHAPES.callCounts, name: "call_counts" }));
    map("slotCounts").setInner(encodeIndex(slot), counts);
    map("slotCalls").update(encodeIndex(slot), encodeCallMask(calls));
    map("cgroups").update(encodeCgroupId(idOf(path)), encodeIndex(slot));
    return () => decodeCallCounts(counts.lookupPerCpu(encodeIndex(0)) ?? []);
  };
  let made = 0;
  const cgroup = () => cgroups.make(`pod${made++}`);

  test("a known number of calls counts exactly that, and calls that nobody asked for count nowhere", async () => {
    const path = cgroup();
    const counts = monitor(path, 7, [GETPPID]);
    want([GETPPID]);
    await caller.run(path, { calls: 12_345 });
    expect([...counts()]).toEqual([[GETPPID, 12_345n]]);
  });

  test("Pods do not mix, whatever the others ask for, and who is no Pod counts nowhere", async () => {
    const [one, two, none] = [cgroup(), cgroup(), cgroup()];
    const first = monitor(one, 0, [GETPPID]);
    const second = monitor(two, 4095, [WRITEV]);
    want([GETPPID, WRITEV]);
    await Promise.all([one, two, none].map((path, index) => caller.run(path, { calls: 1000 + index })));
    expect([...first()]).toEqual([[GETPPID, 1000n]]);
    expect([...second()]).toEqual([]);
  });

  test("a fork storm is counted to the last call", async () => {
    const path = cgroup();
    const counts = monitor(path, 1, [GETPPID]);
    want([GETPPID]);
    await caller.run(path, { calls: 100, forks: 300 });
    expect(counts().get(GETPPID)).toBe(30_100n);
  });

  test("a call that the union lacks is not counted, though its slot asks for it, until the union has it", async () => {
    const path = cgroup();
    const counts = monitor(path, 1, [GETPPID]);
    want([]);
    await caller.run(path, { calls: 10 });
    expect([...counts()]).toEqual([]);
    want([GETPPID]);
    await caller.run(path, { calls: 10 });
    expect(counts().get(GETPPID)).toBe(10n);
  });

  test("nothing is counted twice while programs of another version take over with the same maps", async () => {
    const path = cgroup();
    const counts = monitor(path, 2, [GETPPID]);
    want([GETPPID]);
    await caller.run(path, { calls: 100 });
    const { bytes } = readProgram("syscalls", ARCHITECTURE);
    const mapFds = Object.fromEntries(Object.values(SYSCALL_MAPS).map((name) => [name, object.map(name)]));
    stack.use(openObject(bytes, { name: "successor", mapFds })).load();
    await caller.run(path, { calls: 100 });
    expect(counts().get(GETPPID)).toBe(200n);
    expect(map("wanted").lookup(encodeIndex(0))).toEqual(encodeCallMask([GETPPID]));
  });

  test.runIf(process.arch === "x64")("32-bit and x32 calls are counted under no name", async () => {
    const path = cgroup();
    const counts = monitor(path, 3, EVERY);
    want(EVERY);
    try {
      await caller.run(path, { calls: 500, compat: 1000 });
    } catch (error) {
      // A kernel without 32-bit calls kills who makes one: then there is nothing to tell apart.
      expect(String(error)).toContain("SIGSEGV");
      return;
    }
    expect(counts().get(GETPPID)).toBe(500n);
    expect(counts().get(WRITEV)).toBeUndefined();
  });

  test("a cgroup below a registered one counts from its first call on, however deep, and is forgotten with its removal", async () => {
    const pod = cgroup();
    const counts = monitor(pod, 9, [GETPPID]);
    want([GETPPID]);
    const name = pod.slice(cgroups.root.length + 1);
    const deep = cgroups.make(`${name}/container/init.scope`);
    const other = cgroups.make("stranger");
    expect([slotOf(deep), slotOf(`${pod}/container`), slotOf(other)]).toEqual([9, 9, undefined]);
    await caller.run(deep, { calls: 77 });
    expect(counts().get(GETPPID)).toBe(77n);
    const ids = [idOf(deep), idOf(`${pod}/container`)];
    cgroups.remove(`${name}/container`);
    expect(ids.map((id) => map("cgroups").lookup(encodeCgroupId(id)))).toEqual([undefined, undefined]);
    expect(slotOf(pod)).toBe(9);
  });

  test.skipIf(v1 === undefined)(
    `a cgroup v1 folder whose id is taken for a Pod's is no Pod${v1 ? "" : " (skipped: no cgroup v1 here)"}`,
    () => {
      const folder = mkdtempSync(`${v1}/pcmc-test-`);
      const below = `${folder}/below`;
      try {
        map("cgroups").update(encodeCgroupId(idOf(folder)), encodeIndex(5));
        mkdirSync(below);
        const id = idOf(below);
        expect(map("cgroups").lookup(encodeCgroupId(id))).toBeUndefined();
        map("cgroups").update(encodeCgroupId(id), encodeIndex(5));
        rmdirSync(below);
        expect(map("cgroups").lookup(encodeCgroupId(id))).toEqual(encodeIndex(5));
      } finally {
        rmdirSync(folder);
      }
    },
  );
});
