import type { EbpfFailure } from "./failure.ts";
import type { ProgramType } from "./node-pod.ts";

/** What became of a policy. */
export type ApplyOutcome =
  /** All of the policy is in the kernel. `programs` is empty where nothing applies. */
  | { readonly kind: "applied"; readonly programs: readonly ProgramType[]; readonly revision: string }
  /** The Pod has no cgroup: it has not started, or has ended. `onCgroup` tells when it has one. */
  | { readonly kind: "waiting"; readonly failure: EbpfFailure }
  /**
   * Something failed: what `programs` names stands, what `failures` names does not. `retry` is false where trying again
   * cannot help before the Pod or the policy changes.
   */
  | {
      readonly kind: "failed";
      readonly programs: readonly ProgramType[];
      readonly failures: readonly ProgramFailure[];
      readonly retry: boolean;
    };

export interface ProgramFailure extends EbpfFailure {
  readonly program: ProgramType;
}

/** A Pod that an earlier process of ours left in the kernel. Its readings begin with the first `apply`, which names it. */
export interface AdoptedPod {
  readonly uid: string;
  /** The revision of the policy in the kernel; `undefined` where the earlier process ended in the middle of its work. */
  readonly revision: string | undefined;
  readonly programs: readonly ProgramType[];
}

/** What the kernel counted for a Pod. No number here ever goes back while the Pod lives. */
export interface PodReading {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  /** Of the first process of the Pod's first container, in the node's PID namespace; `undefined` until it has started. */
  readonly pid: number | undefined;
  /** What is attached now. */
  readonly programs: readonly ProgramType[];
  /** By the call's real name; calls that were never made are absent. `undefined` where no system calls are counted. */
  readonly syscalls: ReadonlyMap<string, bigint> | undefined;
  /** `undefined` where there is no firewall. */
  readonly firewall: FirewallReading | undefined;
}

export interface FirewallReading {
  readonly ingress: VerdictCounts;
  readonly egress: VerdictCounts;
  /** Where most was blocked, most first; a bounded list. */
  readonly blockedPorts: readonly BlockedPort[];
  /**
   * Packets whose headers could not be followed, such as a chain of more than 8 extension headers: dropped where the policy blocks
   * anything in their direction, and in none of the counts above, as nobody knows their ports.
   */
  readonly unparsable: UnparsableCounts;
}

export interface UnparsableCounts {
  readonly ingress: bigint;
  readonly egress: bigint;
}

/** `allowed + blocked` = `tcp + udp`: each verdict counts once in each pair. */
export interface VerdictCounts {
  readonly allowed: bigint;
  readonly blocked: bigint;
  readonly tcp: bigint;
  readonly udp: bigint;
}

export interface BlockedPort {
  readonly direction: "ingress" | "egress";
  readonly protocol: "tcp" | "udp";
  readonly port: number;
  readonly count: bigint;
}

/** The kernel's own account of what a program cost. */
export interface ProgramCost {
  readonly program: ProgramType;
  /** Seconds of run time since the statistics were switched on, all Pods together. */
  readonly seconds: number;
  readonly runs: bigint;
}

/** Run statistics, or why there are none. */
export type RunStats =
  | { readonly kind: "on"; readonly costs: readonly ProgramCost[] }
  | { readonly kind: "off"; readonly failure: EbpfFailure };
