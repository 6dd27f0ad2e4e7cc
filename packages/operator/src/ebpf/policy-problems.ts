import type { Pod } from "kubernetes-types/core/v1.d.ts";
import { parseGoDuration } from "../api/syntax.ts";
import type { ParsedConfig } from "../podconfigmap/config.ts";
import { portList, portsInBothLists } from "./policy-port-list.ts";
import {
  type Export,
  firewallOf,
  isEnabled,
  MIN_UPDATE_INTERVAL,
  monitoringOf,
  unreadableSections,
  updateIntervalOf,
} from "./policy-sections.ts";
import { ARCHITECTURES, type Architecture, syscallsOf } from "./syscalls-table.ts";

/** Why something is refused before the kernel is asked: the Pod has no network of its own; a section cannot be read. */
export const REFUSALS = ["HostNetwork", "InvalidSection"] as const;

export type ProblemReason =
  | (typeof REFUSALS)[number]
  | "UnknownSyscall"
  | "PortInBothLists"
  | "IntervalTooShort"
  | "IntervalInvalid"
  /** Two PodConfigMapConfigs want contrary things of one Pod. */
  | "PortConflict"
  | "EstablishedConflict"
  /** The Pod names a RuntimeClass, which may run it where this node's kernel sees nothing of it. */
  | "RuntimeClass";

/** Where a policy is not, or not just, what a PodConfigMapConfig asks for. */
export interface PolicyProblem {
  /** The name of the PodConfigMapConfig. */
  readonly pcmc: string;
  readonly reason: ProblemReason;
  /** One line that says what is done instead, and what to change. */
  readonly message: string;
  /** `refused`: something asked for is not in force. `adjusted`: all is, in the way that the message says. */
  readonly severity: "refused" | "adjusted";
}

/** What of `config` cannot be in force on `pod`; `undefined` where all can. */
export const refusal = (config: ParsedConfig, pod: Pick<Pod, "spec">): PolicyProblem | undefined => {
  const [section] = unreadableSections(config);
  const problem = { pcmc: config.name, severity: "refused" } as const;
  if (section !== undefined) {
    const message = `ebpfConfig.${section} cannot be read, so nothing of it is in force: see the condition SpecInvalid`;
    return { ...problem, reason: "InvalidSection", message };
  }
  if (!pod.spec?.hostNetwork || firewallOf(config) === undefined) return undefined;
  const message =
    "l4Firewall is refused for a Pod with hostNetwork, because it would judge the node's own traffic: exclude the Pod by podSelector";
  return { ...problem, reason: "HostNetwork", message };
};

/**
 * What is done otherwise than `config` says, whichever Pod it is about. A system call is unknown when it is on none of
 * `architectures`.
 */
export const specProblems = (
  config: ParsedConfig,
  architectures: readonly Architecture[] = ARCHITECTURES,
): readonly PolicyProblem[] =>
  [unknownSyscalls(config, architectures), portsTwice(config), interval(config)].flatMap((found) =>
    found === undefined ? [] : [{ pcmc: config.name, ...found, severity: "adjusted" }],
  );

/**
 * What nobody can see from the node's kernel: whether the runtime of a Pod with a RuntimeClass gives it a kernel of its own. Most do
 * not (`nvidia`, `crun`), so nothing is refused; told once, for the first of `sources`.
 */
export const runtimeProblems = (
  sources: readonly ParsedConfig[],
  { spec }: Pick<Pod, "spec">,
): readonly PolicyProblem[] => {
  const [first] = sources;
  if (first === undefined || !spec?.runtimeClassName) return [];
  const message = `the Pod has runtimeClassName ${spec.runtimeClassName}: if that is a sandbox with a kernel of its own (Kata Containers, gVisor), its calls and packets are neither counted nor judged`;
  return [{ pcmc: first.name, reason: "RuntimeClass", message, severity: "adjusted" }];
};

type Found = Pick<PolicyProblem, "reason" | "message"> | undefined;

/** Names in a message; the rest is a count. */
const NAMED = 5;

const unknownSyscalls = (config: ParsedConfig, architectures: readonly Architecture[]): Found => {
  const { syscallNames = [] } = monitoringOf(config) ?? {};
  const isUnknown = (name: string) => architectures.every((one) => syscallsOf(name, one).length === 0);
  const unknown = [...new Set(syscallNames)].filter(isUnknown).sort();
  if (unknown.length === 0) return undefined;
  const more = unknown.length > NAMED ? ` and ${unknown.length - NAMED} more` : "";
  const named = unknown.slice(0, NAMED).map((name) => JSON.stringify(name));
  const where = architectures.length === 1 ? `on ${architectures[0]}` : "known";
  return {
    reason: "UnknownSyscall",
    message: `syscallNames: not counted, no system call ${where}: ${named.join(", ")}${more}`,
  };
};

const portsTwice = (config: ParsedConfig): Found => {
  const both = portsInBothLists(firewallOf(config) ?? {});
  if (both.length === 0) return undefined;
  const message = `allowedPorts: ${portList(both)} in blockedPorts too: blocked wins; remove from one of the lists`;
  return { reason: "PortInBothLists", message };
};

const interval = ({ spec }: ParsedConfig): Found => {
  const section: Export | undefined = spec.ebpf?.metricsExport;
  if (!isEnabled(section) || section.updateInterval === undefined) return undefined;
  const asked = parseGoDuration(section.updateInterval);
  const used = `${updateIntervalOf(section) / 1_000}s is used`;
  if (asked === undefined) {
    const message = `updateInterval: ${JSON.stringify(section.updateInterval)} is no Go duration such as 30s: ${used}`;
    return { reason: "IntervalInvalid", message };
  }
  if (asked >= MIN_UPDATE_INTERVAL) return undefined;
  return { reason: "IntervalTooShort", message: `updateInterval: ${section.updateInterval} is below 1s: ${used}` };
};
