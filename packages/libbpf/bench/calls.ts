/*
 * What a call costs, in nanoseconds: the median of many rounds, each of many calls. Needs Linux, root and clang.
 *
 *   node packages/libbpf/bench/calls.ts
 */
import { BpfMap, openObject, possibleCpus } from "../src/index.ts";
import { compile, temporaryFolder } from "../test/support/clang.ts";

const ROUNDS = 31;

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;

/** Nanoseconds of one call. */
const cost = (calls: number, call: () => void): number => {
  const rounds = Array.from({ length: ROUNDS }, () => {
    const start = process.hrtime.bigint();
    for (let round = 0; round < calls; round++) call();
    return Number(process.hrtime.bigint() - start) / calls;
  });
  return Math.round(median(rounds));
};

const measure = (file: string): readonly (readonly [what: string, nanoseconds: number])[] => {
  using hash = BpfMap.create({ type: "hash", name: "hash", keySize: 8, valueSize: 8, maxEntries: 8192 });
  using calls = BpfMap.create({ type: "percpu_array", name: "calls", keySize: 4, valueSize: 8, maxEntries: 512 });
  using counting = openObject(file).load();
  const key = Buffer.alloc(8);
  const value = Buffer.alloc(8);
  const packet = Buffer.alloc(64);
  hash.updateBatch(Array.from({ length: 4096 }, (_, index) => [BigInt(index), BigInt(index)] as const));
  const program = counting.program("egress");
  const load = (): void => {
    using _object = openObject(file).load();
  };
  return [
    ["getppid, for comparison: a system call that Node makes itself", cost(2000, () => void process.ppid)],
    ["lookup in a hash", cost(2000, () => void hash.lookup(key))],
    ["update of a hash", cost(2000, () => hash.update(key, value))],
    [
      "an entry of a hash of 4,096, one by one",
      cost(1, () => [...hash.keys()].map((each) => hash.lookup(each))) / 4096,
    ],
    ["an entry of a hash of 4,096, in batches", cost(1, () => void [...hash.entries()].length) / 4096],
    [`a per-CPU counter summed over ${possibleCpus()} CPUs`, cost(2000, () => void calls.sumPerCpu(7))],
    [`512 per-CPU counters summed over ${possibleCpus()} CPUs (sumArray)`, cost(20, () => void calls.sumArray())],
    ["testRun", cost(500, () => void program.testRun({ dataIn: packet }))],
    ["info of a program", cost(500, () => void program.info())],
    ["open and load an object of 4 programs and 5 maps", cost(1, load)],
  ];
};

using folder = temporaryFolder();
for (const [what, nanoseconds] of measure(compile("test/objects/counting.bpf.c", folder.path)))
  console.log(`${nanoseconds.toFixed(0).padStart(10)} ns  ${what}`);
