import { Pods, type Projection, type Stored } from "@pcmc/controller-runtime";
import type { Node, Pod } from "kubernetes-types/core/v1.d.ts";
import { EBPF_READY, parsePodCondition } from "../../ebpf/condition.ts";
import { hasEnded } from "../../ebpf/pod-phase.ts";
import type { AgentFacts } from "./agents.ts";
import type { Listed, Reader } from "./reader.ts";
import { judged, known, type Seen, seen } from "./seen.ts";
import { counted, named, ok, type Verdict, warning } from "./verdict.ts";

/** What agents have said of Pods whose node has none any more. */
export interface Unattended {
  /** Pods that are taken for guarded or counted: `namespace/name (node)`. */
  readonly pods: readonly string[];
  /** Nodes without an agent that were looked at. */
  readonly looked: number;
  /** Nodes without an agent that were not: they are too many. */
  readonly leftOut: number;
}

/** Nodes without an agent whose Pods are read: in a cluster that has agents on some nodes only, most are without. */
const MOST_NODES = 10;

const FIELDS: Projection = { spec: { nodeName: true }, status: { phase: true, conditions: true } };

type Agents = Seen<Listed<Stored<Pod>> | undefined>;
type Nodes = Seen<Listed<Stored<Node>> | undefined>;

/** Names of the nodes that have a Pod of an agent. */
export const coveredBy = (agents: Agents): ReadonlySet<string> =>
  new Set((known(agents)?.items ?? []).flatMap(({ spec }) => spec?.nodeName ?? []));

/** Nodes without an agent, in the order of their names: those whose Pods are read, and how many are left out. */
export const withoutAgent = (
  nodes: readonly string[],
  covered: ReadonlySet<string>,
): Readonly<{ looked: readonly string[]; leftOut: number }> => {
  const bare = nodes.filter((name) => !covered.has(name)).toSorted();
  return { looked: bare.slice(0, MOST_NODES), leftOut: Math.max(bare.length - MOST_NODES, 0) };
};

/** Looks at the Pods of nodes without an agent, node by node: the API server has an index of these. */
export const readUnattended = async (reader: Reader, nodes: Nodes, agents: Agents): Promise<Seen<Unattended>> => {
  if (nodes.kind !== "seen") return nodes;
  if (agents.kind !== "seen") return agents;
  const names = (nodes.value?.items ?? []).map(({ metadata }) => metadata.name);
  const { looked, leftOut } = withoutAgent(names, coveredBy(agents));
  const lists = await Promise.all(
    looked.map((node) => reader.list(Pods, { fieldSelector: `spec.nodeName=${node}`, project: FIELDS })),
  );
  const lost = lists.find((list) => list.kind !== "seen");
  if (lost !== undefined) return lost;
  const pods = lists.flatMap((list) => known(list)?.items ?? []).filter(isAttached);
  return seen({ pods: pods.map(podText), looked: looked.length, leftOut });
};

const podText = ({ metadata, spec }: Stored<Pod>): string =>
  `${metadata.namespace}/${metadata.name} (${spec?.nodeName ?? "no node"})`;

/** Whether it lives, and says that all it should have is in the kernel. That nothing applies stays true without an agent. */
export const isAttached = (pod: Stored<Pod>): boolean => {
  if (pod.metadata.deletionTimestamp !== undefined || hasEnded(pod)) return false;
  const condition = pod.status?.conditions?.find(({ type }) => type === EBPF_READY);
  return condition !== undefined && parsePodCondition(condition).outcome === "attached";
};

export const judgeUnattended = ({ unattended, workload }: AgentFacts): readonly Verdict[] =>
  judged("the Pods of nodes without an agent", unattended, ({ pods, looked, leftOut }) => {
    if (looked === 0) return [];
    const rest = leftOut === 0 ? "" : `; ${counted(leftOut, "more node")} without one not looked at`;
    if (pods.length === 0) {
      return [ok(`no Pod of ${counted(looked, "node")} without an agent is taken for guarded or counted${rest}`)];
    }
    const who = `${counted(pods.length, "Pod says", "Pods say")} ${EBPF_READY} True on a node without an agent`;
    return [
      warning(
        `${who}: ${named(pods)}${rest}: what is in that kernel stands, and nobody changes, repairs or reads it`,
        remedyOf(workload),
      ),
    ];
  });

const CLEAR = "or clear kernels and conditions by hand: docs/EBPF_FEATURES.md, Removing it";

const remedyOf = (workload: AgentFacts["workload"]): string => {
  const found = known(workload);
  if (found === undefined) return `bring the agents back: kubectl apply -f manifests/agent.yaml; ${CLEAR}`;
  const { namespace, name } = found;
  return `bring the agents back: kubectl -n ${namespace} describe daemonset ${name}; ${CLEAR}`;
};
