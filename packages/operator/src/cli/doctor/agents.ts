import { Nodes, Pods, type Projection, type Stored } from "@pcmc/controller-runtime";
import type { DaemonSet } from "kubernetes-types/apps/v1.d.ts";
import type { Container, Node, Pod } from "kubernetes-types/core/v1.d.ts";
import { AGENT_LABEL } from "../../ebpf/agent/names.ts";
import { AGENT } from "../../rbac/names.ts";
import { clusterSettings } from "../../settings/common-settings.ts";
import type { BoundedAnswer } from "../top/bounded-get.ts";
import type { Operator } from "./operator.ts";
import { podPage } from "./pod-page.ts";
import { troubleOf } from "./pod-trouble.ts";
import type { Listed, Reader } from "./reader.ts";
import { DaemonSets, ValidatingAdmissionPolicies, ValidatingAdmissionPolicyBindings } from "./resources.ts";
import { known, mapped, NOT_ASKED, type Seen, seen } from "./seen.ts";
import { readUnattended, type Unattended } from "./unattended.ts";

/** What runs the agents. */
export interface AgentWorkload {
  readonly namespace: string;
  readonly name: string;
  readonly image: string;
  readonly serviceAccount: string;
  readonly nodeSelector: Readonly<Record<string, string>>;
  /** Its WATCH_NAMESPACES; none = all. */
  readonly watchNamespaces: readonly string[];
  /** Nodes that the DaemonSet wants, by its selectors, affinity and tolerations. */
  readonly desired: number;
  /** Whether it is the manager's own DaemonSet, which runs both. */
  readonly isManager: boolean;
}

export interface AgentFacts {
  readonly workload: Seen<AgentWorkload | undefined>;
  readonly nodes: Seen<Listed<Stored<Node>> | undefined>;
  readonly pods: Seen<Listed<Stored<Pod>> | undefined>;
  /** What not ready ones say on `/readyz`, by the Pod's UID. */
  readonly said: ReadonlyMap<string, Seen<BoundedAnswer>>;
  /** Whether the policy that bounds the agents' tokens is there, with its binding. `undefined`: the API server has no such kind. */
  readonly policy: Seen<boolean>;
  readonly unattended: Seen<Unattended>;
}

const NODE_FIELDS: Projection = {
  metadata: { labels: true },
  spec: { unschedulable: true },
  status: { nodeInfo: true, conditions: true },
};

/** Agents that are asked why they are not ready: what is wrong with one is mostly wrong with all. */
const MOST_ASKED = 10;

/** The workload of the agents, as soon as it is known what the operator is. */
export const readAgentWorkload = async (
  reader: Reader,
  operator: Operator | undefined,
): Promise<AgentFacts["workload"]> => {
  const within = operator && agentsWithin(operator);
  if (within !== undefined) return seen(within);
  const [label] = Object.entries(AGENT.labels).map(([key, value]) => `${key}=${value}`);
  const sets = await reader.list(DaemonSets, { labelSelector: label ?? "" });
  return mapped(sets, (list) => {
    const [found] = list?.items ?? [];
    return found && agentWorkloadOf(found);
  });
};

/** The agents of a manager that is one on each node itself (`role: all`). */
export const agentsWithin = (operator: Operator): AgentWorkload | undefined => {
  const { namespace, name, image, serviceAccount, desired, settings } = operator;
  if (settings?.role !== "all") return undefined;
  const { watchNamespaces } = settings;
  return { namespace, name, image, serviceAccount, nodeSelector: {}, watchNamespaces, desired, isManager: true };
};

/** Reads off a DaemonSet of ours what its agents are. */
export const agentWorkloadOf = ({ metadata, spec, status }: Stored<DaemonSet>): AgentWorkload => {
  const template = spec?.template.spec;
  const container = template?.containers.find(isAgent);
  return {
    namespace: metadata.namespace ?? "",
    name: metadata.name,
    image: container?.image ?? "",
    serviceAccount: template?.serviceAccountName ?? AGENT.name,
    nodeSelector: template?.nodeSelector ?? {},
    watchNamespaces: watchedBy(container),
    desired: status?.desiredNumberScheduled ?? 0,
    isManager: false,
  };
};

const { watchNamespaces: WATCHED } = clusterSettings;

/** What the agent would take from its environment. */
const watchedBy = (container: Container | undefined): readonly string[] => {
  const text = container?.env?.find(({ name }) => name === WATCHED.env)?.value ?? "";
  return (text === "" ? undefined : WATCHED.type.parse(text)) ?? [];
};

const isAgent = ({ args = [], command = [] }: Container): boolean => [...command, ...args].includes("agent");

export const readAgents = async (reader: Reader, workload: AgentFacts["workload"]): Promise<AgentFacts> => {
  const found = known(workload);
  const name = found?.isManager ? AGENT.name.replace(/agent$/, "node") : AGENT.name;
  const [nodes, pods, policy] = await Promise.all([
    reader.list(Nodes, { project: NODE_FIELDS }),
    reader.list(Pods, { labelSelector: `${AGENT_LABEL}=true` }),
    found === undefined ? NOT_ASKED : readPolicy(reader, name),
  ]);
  const lame = (known(pods)?.items ?? []).filter((pod) => troubleOf(pod) !== undefined).slice(0, MOST_ASKED);
  const [said, unattended] = await Promise.all([
    Promise.all(lame.map(async (pod) => [pod.metadata.uid, await podPage(reader, pod, "/readyz")] as const)),
    readUnattended(reader, nodes, pods),
  ]);
  return { workload, nodes, pods, said: new Map(said), policy, unattended };
};

const readPolicy = async (reader: Reader, name: string): Promise<Seen<boolean>> => {
  const key = { namespace: "", name };
  const [policy, binding] = await Promise.all([
    reader.get(ValidatingAdmissionPolicies, key),
    reader.get(ValidatingAdmissionPolicyBindings, key),
  ]);
  if (policy.kind !== "seen") return policy;
  return mapped(binding, (found) => found !== undefined && policy.value !== undefined);
};
