import { shorten, type Undated } from "../controllers/conditions.ts";
import { conflictsOf } from "../ebpf/policy-conflicts.ts";
import { specProblems } from "../ebpf/policy-problems.ts";
import { asks } from "../ebpf/policy-sections.ts";
import { type ParsedConfig, selects } from "./config.ts";
import type { EbpfPod } from "./ebpf-pods.ts";
import { type EbpfVerdict, verdictOf, WAITING_REASONS } from "./ebpf-verdicts.ts";

/** The conditions of a PodConfigMapConfig about eBPF. */
export const ebpfConditionTypes = {
  /** True: on each selected Pod all that is asked for is in the kernel. Absent where `ebpfConfig` is. */
  ready: "EbpfReady",
  /** True: something is done otherwise than the spec says, such as a port that is in both lists. Absent where nothing is. */
  adjusted: "EbpfAdjusted",
} as const;

/** Nodes named in a message; the rest is a count. */
const NAMED_NODES = 5;

/** What a namespace has. */
export interface EbpfFacts {
  /** All that are neither terminating nor at their end. */
  readonly pods: readonly EbpfPod[];
  /** All of the namespace. */
  readonly configs: readonly ParsedConfig[];
}

/** The conditions of `config` about eBPF; none where it has no `ebpfConfig`. */
export const ebpfConditions = (config: ParsedConfig, { pods, configs }: EbpfFacts): readonly Undated[] => {
  const { selector, ebpf } = config.spec;
  if (!asks(config)) return ebpf === undefined ? [] : [NOTHING_ENABLED, ...adjusted(config, [])];
  if (!selector.ok)
    return [ready("False", "InvalidSelector", "No Pod is selected, see the condition SelectorInvalid.")];
  const selected = pods.filter(({ labels }) => selects(config, labels));
  return [readyCondition(config, selected), ...adjusted(config, rivalsOf(config, { pods: selected, configs }))];
};

const ready = (status: Undated["status"], reason: string, message: string): Undated => ({
  type: ebpfConditionTypes.ready,
  status,
  reason,
  message,
});

const NOTHING_ENABLED = ready(
  "True",
  "NothingEnabled",
  "Neither syscallMonitoring nor l4Firewall is enabled, so nothing is asked of the kernel.",
);

/** Those that select one of the same Pods. */
const rivalsOf = (config: ParsedConfig, { pods, configs }: EbpfFacts): readonly ParsedConfig[] =>
  configs.filter(
    (other) => other.name !== config.name && asks(other) && pods.some(({ labels }) => selects(other, labels)),
  );

const adjusted = (config: ParsedConfig, rivals: readonly ParsedConfig[]): readonly Undated[] => {
  const problems = [...specProblems(config), ...conflictsOf(config, rivals)];
  const [first] = problems;
  if (first === undefined) return [];
  const message = shorten(problems.map((problem) => problem.message).join("; "));
  return [{ type: ebpfConditionTypes.adjusted, status: "True", reason: first.reason, message }];
};

/** A Pod where something is missing. */
interface Lacking {
  readonly pod: string;
  readonly node: string;
  readonly verdict: Exclude<EbpfVerdict, { readonly kind: "inForce" }>;
}

const readyCondition = (config: ParsedConfig, pods: readonly EbpfPod[]): Undated => {
  const lacking = pods.flatMap((pod): readonly Lacking[] => {
    const verdict = verdictOf(config, pod);
    return verdict.kind === "inForce" ? [] : [{ pod: pod.name, node: pod.nodeName ?? "no node", verdict }];
  });
  const sum = `${pods.length - lacking.length}/${pods.length} Pods`;
  if (lacking.length === 0) return ready("True", pods.length === 0 ? "NoPods" : "Attached", `${sum}.`);
  const failed = lacking.filter(({ verdict }) => verdict.kind === "failed");
  const told = failed.length > 0 ? failed : lacking;
  const rest = lacking.length - told.length;
  const waiting = rest > 0 ? `; ${rest} waiting` : "";
  return ready("False", reasonOf(told), shorten(`${sum}; ${byNode(told)}${waiting}`));
};

/** What all of them say, or of waiting ones what tells most. */
const reasonOf = (lacking: readonly Lacking[]): string => {
  const reasons = new Set(lacking.map(({ verdict }) => verdict.reason));
  const [only] = reasons;
  if (reasons.size === 1 && only !== undefined) return only;
  return WAITING_REASONS.find((reason) => reasons.has(reason) && !lacking.some(hasFailed)) ?? "SeveralFailures";
};

const hasFailed = ({ verdict }: Lacking): boolean => verdict.kind === "failed";

/** `node-1: web-0: CgroupNotFound: why, and 2 more Pods; node-2: ...`, in the order of the names, so that it is the same each time. */
const byNode = (lacking: readonly Lacking[]): string => {
  const nodes = [...Map.groupBy(lacking, ({ node }) => node)].sort(([a], [b]) => (a < b ? -1 : 1));
  const named = nodes.slice(0, NAMED_NODES).map(([node, pods]) => {
    const [first, ...others] = pods.toSorted((a, b) => (a.pod < b.pod ? -1 : 1));
    const { reason, message } = first?.verdict ?? {};
    const more = others.length === 0 ? "" : `, and ${others.length} more ${others.length === 1 ? "Pod" : "Pods"}`;
    return `${node}: ${first?.pod}: ${reason}${message ? `: ${message}` : ""}${more}`;
  });
  const rest = nodes.length - NAMED_NODES;
  return [...named, ...(rest > 0 ? [`and ${rest} more ${rest === 1 ? "node" : "nodes"}`] : [])].join("; ");
};
