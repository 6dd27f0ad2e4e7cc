import { type Registry, readCounter, readGauge, type Sample, snakeCase } from "@pcmc/controller-runtime";
import type { ErrorCount } from "../ebpf/error-counts.ts";
import type { ProgramType } from "../ebpf/node-pod.ts";
import type { FirewallReading, PodReading, RunStats, VerdictCounts } from "../ebpf/outcome.ts";
import { PREFIX } from "./gauges.ts";

/** A Pod, as the labels name it. */
export interface PodName {
  readonly namespace: string;
  readonly name: string;
}

/** How the agent of a node fares. */
export interface AgentState {
  readonly node: string;
  /** Whether it has hold of the kernel, and its reports are taken. */
  readonly ready: boolean;
  /** By how much the reading is late that is most overdue. */
  readonly secondsLate: number;
}

/** What the metrics show, read when they are scraped. */
export interface EbpfSources {
  /** The last reading of each Pod whose counters are exported. */
  readings(): Iterable<PodReading>;
  /** What is attached, of each Pod whose counters are exported. */
  attached(): Iterable<PodName & { readonly programs: readonly ProgramType[] }>;
  /** The agent itself; `undefined` where nothing is told of it. */
  agent(): AgentState | undefined;
  /** The kernel's account of the programs; `undefined` where there is no kernel side. */
  runStats(): RunStats | undefined;
}

/** What the node agent tells of Pods and programs. */
export interface EbpfMetrics {
  /** Connects the metrics with what they show. */
  show(sources: EbpfSources): void;
  /** Counts that a program could not be brought to where it should be; `reason` in CamelCase, as conditions have it. */
  onProgramError(pod: PodName & { readonly uid: string }, program: ProgramType, reason: string): void;
  /** What was counted of a Pod. */
  errorsOf(uid: string): readonly ErrorCount[];
  /** Goes on from what an earlier process counted of a Pod. */
  restoreErrors(pod: PodName & { readonly uid: string }, counts: readonly ErrorCount[]): void;
  /** Drops what was counted of a Pod that is gone. */
  forget(uid: string): void;
}

interface Counted extends ErrorCount {
  readonly labels: Readonly<Record<"namespace" | "pod_name" | "program_type" | "error_type", string>>;
  count: number;
}

/** By UID, then by program and reason: a Pod made anew under the name begins at 0. */
class Errors {
  readonly #pods = new Map<string, Map<string, Counted>>();

  add({ uid, namespace, name }: PodName & { readonly uid: string }, { program, reason, count }: ErrorCount): void {
    const ofPod = this.#pods.get(uid) ?? new Map<string, Counted>();
    this.#pods.set(uid, ofPod);
    const labels = { namespace, pod_name: name, program_type: program, error_type: snakeCase(reason) };
    const counted = ofPod.get(`${program} ${reason}`) ?? { program, reason, labels, count: 0 };
    ofPod.set(`${program} ${reason}`, counted);
    counted.count += count;
  }

