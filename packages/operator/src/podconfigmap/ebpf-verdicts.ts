import { programsOf, type ReportedCondition } from "../ebpf/condition.ts";
import { REFUSALS, refusal } from "../ebpf/policy-problems.ts";
import { firewallOf, monitoringOf } from "../ebpf/policy-sections.ts";
import type { ParsedConfig } from "./config.ts";
import type { EbpfPod } from "./ebpf-pods.ts";

/** How one Pod stands under one PodConfigMapConfig that asks for something in the kernel. */
export type EbpfVerdict =
  | { readonly kind: "inForce" }
  /** It comes about without anybody's doing, unless there is no agent. */
  | { readonly kind: "waiting"; readonly reason: WaitingReason; readonly message: string }
  | { readonly kind: "failed"; readonly reason: string; readonly message: string };

/** In the order in which they tell most. */
export const WAITING_REASONS = ["NotReported", "Outdated", "NotNamed", "Pending", "Unscheduled"] as const;
export type WaitingReason = (typeof WAITING_REASONS)[number];

/** Judges a Pod that `config` selects by what its node's agent says. */
export const verdictOf = (config: ParsedConfig, pod: EbpfPod): EbpfVerdict => {
  // Whatever an agent says, or whether there is one.
  const refused = refusal(config, { spec: { hostNetwork: pod.hostNetwork, containers: [] } });
  if (refused !== undefined) return { kind: "failed", reason: refused.reason, message: refused.message };
  if (pod.nodeName === undefined) return waiting("Unscheduled", "the Pod has no node yet");
  if (pod.reported === undefined) return waiting("NotReported", "no agent has reported: see that one runs on the node");
  return reportedVerdict(config, pod.reported);
};

const waiting = (reason: WaitingReason, message: string): EbpfVerdict => ({ kind: "waiting", reason, message });

const reportedVerdict = (config: ParsedConfig, reported: ReportedCondition): EbpfVerdict => {
  const { name, generation } = config;
  // An agent that is older than the question has not answered it. One that is deleted and made anew begins at generation 1 again:
  // until the agent has looked, which takes it moments, the answer to the old one counts.
  const answered = reported.generations.get(name);
  if (answered === undefined && reported.unnamed > 0) return waiting("NotNamed", NOT_NAMED);
  if (answered !== generation) {
    return waiting("Outdated", `the agent has not taken up generation ${generation} yet`);
  }
  if (reported.outcome === "attached" || isOfOthers(config, reported)) return { kind: "inForce" };
  if (reported.outcome === "pending") return waiting("Pending", reported.detail || "the agent is at it");
  return { kind: "failed", reason: reasonOf(reported.reason), message: reported.detail };
};

/** Whether the agent goes by this one's present generation nobody can tell, so it is not claimed. */
const NOT_NAMED =
  "more PodConfigMapConfigs select the Pod than its condition has room to name, and this one is not among those named: have fewer select it";

/**
 * Whether what was refused is another PodConfigMapConfig's, and all that this one asks for is in the kernel. Of a failure in the
 * kernel that cannot be said: a program that is there may be one with an older policy.
 */
const isOfOthers = (config: ParsedConfig, { reason, programs }: ReportedCondition): boolean =>
  REFUSALS.some((refusal) => refusal === reason) &&
  programsOf({ syscalls: monitoringOf(config), firewall: firewallOf(config) }).every((program) =>
    programs.includes(program),
  );

/** Whoever may write a Pod's status can have written anything; a condition's reason has a form. */
const reasonOf = (reason: string): string =>
  /^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$/.test(reason) && reason.length <= 128 ? reason : "Failed";
