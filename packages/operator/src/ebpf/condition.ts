import type { Pod, PodCondition } from "kubernetes-types/core/v1.d.ts";
import { shorten } from "../controllers/conditions.ts";
import type { ProgramType } from "./node-pod.ts";
import type { PodPolicy } from "./policy.ts";

/** The Pod condition that the node agent writes, and that a Pod can name as its readiness gate. */
export const EBPF_READY = "podconfig.example.com/EbpfReady";

/**
 * Characters of its message at the most. The API server bounds none of this, and each watcher of Pods gets it, so the admission
 * policy of the agents refuses more.
 */
export const EBPF_READY_MESSAGE_SIZE = 4_096;

/** What is attached for a Pod, by the names that metrics use too. */
export const PROGRAM_TYPES: readonly ProgramType[] = ["syscall_counter", "l4_firewall"];

/** The programs that something asks for, be it a policy or a spec: each part is `undefined` where it does not. */
export const programsOf = ({ syscalls, firewall }: { readonly syscalls: unknown; readonly firewall: unknown }) =>
  PROGRAM_TYPES.filter((program) => (program === "syscall_counter" ? syscalls : firewall) !== undefined);

/** Reasons of the condition beside those of failures, which come from the agent (`CgroupNotFound`) and the policy (`HostNetwork`). */
const podReasons = {
  /** True: all that applies is in the kernel. */
  attached: "Attached",
  /** True, on a Pod with the readiness gate: nothing applies. */
  notRequired: "NotRequired",
  /** True, on a Pod with the readiness gate: something is not in the kernel, and `onFailure: allow` lets the Pod be ready all the same. */
  failedOpen: "FailedOpen",
  /** False: the agent has not got to it yet, such as before the Pod has a cgroup. */
  pending: "Pending",
} as const;

/** How far the agent has got with a Pod. */
export type Progress =
  | { readonly kind: "attached"; readonly programs: readonly ProgramType[] }
  | { readonly kind: "pending"; readonly message: string }
  /** `programs`: those that are in the kernel all the same. `message`: what went wrong and what to do. */
  | {
      readonly kind: "failed";
      readonly reason: string;
      readonly message: string;
      readonly programs: readonly ProgramType[];
    };

/** The condition without its times. */
export type EbpfCondition = Readonly<Pick<PodCondition, "status" | "type">> & {
  readonly status: "True" | "False";
  readonly type: typeof EBPF_READY;
  readonly reason: string;
  readonly message: string;
};

/** Whether the Pod is ready only with the condition. */
export const hasReadinessGate = ({ spec }: Pod): boolean =>
  spec?.readinessGates?.some(({ conditionType }) => conditionType === EBPF_READY) ?? false;

/**
 * The condition that a Pod should have; `undefined` = none. That nothing is asked for is only said once nothing is in the
 * kernel: what could not be taken out goes on judging.
 *
 * A failure makes it False. With `onFailure: allow` that must not take the Pod out of Services, so on a Pod with the readiness
 * gate it is then True with the reason `FailedOpen`.
 */
export const podCondition = (
  policy: Pick<PodPolicy, "applies" | "onFailure" | "problems" | "sources">,
  { gate, progress }: { readonly gate: boolean; readonly progress: Progress },
): EbpfCondition | undefined => {
  if (!policy.applies && progress.kind === "attached") return gate ? NOT_REQUIRED : undefined;
  const { status, reason, detail } = verdict(policy, progress);
  const isOpen = status === "False" && progress.kind !== "pending" && gate && policy.onFailure === "allow";
  const opened = isOpen ? ({ status: "True", reason: podReasons.failedOpen } as const) : { status, reason };
  const failure = isOpen ? `${reason}: ${detail}` : detail;
  return { type: EBPF_READY, ...opened, message: messageOf(failure, progress, policy.sources) };
};

const NOT_REQUIRED: EbpfCondition = {
  type: EBPF_READY,
  status: "True",
  reason: podReasons.notRequired,
  message: "No PodConfigMapConfig asks for anything in the kernel.",
};

interface Verdict {
  readonly status: "True" | "False";
  readonly reason: string;
  readonly detail: string;
}

