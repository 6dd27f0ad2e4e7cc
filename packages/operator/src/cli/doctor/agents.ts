import { Nodes, Pods, type Projection, type Stored } from "@pcmc/controller-runtime";
import type { Container, Node, Pod } from "kubernetes-types/core/v1.d.ts";
import { AGENT_LABEL } from "../../ebpf/agent/names.ts";
import { AGENT } from "../../rbac/names.ts";
import type { BoundedAnswer } from "../top/bounded-get.ts";
import type { Operator } from "./operator.ts";
import { podPage } from "./pod-page.ts";
import { troubleOf } from "./pod-trouble.ts";
import type { Listed, Reader } from "./reader.ts";
import { DaemonSets, ValidatingAdmissionPolicies, ValidatingAdmissionPolicyBindings } from "./resources.ts";
import { known, mapped, NOT_ASKED, type Seen } from "./seen.ts";

/** What runs the agents. */
export interface AgentWorkload {
  readonly namespace: string;
  readonly name: string;
  readonly image: string;
  readonly serviceAccount: string;
  readonly nodeSelector: Readonly<Record<string, string>>;
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
  if (operator?.settings?.role === "all") {
    const { namespace, name, image, serviceAccount } = operator;
    return { kind: "seen", value: { namespace, name, image, serviceAccount, nodeSelector: {}, isManager: true } };
  }
  const [label] = Object.entries(AGENT.labels).map(([key, value]) => `${key}=${value}`);
  const sets = await reader.list(DaemonSets, { labelSelector: label ?? "" });
  return mapped(sets, (list) => {
    const [found] = list?.items ?? [];
    const spec = found?.spec?.template.spec;
    if (found === undefined) return undefined;
    return {
      namespace: found.metadata.namespace ?? "",
      name: found.metadata.name,
      image: spec?.containers.find(isAgent)?.image ?? "",
      serviceAccount: spec?.serviceAccountName ?? AGENT.name,
      nodeSelector: spec?.nodeSelector ?? {},
      isManager: false,
    };
  });
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
  const said = await Promise.all(
    lame.map(async (pod) => [pod.metadata.uid, await podPage(reader, pod, "/readyz")] as const),
  );
  return { workload, nodes, pods, said: new Map(said), policy };
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
