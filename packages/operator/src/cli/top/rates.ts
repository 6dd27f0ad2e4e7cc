import type { LivePage, LivePod, LivePort } from "../../ebpf/agent/live-page.ts";

/** What a Pod did between two looks; all rates a second. */
export interface PodRates {
  readonly namespace: string;
  readonly name: string;
  readonly node: string;
  readonly pid?: number;
  /** `undefined` where its system calls are not counted. */
  readonly syscalls?: { readonly perSecond: number; readonly busiest: readonly CallRate[] };
  /** `undefined` where it has no firewall. */
  readonly packets?: {
    readonly allowedPerSecond: number;
    readonly blockedPerSecond: number;
    /** Those whose headers could not be followed: neither allowed nor blocked by a port. */
    readonly unparsablePerSecond: number;
  };
  /** Where most was blocked, most first: of late, then ever. */
  readonly blockedPorts: readonly PortRate[];
}

export interface CallRate {
  readonly name: string;
  readonly perSecond: number;
}

export interface PortRate extends Omit<LivePort, "count"> {
  readonly perSecond: number;
  /** Since the Pod is guarded. */
  readonly total: number;
}

/** How many calls and ports are named of a Pod. */
const NAMED = 5;

/**
 * What the Pods of a node did between two pages of its agent, the busiest first. A Pod that was not there the first time is not
 * shown: nothing is known of its rates. Nor is one whose agent restarted between, which has another clock.
 */
export const ratesBetween = (before: LivePage, after: LivePage): readonly PodRates[] => {
  const seconds = (after.at - before.at) / 1_000;
  if (seconds <= 0) return [];
  const known = new Map(before.pods.map((pod) => [pod.uid, pod]));
  return after.pods.flatMap((pod) => {
    const old = known.get(pod.uid);
    return old === undefined ? [] : [podRates(old, pod, { seconds, node: after.node })];
  });
};

const podRates = (old: LivePod, pod: LivePod, { seconds, node }: { seconds: number; node: string }): PodRates => {
  const { namespace, name, pid } = pod;
  // Counters do not go back; those of a Pod whose counting began anew would.
  const rate = (was: number | undefined, is: number | undefined) => Math.max((is ?? 0) - (was ?? 0), 0) / seconds;
  return {
    namespace,
    name,
    node,
    ...(pid !== undefined && { pid }),
    ...(pod.syscalls && { syscalls: callRates(old.syscalls ?? {}, pod.syscalls, rate) }),
    ...(pod.firewall && { packets: packetRates(old, pod.firewall, rate) }),
    blockedPorts: portRates(old.firewall?.blockedPorts ?? [], pod.firewall?.blockedPorts ?? [], rate),
  };
};

type Rate = (was: number | undefined, is: number | undefined) => number;

const callRates = (
  old: NonNullable<LivePod["syscalls"]>,
  now: NonNullable<LivePod["syscalls"]>,
  rate: Rate,
): NonNullable<PodRates["syscalls"]> => {
  const all = Object.entries(now).map(([name, count]) => ({ name, perSecond: rate(old[name], count) }));
  const busiest = all
    .filter(({ perSecond }) => perSecond > 0)
    .sort((a, b) => b.perSecond - a.perSecond || byName(a, b));
  return { perSecond: all.reduce((sum, { perSecond }) => sum + perSecond, 0), busiest: busiest.slice(0, NAMED) };
};

const byName = (a: { readonly name: string }, b: { readonly name: string }): number => (a.name < b.name ? -1 : 1);

const packetRates = (
  { firewall: old }: LivePod,
  { ingress, egress, unparsable }: NonNullable<LivePod["firewall"]>,
  rate: Rate,
): NonNullable<PodRates["packets"]> => {
  const both = (verdict: "allowed" | "blocked") =>
    rate(old?.ingress[verdict], ingress[verdict]) + rate(old?.egress[verdict], egress[verdict]);
  return {
    allowedPerSecond: both("allowed"),
    blockedPerSecond: both("blocked"),
    unparsablePerSecond:
      rate(old?.unparsable.ingress, unparsable.ingress) + rate(old?.unparsable.egress, unparsable.egress),
  };
};

const portRates = (old: readonly LivePort[], now: readonly LivePort[], rate: Rate): readonly PortRate[] => {
  const keyOf = ({ direction, protocol, port }: LivePort) => `${direction} ${protocol} ${port}`;
  const known = new Map(old.map((port) => [keyOf(port), port.count]));
  return now
    .map(({ count, ...port }) => ({
      ...port,
      perSecond: rate(known.get(keyOf({ ...port, count })), count),
      total: count,
    }))
    .sort((a, b) => b.perSecond - a.perSecond || b.total - a.total || a.port - b.port)
    .slice(0, NAMED);
};

/** Whoever does most comes first; blocked packets before everything, since somebody should look. */
export const busiestFirst = (pods: readonly PodRates[]): readonly PodRates[] =>
  [...pods].sort(
    (a, b) =>
      (b.packets?.blockedPerSecond ?? 0) - (a.packets?.blockedPerSecond ?? 0) ||
      (b.syscalls?.perSecond ?? 0) - (a.syscalls?.perSecond ?? 0) ||
      (b.packets?.allowedPerSecond ?? 0) - (a.packets?.allowedPerSecond ?? 0) ||
      (`${a.namespace}/${a.name}` < `${b.namespace}/${b.name}` ? -1 : 1),
  );