  of(uid: string): readonly ErrorCount[] {
    return [...(this.#pods.get(uid)?.values() ?? [])].map(({ program, reason, count }) => ({ program, reason, count }));
  }

  forget(uid: string): void {
    this.#pods.delete(uid);
  }

  *samples(): Generator<Sample<number>> {
    for (const ofPod of this.#pods.values())
      for (const { labels, count } of ofPod.values()) yield { labels, value: count };
  }
}

const STAT_TYPES = ["allowed", "blocked", "tcp", "udp"] as const;

/** Registers what is told of eBPF; names and labels are those of docs/reference/metrics.md. @throws Error when there are such metrics already. */
export const ebpfMetrics = (registry: Registry): EbpfMetrics => {
  let sources: EbpfSources | undefined;
  const errors = new Errors();
  const seconds = new RisingCosts((cost) => cost.seconds);
  const runs = new RisingCosts((cost) => Number(cost.runs));
  const metric = (
    register: typeof readCounter,
    { name, help, read }: { name: string; help: string; read: () => Iterable<Sample<number>> },
  ) => register({ registry, name: `${PREFIX}${name}`, help, read });
  metric(readCounter, {
    name: "ebpf_syscall_count_total",
    help: "System calls that a Pod made, by name; pid is the Pod's first container process.",
    read: () => syscallSamples(sources?.readings() ?? []),
  });
  metric(readCounter, {
    name: "ebpf_l4_firewall_total",
    help: "TCP connection attempts and UDP datagrams judged: each counts as allowed or blocked, and as tcp or udp.",
    read: () => firewallSamples(sources?.readings() ?? []),
  });
  metric(readGauge, {
    name: "ebpf_attached_programs",
    help: "1 for each kind of program that is attached for a Pod.",
    read: () => attachedSamples(sources?.attached() ?? []),
  });
  metric(readCounter, {
    name: "ebpf_program_errors_total",
    help: "Times that a Pod's program could not be brought to where it should be, by why.",
    read: () => errors.samples(),
  });
  const ofAgent = function* (value: (agent: AgentState) => number): Generator<Sample<number>> {
    const agent = sources?.agent();
    if (agent !== undefined) yield { labels: { node: agent.node }, value: value(agent) };
  };
  metric(readGauge, {
    name: "ebpf_agent_ready",
    help: "1 where the agent has hold of the node's kernel and its reports are taken, else 0.",
    read: () => ofAgent(({ ready }) => (ready ? 1 : 0)),
  });
  metric(readGauge, {
    name: "ebpf_reading_lateness_seconds",
    help: "By how much the Pod's counters that are most overdue should have been read before; 0 as a rule.",
    read: () => ofAgent(({ secondsLate }) => secondsLate),
  });
  metric(readCounter, {
    name: "ebpf_program_run_seconds_total",
    help: "What the programs cost, as the kernel measures it (EBPF_RUN_STATS), all Pods of the node together.",
    read: () => seconds.samples(sources?.runStats()),
  });
  metric(readCounter, {
    name: "ebpf_program_runs_total",
    help: "How often the programs ran while that was measured.",
    read: () => runs.samples(sources?.runStats()),
  });
  return {
    show: (given) => {
      sources = given;
    },
    onProgramError: (pod, program, reason) => errors.add(pod, { program, reason, count: 1 }),
    errorsOf: (uid) => errors.of(uid),
    restoreErrors: (pod, counts) => {
      for (const count of counts) errors.add(pod, count);
    },
    forget: (uid) => errors.forget(uid),
  };
};

const labelsOf = ({ namespace, name }: PodName) => ({ namespace, pod_name: name });

function* syscallSamples(readings: Iterable<PodReading>): Generator<Sample<number>> {
  for (const { pid, syscalls, ...pod } of readings) {
    // Before the first container runs there is nothing to count but the sandbox, and no pid to count it under.
    if (pid === undefined) continue;
    for (const [syscall, count] of syscalls ?? []) {
      yield { labels: { ...labelsOf(pod), pid: String(pid), syscall }, value: Number(count) };
    }
  }
}

function* firewallSamples(readings: Iterable<PodReading>): Generator<Sample<number>> {
  for (const { firewall, ...pod } of readings) {
    if (firewall === undefined) continue;
    for (const stat_type of STAT_TYPES) {
      yield { labels: { ...labelsOf(pod), stat_type }, value: Number(sumOf(firewall, stat_type)) };
    }
  }
}

/** Both directions together. */
const sumOf = ({ ingress, egress }: FirewallReading, stat: keyof VerdictCounts): bigint => ingress[stat] + egress[stat];

function* attachedSamples(attached: ReturnType<EbpfSources["attached"]>): Generator<Sample<number>> {
  for (const { programs, ...pod } of attached) {
    for (const program_type of programs) yield { labels: { ...labelsOf(pod), program_type }, value: 1 };
  }
}

type Cost = Extract<RunStats, { readonly kind: "on" }>["costs"][number];

/**
 * A sum over programs, of which some go with their Pods, as a counter: it never goes back. What the others cost between two
 * looks is left out where one went meanwhile.
 */
class RisingCosts {
  readonly #of: (cost: Cost) => number;
  readonly #seen = new Map<ProgramType, { last: number; total: number }>();

  constructor(of: (cost: Cost) => number) {
    this.#of = of;
  }

  *samples(stats: RunStats | undefined): Generator<Sample<number>> {
    if (stats?.kind !== "on") return;
    for (const cost of stats.costs) {
      const now = this.#of(cost);
      const seen = this.#seen.get(cost.program) ?? { last: 0, total: 0 };
      this.#seen.set(cost.program, seen);
      seen.total += Math.max(now - seen.last, 0);
      seen.last = now;
      yield { labels: { program_type: cost.program }, value: seen.total };
    }
  }
}
