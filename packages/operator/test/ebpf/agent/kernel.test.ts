/*
 * Invariants of getting hold of the kernel:
 * - A node that cannot do eBPF is told once for each reason, and tried again, ever more seldom, at the least every 30 s and a fifth.
 * - What an earlier agent left is taken over before anybody is told that the kernel side is there.
 * - Where what was pinned is gone, all is made anew, and what was before is held until that stands.
 * - Ending lets go of it, once; nothing is tried after that.
 */
import { type Logger, silentLogger } from "@pcmc/controller-runtime";
import { beforeEach, expect, test } from "vitest";
import { Kernel, type KernelSide } from "../../../src/ebpf/agent/kernel.ts";
import { EbpfUnavailable } from "../../../src/ebpf/unavailable.ts";
import { ManualClock } from "../support/manual-clock.ts";

let clock: ManualClock;
let tries: number[];
let events: string[];
let failure: Error | undefined;
let stop: AbortController;
let standing: boolean;

const side: KernelSide = {
  adopt: () => {
    events.push("adopt");
    return [];
  },
  apply: () => Promise.reject(new Error("not asked for")),
  release: () => {},
  sweep: () => [],
  readings: () => [],
  incomplete: () => [],
  get isStanding() {
    return standing;
  },
  runStats: () => ({ kind: "on", costs: [] }),
  onCgroup: () => ({ [Symbol.dispose]: () => {} }),
  [Symbol.asyncDispose]: async () => {
    events.push("let go");
  },
};

const log: Logger = { ...silentLogger, error: (message, fields) => events.push(`${message}: ${fields?.reason}`) };

const kernelOf = () => {
  const kernel = new Kernel({
    open: async () => {
      tries.push(clock.now());
      if (failure !== undefined) throw failure;
      return side;
    },
    clock,
    random: () => 0.5,
    log,
  });
  kernel.onChange(() =>
    events.push(kernel.enforcer === undefined ? `told ${kernel.failure?.reason}` : "told it works"),
  );
  return kernel;
};

const settled = () => new Promise((resolve) => setImmediate(resolve));

/** Lets `seconds` pass in short steps, so that what waits can go on. */
const pass = async (seconds: number): Promise<void> => {
  await settled();
  for (let step = 0; step < seconds * 20; step++) {
    clock.advance(50);
    await settled();
  }
};

beforeEach(() => {
  clock = new ManualClock();
  tries = [];
  events = [];
  failure = undefined;
  stop = new AbortController();
  standing = true;
});

test("before the first try has come to its end there is neither kernel side nor failure", async () => {
  const kernel = kernelOf();
  expect([kernel.enforcer, kernel.failure, kernel.trouble]).toEqual([
    undefined,
    undefined,
    "The agent has not looked at the kernel yet.",
  ]);
  await kernel.open(stop.signal);
  expect(kernel.trouble).toBeUndefined();
});

test("where eBPF works, what was left is taken over first, and then it is told", async () => {
  const kernel = kernelOf();
  await kernel.open(stop.signal);
  expect(kernel.enforcer).toBe(side);
  expect(events).toEqual(["adopt", "told it works"]);
});

test("a node without is told once, and tried ever more seldom", async () => {
  failure = new EbpfUnavailable({ reason: "BpffsNotMounted", message: "Mount it." });
  const kernel = kernelOf();
  const opening = kernel.open(stop.signal);
  await pass(200);
  expect(events).toEqual(["eBPF does not work on this node; trying again: BpffsNotMounted", "told BpffsNotMounted"]);
  expect(kernel.failure).toEqual({ reason: "BpffsNotMounted", message: "Mount it." });
  const pauses = tries.slice(1).map((time, i) => time - (tries[i] ?? 0));
  expect(pauses.slice(0, 3)).toEqual([550, 1_100, 2_200]);
  expect(Math.max(...pauses)).toBe(33_000);
  failure = undefined;
  await pass(40);
  await opening;
  expect(events.slice(2)).toEqual(["adopt", "told it works"]);
});

test("another reason is told anew, and what is no reason of ours as a fault of the kernel", async () => {
  failure = new EbpfUnavailable({ reason: "NotPermitted", message: "Give it BPF." });
  const kernel = kernelOf();
  const opening = kernel.open(stop.signal);
  await pass(1);
  failure = new Error("out of luck");
  await pass(5);
  expect(events.filter((event) => event.startsWith("told"))).toEqual(["told NotPermitted", "told KernelError"]);
  expect(kernel.failure?.message).toContain("out of luck");
  stop.abort();
  await opening;
});

test("nothing is tried once it is told to stop", async () => {
  failure = new EbpfUnavailable({ reason: "NoBtf", message: "Another kernel." });
  const opening = kernelOf().open(stop.signal);
  await pass(3);
  stop.abort();
  await opening;
  const before = tries.length;
  await pass(100);
  expect([tries.length, clock.timers]).toEqual([before, 0]);
});

test("where what was pinned is gone, that is told, all is made anew, and what was before is let go of after that", async () => {
  const kernel = kernelOf();
  await kernel.open(stop.signal);
  const kept = kernel.keep(stop.signal);
  await pass(60);
  expect(events.splice(0)).toEqual(["adopt", "told it works"]);
  standing = false;
  await pass(11);
  standing = true;
  expect(events.splice(0)).toEqual([
    "eBPF does not work on this node; trying again: PinsGone",
    "told PinsGone",
    "adopt",
    "told it works",
  ]);
  await pass(60);
  expect(events.splice(0)).toEqual(["let go"]);
  stop.abort();
  await kept;
  expect(clock.timers).toBe(0);
});

test("what could not be made anew before the end is let go of at the end", async () => {
  const kernel = kernelOf();
  await kernel.open(stop.signal);
  const kept = kernel.keep(stop.signal);
  failure = new EbpfUnavailable({ reason: "BpffsNotMounted", message: "Mount it." });
  standing = false;
  await pass(15);
  expect([kernel.failure?.reason, events.includes("let go")]).toEqual(["BpffsNotMounted", false]);
  stop.abort();
  await kept;
  expect(events.filter((event) => event === "let go")).toHaveLength(1);
});

test("the end lets go of it once", async () => {
  const kernel = kernelOf();
  await kernel.open(stop.signal);
  await kernel[Symbol.asyncDispose]();
  await kernel[Symbol.asyncDispose]();
  expect(kernel.enforcer).toBeUndefined();
  expect(events.filter((event) => event === "let go")).toHaveLength(1);
});
