import { agentMetrics, askAgent } from "./agent.ts";
import { type EbpfWorld, NAMESPACE } from "./ebpf-world.ts";
import { until } from "./until.ts";

/** What the firewall of a Pod has counted. */
export interface Verdicts {
  readonly allowed: number;
  readonly blocked: number;
  readonly tcp: number;
  readonly udp: number;
}

const STATS = ["allowed", "blocked", "tcp", "udp"] as const;

/** As the agent exports it now. */
export const verdictsOf = async ({ cluster }: EbpfWorld, pod: string): Promise<Verdicts> => {
  const samples = await agentMetrics(cluster);
  const of = (stat_type: string) =>
    samples.sum("ebpf_l4_firewall_total", { namespace: NAMESPACE, pod_name: pod, stat_type });
  return Object.fromEntries(STATS.map((stat) => [stat, of(stat)])) as unknown as Verdicts;
};

/** System calls of a Pod by name, as the agent exports them now. */
export const callsOf = async ({ cluster }: EbpfWorld, pod: string): Promise<ReadonlyMap<string, number>> => {
  const samples = (await agentMetrics(cluster)).of("ebpf_syscall_count_total", { namespace: NAMESPACE, pod_name: pod });
  return new Map(samples.map(({ labels, value }) => [labels.syscall ?? "", value]));
};

interface LivePage {
  readonly at: number;
  readonly pods: readonly {
    readonly namespace: string;
    readonly name: string;
    readonly syscalls?: Readonly<Record<string, number>>;
    readonly firewall?: { readonly ingress: Verdicts; readonly egress: Verdicts };
  }[];
}

/** What the kernel has counted for a Pod by now. What is exported may be as old as `updateInterval`. */
export interface Counted {
  readonly calls: ReadonlyMap<string, number>;
  readonly verdicts: Verdicts;
}

const NONE: Verdicts = { allowed: 0, blocked: 0, tcp: 0, udp: 0 };

/** Asks the agent's page for `pcmc top`, until it has read the counters after this call. */
export const countedBy = async ({ cluster }: EbpfWorld, pod: string): Promise<Counted> => {
  const page = async () => (await (await askAgent(cluster, "/ebpf")).json()) as LivePage;
  const { at } = await page();
  const { pods } = await until("a reading later than now", async () => {
    const later = await page();
    return later.at > at ? later : undefined;
  });
  const { syscalls = {}, firewall } = pods.find((one) => one.namespace === NAMESPACE && one.name === pod) ?? {};
  const { ingress = NONE, egress = NONE } = firewall ?? {};
  const verdicts = Object.fromEntries(STATS.map((stat) => [stat, ingress[stat] + egress[stat]])) as unknown as Verdicts;
  return { calls: new Map(Object.entries(syscalls)), verdicts };
};

/** Waits until what was counted since `before` is what was done: no more, no less. */
export const verdictsAre = (
  world: EbpfWorld,
  pod: string,
  { before, wanted }: { readonly before: Counted; readonly wanted: Verdicts },
): Promise<Verdicts> =>
  until(
    `${pod} has ${JSON.stringify(wanted)}`,
    async () => {
      const now = await verdictsOf(world, pod);
      const since = Object.fromEntries(STATS.map((stat) => [stat, now[stat] - before.verdicts[stat]]));
      if (STATS.every((stat) => since[stat] === wanted[stat])) return now;
      throw new Error(`since then it has ${JSON.stringify(since)}`);
    },
    20_000,
  );

/**
 * Waits until what was counted of some calls since `before` is what was made. To be sure that nothing is counted after that,
 * make one more call and wait again.
 */
export const callsAre = (
  world: EbpfWorld,
  pod: string,
  { before, wanted }: { readonly before: Counted; readonly wanted: Readonly<Record<string, number>> },
): Promise<ReadonlyMap<string, number>> =>
  until(
    `${pod} has ${JSON.stringify(wanted)}`,
    async () => {
      const now = await callsOf(world, pod);
      const since = Object.keys(wanted).map(
        (name) => [name, (now.get(name) ?? 0) - (before.calls.get(name) ?? 0)] as const,
      );
      if (since.every(([name, count]) => count === wanted[name])) return now;
      throw new Error(`since then it has ${JSON.stringify(Object.fromEntries(since))}`);
    },
    20_000,
  );
