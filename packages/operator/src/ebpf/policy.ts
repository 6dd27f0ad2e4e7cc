import type { Pod } from "kubernetes-types/core/v1.d.ts";
import { type ParsedConfig, selects } from "../podconfigmap/config.ts";
import { hasEnded } from "./pod-phase.ts";
import { conflicts } from "./policy-conflicts.ts";
import { firewallPolicy } from "./policy-firewall.ts";
import { type PolicyProblem, refusal, runtimeProblems, specProblems } from "./policy-problems.ts";
import { revisionOf } from "./policy-revision.ts";
import { asks, isEnabled, updateIntervalOf } from "./policy-sections.ts";
import { syscallPolicy } from "./policy-syscalls.ts";
import type { PortBitmap } from "./port-bitmap.ts";
import type { Architecture } from "./syscalls-table.ts";

/** The ports of one protocol that are open. Bitmaps are never changed once they are in a policy: they may be shared. */
export interface PortVerdicts {
  /** What every PodConfigMapConfig in mode `enforce` allows; all ports where there is none. */
  readonly enforced: PortBitmap;
  /** What every PodConfigMapConfig in mode `audit` allows; all ports where there is none. */
  readonly audited: PortBitmap;
}

/** Traffic in one direction. Today's API has one list of ports for both protocols. */
export interface DirectionPolicy {
  readonly tcp: PortVerdicts;
  readonly udp: PortVerdicts;
}

export interface FirewallPolicy {
  /** By the Pod's own port; `undefined` = nothing that comes to the Pod is judged. */
  readonly ingress: DirectionPolicy | undefined;
  /** By the other side's port; `undefined` = nothing that the Pod sends is judged. */
  readonly egress: DirectionPolicy | undefined;
  /** Whether TCP connections that stand already are judged anew when the policy changes. */
  readonly established: "keep" | "enforce";
  /** The Pod's TCP ports that its probes and lifecycle hooks use, sorted: always open to the node's addresses. */
  readonly probePorts: readonly number[];
}

export interface SyscallPolicy {
  /** Names as the kernel of this architecture has them, variants included, sorted, none twice; `"all"` = all there are. */
  readonly calls: "all" | readonly string[];
}

/** What all PodConfigMapConfigs that select a Pod ask the kernel for, as one. */
export interface PodPolicy {
  readonly syscalls: SyscallPolicy | undefined;
  readonly firewall: FirewallPolicy | undefined;
  /** `updateInterval` in milliseconds, the shortest that is asked for. `undefined` = counted, but not exported. */
  readonly exported: { readonly updateInterval: number } | undefined;
  /** `block` when any of the sources says so. */
  readonly onFailure: "allow" | "block";
  /** A short hash of `syscalls` and `firewall`: what is in the kernel is up to date exactly when it has the same. */
  readonly revision: string;
  /** The PodConfigMapConfigs that ask for something in the kernel, by name. */
  readonly sources: readonly { readonly name: string; readonly generation: number }[];
  /** Where it is not, or not just, what the sources ask for. One that is `refused` keeps the Pod's condition from True. */
  readonly problems: readonly PolicyProblem[];
  /**
   * Whether anything is asked for: the Pod has the condition then. Not for a Pod that has ended. A terminating Pod still takes
   * traffic, so it keeps its policy until it is gone.
   */
  readonly applies: boolean;
}

export interface PodPolicyOptions {
  /** Of the Pod's node. */
  readonly architecture: Architecture;
}

/**
 * The policy of `pod` under `configs`, all PodConfigMapConfigs of its namespace in any order.
 *
 * System calls: the union of what is asked for. Firewall: a packet must be allowed by each PodConfigMapConfig that has one;
 * within one, blockedPorts win over allowedPorts, and these over defaultAction. The Pod's own network only: with hostNetwork
 * the firewall is refused whole, since it would judge the node's traffic; its system calls are counted like any other's.
 */
export const podPolicy = (
  pod: Pod,
  configs: readonly ParsedConfig[],
  { architecture }: PodPolicyOptions,
): PodPolicy => {
  const selecting = hasEnded(pod) ? [] : configs.filter((config) => selects(config, pod.metadata?.labels)).sort(byName);
  const sources = selecting.filter(asks);
  const refused = sources.flatMap((config) => refusal(config, pod) ?? []);
  const syscalls = syscallPolicy(sources, architecture);
  const firewall = pod.spec?.hostNetwork ? undefined : firewallPolicy(sources, pod);
  return {
    syscalls,
    firewall,
    exported: sources.length > 0 ? exportOf(selecting) : undefined,
    onFailure: sources.some(({ spec }) => spec.ebpf?.onFailure === "block") ? "block" : "allow",
    revision: revisionOf({ syscalls, firewall }),
    sources: sources.map(({ name, generation }) => ({ name, generation })),
    problems: [
      ...refused,
      ...selecting.flatMap((config) => specProblems(config, [architecture])),
      ...(pod.spec?.hostNetwork ? [] : conflicts(sources)),
      ...runtimeProblems(sources, pod),
    ],
    applies: sources.length > 0,
  };
};

const byName = (a: ParsedConfig, b: ParsedConfig): number => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);

const exportOf = (configs: readonly ParsedConfig[]): PodPolicy["exported"] => {
  const intervals = configs.flatMap(({ spec }) => {
    const section = spec.ebpf?.metricsExport;
    return isEnabled(section) ? [updateIntervalOf(section)] : [];
  });
  return intervals.length === 0 ? undefined : { updateInterval: Math.min(...intervals) };
};
