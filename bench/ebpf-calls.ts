import { testNode } from "../packages/operator/test/ebpf/support/node.ts";
import { policyOf } from "../packages/operator/test/ebpf/support/policies.ts";
import { ProbeBinary } from "./ebpf-probe.ts";
import { atMost, type EbpfOptions, type Figure, told } from "./figure.ts";
import { median } from "./statistics.ts";

/** Calls in one round. */
const CALLS = 2_000_000;

/** How the process that makes the calls stands to what is counted. */
type Kind = "nothing attached" | "call that nobody counts" | "call that another Pod counts" | "call that is counted";

const KINDS: readonly Kind[] = [
  "nothing attached",
  "call that nobody counts",
  "call that another Pod counts",
  "call that is counted",
];

/**
 * What the counter adds to a system call: getppid, one of the cheapest there are. Each round brings the node's state about
 * with the agent's own code, and has a process in a Pod's cgroup make the calls.
 */
export const measureCalls = async ({ rounds }: EbpfOptions): Promise<Figure[]> => {
  await using node = testNode();
  await using enforcer = await node.open();
  using probe = new ProbeBinary();
  const [own, other] = [node.pod("own"), node.pod("other")];
  const count = async ({ pod }: typeof own, ...calls: readonly string[]) => {
    const outcome = await enforcer.apply(pod, policyOf(calls.length === 0 ? {} : { syscalls: { calls } }));
    if (outcome.kind !== "applied") throw new Error(JSON.stringify(outcome));
  };
  const bringAbout: Record<Kind, () => Promise<void>> = {
    "nothing attached": async () => {
      await count(own);
      await count(other);
    },
    "call that nobody counts": () => count(own, "getuid"),
    "call that another Pod counts": () => count(other, "getppid"),
    "call that is counted": () => count(own, "getppid"),
  };
  const times = new Map<Kind, number[]>(KINDS.map((kind) => [kind, []]));
  for (let round = 0; round < rounds; round++) {
    for (const kind of KINDS) {
      await bringAbout["nothing attached"]();
      await bringAbout[kind]();
      const [nanoseconds] = await probe.run({ cgroup: own.cgroup }, "time", "getppid", CALLS);
      times.get(kind)?.push(Number(nanoseconds) / CALLS);
    }
  }
  return figuresOf(times);
};

const figuresOf = (times: ReadonlyMap<Kind, readonly number[]>): Figure[] => {
  const of = (kind: Kind) => median(times.get(kind) ?? []);
  const plain = of("nothing attached");
  return [
    ...KINDS.map((kind) => told(`a system call, ${kind}`, of(kind), "ns")),
    told("added to a call that nobody counts", of("call that nobody counts") - plain, "ns"),
    atMost("the same, as a share of the call itself", (of("call that nobody counts") - plain) / plain, 0.9),
    told("added to a call that is counted", of("call that is counted") - plain, "ns"),
  ];
};