const verdict = ({ problems }: Pick<PodPolicy, "problems">, progress: Progress): Verdict => {
  const told = (severity: "refused" | "adjusted") =>
    problems.filter((problem) => problem.severity === severity).map(({ pcmc, message }) => `${pcmc}: ${message}`);
  if (progress.kind === "pending") return { status: "False", reason: podReasons.pending, detail: progress.message };
  if (progress.kind === "failed") return { status: "False", reason: progress.reason, detail: progress.message };
  const refused = problems.find(({ severity }) => severity === "refused");
  if (refused !== undefined) return { status: "False", reason: refused.reason, detail: told("refused").join("; ") };
  return { status: "True", reason: podReasons.attached, detail: told("adjusted").join("; ") };
};

const messageOf = (detail: string, progress: Progress, sources: PodPolicy["sources"]): string => {
  const programs = progress.kind === "pending" ? [] : progress.programs;
  const told = [
    ...(programs.length > 0 ? [`In the kernel: ${programs.join(", ")}.`] : []),
    ...(detail === "" ? [] : [shorten(detail)]),
  ].join(" ");
  if (sources.length === 0) return told;
  return [...(told === "" ? [] : [told]), policyText(sources, EBPF_READY_MESSAGE_SIZE - told.length - 1)].join(" ");
};

/** Room for the words around the sources, with a count of those left out. */
const AROUND = "Policy:  and 9999999 more.".length;

/** `Policy: a@1, b@7.`; sources that have no room are a count: `Policy: a@1, b@7 and 180 more.` */
const policyText = (sources: PodPolicy["sources"], room: number): string => {
  const named: string[] = [];
  let left = room - AROUND;
  for (const { name, generation } of sources) {
    const source = `${name}@${generation}`;
    left -= source.length + ", ".length;
    if (left < 0) break;
    named.push(source);
  }
  const unnamed = sources.length - named.length;
  return `Policy: ${named.join(", ")}${unnamed > 0 ? ` and ${unnamed} more` : ""}.`;
};

/** What a condition tells. */
export interface ReportedCondition {
  readonly outcome: "attached" | "notRequired" | "failedOpen" | "pending" | "failed";
  /** The reason; of `FailedOpen` the one of the failure. */
  readonly reason: string;
  /** What went wrong, or is not just as asked; may be empty. */
  readonly detail: string;
  readonly programs: readonly ProgramType[];
  /** The generation of each PodConfigMapConfig that the agent went by, by name. */
  readonly generations: ReadonlyMap<string, number>;
  /** How many more it went by, for whose names there was no room. */
  readonly unnamed: number;
}

const POLICY = /(?:^| )Policy: ((?:[^\s,@]+@\d+)(?:, [^\s,@]+@\d+)*)(?: and (\d+) more)?\.$/;
const IN_THE_KERNEL = /^In the kernel: ([a-z0-9_]+(?:, [a-z0-9_]+)*)\.(?: |$)/;

/** Reads what `podCondition` wrote. Never throws: whoever may write a Pod's status can have written anything. */
export const parsePodCondition = ({
  status,
  reason = "",
  message = "",
}: Readonly<Partial<PodCondition>>): ReportedCondition => {
  const policy = POLICY.exec(message);
  const rest = policy === null ? message : message.slice(0, policy.index);
  const kernel = IN_THE_KERNEL.exec(rest);
  const text = kernel === null ? rest : rest.slice(kernel[0].length);
  const told = kernel?.[1]?.split(", ") ?? [];
  const isOpen = status === "True" && reason === podReasons.failedOpen;
  const [failure = "", ...detail] = isOpen ? text.split(": ") : ["", text];
  return {
    outcome: outcomeOf(status, reason),
    reason: isOpen && failure !== "" ? failure : reason,
    detail: detail.join(": "),
    programs: PROGRAM_TYPES.filter((program) => told.includes(program)),
    generations: new Map(policy?.[1]?.split(", ").map(generationOf)),
    unnamed: Number(policy?.[2] ?? 0),
  };
};

const generationOf = (source: string): [name: string, generation: number] => {
  const [name = "", generation = ""] = source.split("@");
  return [name, Number(generation)];
};

const outcomeOf = (status: string | undefined, reason: string): ReportedCondition["outcome"] => {
  if (status === "True" && reason === podReasons.attached) return "attached";
  if (status === "True" && reason === podReasons.notRequired) return "notRequired";
  if (status === "True" && reason === podReasons.failedOpen) return "failedOpen";
  return status === "False" && reason === podReasons.pending ? "pending" : "failed";
};
