import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { enforcing, firewallPolicy, list } from "../packages/operator/test/ebpf/support/firewall.ts";
import { testNode } from "../packages/operator/test/ebpf/support/node.ts";
import { policyOf } from "../packages/operator/test/ebpf/support/policies.ts";
import { ProbeBinary } from "./ebpf-probe.ts";
import { atLeast, type EbpfOptions, type Figure, told } from "./figure.ts";
import { median } from "./statistics.ts";

/** Of one round. */
const MILLISECONDS = 1000;
const PORT = 5201;

/** Between two Pods: processes in cgroups and network namespaces of their own. TEST-NET-2, RFC 5737. */
const ADDRESSES = ["198.51.100.1", "198.51.100.2"] as const;

/**
 * TCP throughput from one Pod to another, with the firewall on both of them and both ways, and without. Each round has
 * both, and compares the one with the other.
 */
export const measureThroughput = async ({ rounds }: EbpfOptions): Promise<Figure[]> => {
  await using node = testNode();
  await using enforcer = await node.open();
  using probe = new ProbeBinary();
  const pods = [node.pod("sender"), node.pod("receiver")] as const;
  const direction = enforcing(list({ allowed: [PORT] }));
  const firewall = firewallPolicy({ ingress: direction, egress: direction });
  const guard = async (parts: Parameters<typeof policyOf>[0]) => {
    for (const { pod } of pods) {
      const outcome = await enforcer.apply(pod, policyOf(parts));
      if (outcome.kind !== "applied") throw new Error(JSON.stringify(outcome));
    }
  };
  await using networks = await twoNetworks();
  await using sender = await probe.start({ cgroup: pods[0].cgroup, network: networks.pids[0] });
  await using receiver = await probe.start({ cgroup: pods[1].cgroup, network: networks.pids[1] });
  await receiver.ask("sink", PORT);
  const stream = async () => {
    const [bytes, nanoseconds] = await sender.ask("stream", ADDRESSES[1], PORT, MILLISECONDS);
    return (Number(bytes) * 8) / Number(nanoseconds);
  };
  await stream();
  const [without, guarded]: [number[], number[]] = [[], []];
  const measure = async (parts: Parameters<typeof policyOf>[0], rates: number[]) => {
    await guard(parts);
    rates.push(await stream());
  };
  for (let round = 0; round < rounds; round++) {
    // Each kind is first in every other round: whatever drifts, drifts for both.
    const kinds = [() => measure({}, without), () => measure({ firewall }, guarded)];
    for (const kind of round % 2 === 0 ? kinds : kinds.toReversed()) await kind();
  }
  const ratios = guarded.map((rate, round) => rate / (without[round] ?? Number.NaN));
  return [
    told("TCP between two Pods, without a firewall", median(without), "Gbit/s"),
    told("TCP between two Pods, with one on both", median(guarded), "Gbit/s"),
    atLeast("with by without, median of the rounds", median(ratios), 0.95),
  ];
};

interface Networks extends AsyncDisposable {
  readonly pids: readonly [number, number];
}

/** Two network namespaces with a cable between them. They go with the processes that hold them. */
const twoNetworks = async (): Promise<Networks> => {
  const holders = [hold(), hold()] as const;
  await Promise.all(holders.map(({ stdout }) => once(stdout, "data")));
  const pids = [holders[0].pid ?? 0, holders[1].pid ?? 0] as const;
  const within = (pid: number, ...words: readonly string[]) =>
    execFileSync("nsenter", [`--net=/proc/${pid}/ns/net`, "ip", ...words], { stdio: "pipe" });
  within(pids[0], "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", String(pids[1]));
  for (const [at, pid] of pids.entries()) {
    within(pid, "address", "add", `${ADDRESSES[at]}/24`, "dev", "eth0");
    for (const device of ["lo", "eth0"]) within(pid, "link", "set", "dev", device, "up");
  }
  return { pids, [Symbol.asyncDispose]: async () => void (await Promise.all(holders.map(end))) };
};

/** Says a word when it is in its namespace. */
const hold = () =>
  spawn("unshare", ["--net", "sh", "-c", "echo here; exec sleep 100000"], { stdio: ["ignore", "pipe", "inherit"] });

const end = async (child: ChildProcess): Promise<void> => {
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
};
