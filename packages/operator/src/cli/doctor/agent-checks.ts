import type { Stored } from "@pcmc/controller-runtime";
import type { Node, Pod } from "kubernetes-types/core/v1.d.ts";
import { conditionOf } from "../../controllers/conditions.ts";
import { printable } from "../top/printable.ts";
import type { AgentFacts, AgentWorkload } from "./agents.ts";
import type { ClusterFacts } from "./cluster.ts";
import { imageVerdict } from "./install.ts";
import { refusalIn } from "./pod-page.ts";
import { troubleOf } from "./pod-trouble.ts";
import { type Configs, ebpfWishes } from "./resource-facts.ts";
import { judged, known } from "./seen.ts";
import { coveredBy } from "./unattended.ts";
import { counted, failed, named, ok, type Verdict, warning } from "./verdict.ts";

const INSTALL = "kubectl apply -f manifests/agent.yaml, or upgrade the chart with agent.enabled=true";
const TROUBLES = "docs/EBPF_FEATURES.md, Troubleshooting, says what to do about each reason";

const workloadText = ({ namespace, name }: Pick<AgentWorkload, "namespace" | "name">): string =>
  `DaemonSet ${namespace}/${name}`;

export const judgeInstalled = ({ workload }: AgentFacts, configs: Configs): readonly Verdict[] =>
  judged("the node agents", workload, (found) => {
    if (found !== undefined) return [ok(`the agents are ${workloadText(found)}`)];
    return judged("whether a PodConfigMapConfig asks for eBPF", configs, () => {
      const wishes = ebpfWishes(configs);
      if (wishes.length === 0) return [ok("no node agents, and no PodConfigMapConfig asks for eBPF")];
      const who = named(wishes);
      return [failed(`${who} asks for eBPF, and there are no node agents: nothing is put into any kernel`, INSTALL)];
    });
  });

export const judgeImage = ({ workload }: AgentFacts): readonly Verdict[] => {
  const found = known(workload);
  return found === undefined || found.isManager ? [] : [imageVerdict(workloadText(found), found.image)];
};

/** Nodes without an agent that may be among those that the DaemonSet wants: affinity and taints are for its controller to judge. */
const bareNodes = ({ workload, nodes, pods }: AgentFacts): readonly string[] => {
  const wanted = Object.entries(known(workload)?.nodeSelector ?? {});
  const covered = coveredBy(pods);
  return (known(nodes)?.items ?? [])
    .filter(
      ({ metadata, status }) =>
        !covered.has(metadata.name) &&
        (metadata.labels?.["kubernetes.io/os"] ?? status?.nodeInfo?.operatingSystem) === "linux" &&
        wanted.every(([key, value]) => metadata.labels?.[key] === value),
    )
    .map(({ metadata }) => metadata.name);
};

export const judgeNodes = (facts: AgentFacts, configs: Configs): readonly Verdict[] => {
  const workload = known(facts.workload);
  if (workload === undefined) return [];
  if (workload.desired === 0) return unwanted(workload, configs);
  return judged("the agents' Pods", facts.pods, () => {
    const { namespace, name, desired } = workload;
    const missing = desired - coveredBy(facts.pods).size;
    if (missing <= 0) return [ok(`each of ${counted(desired, "node")} that the DaemonSet wants has an agent`)];
    const bare = bareNodes(facts);
    const who = bare.length === 0 ? "" : `; without one: ${named(bare)}`;
    return [
      failed(
        `${missing} of ${counted(desired, "node")} that the DaemonSet wants without an agent${who}`,
        `kubectl -n ${namespace} describe daemonset ${name} says what is in the way: a port that is taken, no resources, a node that is not ready, or a policy that refuses the Pods`,
      ),
    ];
  });
};

/** Of a DaemonSet that fits no node: as bad as none, where somebody asks for eBPF. */
const unwanted = (workload: AgentWorkload, configs: Configs): readonly Verdict[] =>
  judged("whether a PodConfigMapConfig asks for eBPF", configs, () => {
    const what = `${workloadText(workload)} wants no node`;
    const wishes = ebpfWishes(configs);
    if (wishes.length === 0) return [ok(`${what}, and no PodConfigMapConfig asks for eBPF`)];
    const { namespace, name } = workload;
    const selector = Object.entries(workload.nodeSelector).map(([key, value]) => `${key}=${value}`);
    const by = selector.length === 0 ? "" : ` (nodeSelector ${selector.join(",")})`;
    return [
      failed(
        `${what}${by}, and ${named(wishes)} asks for eBPF: nothing is put into any kernel`,
        `mend its nodeSelector, affinity or tolerations, which are agent.* of the chart: kubectl -n ${namespace} edit daemonset ${name}; kubectl get nodes --show-labels has what they have to fit`,
      ),
    ];
  });

export const judgeReady = ({ workload, pods, said }: AgentFacts): readonly Verdict[] => {
  if (known(workload) === undefined) return [];
  return judged("the agents' Pods", pods, (list) => {
    const all = list?.items ?? [];
    const lame = all.flatMap((pod) => {
      const trouble = troubleOf(pod);
      return trouble === undefined ? [] : [{ pod, ...trouble }];
    });
    if (lame.length === 0) return all.length === 0 ? [] : [ok(`${counted(all.length, "agent")}, and all are ready`)];
    const told = lame.slice(0, 5).map(({ pod, why, remedy }) => agentVerdict(pod, { why, remedy }, said));
    const rest = lame.length - told.length;
    return rest === 0 ? told : [...told, failed(`${counted(rest, "more agent")} not ready`, TROUBLES)];
  });
};

const agentVerdict = (
  pod: Stored<Pod>,
  { why, remedy }: { readonly why: string; readonly remedy: string },
  said: AgentFacts["said"],
): Verdict => {
  const answer = said.get(pod.metadata.uid);
  const refusal = answer?.kind === "seen" ? refusalIn(answer.value) : undefined;
  const { namespace, name } = pod.metadata;
  const where = `the agent on ${pod.spec?.nodeName ?? "no node yet"}, Pod ${namespace}/${name}, is not ready`;
  if (refusal !== undefined) {
    return failed(`${where}: ${refusal}`, `${TROUBLES}; kubectl -n ${namespace} logs ${name} tells more`);
  }
  return failed(printable(`${where}: ${why}`), `${remedy}; kubectl -n ${namespace} describe pod ${name}`);
};

/** The least kernel for all that agents do, and for counting alone: docs/EBPF_FEATURES.md. */
const FLOOR = { all: [5, 8], counting: [5, 7] } as const;
const ARCHITECTURES: ReadonlySet<string> = new Set(["amd64", "arm64"]);

export const judgeKernels = ({ workload, nodes, pods }: AgentFacts): readonly Verdict[] => {
  if (known(workload) === undefined) return [];
  return judged("the nodes' kernels", nodes, (list) =>
    judged("the nodes that have agents", pods, () => {
      const covered = coveredBy(pods);
      return kernelVerdicts((list?.items ?? []).filter(({ metadata }) => covered.has(metadata.name)));
    }),
  );
};

const kernelVerdicts = (nodes: readonly Stored<Node>[]): readonly Verdict[] => {
  if (nodes.length === 0) return [];
  const old = nodes.filter(({ status }) => isBelow(status?.nodeInfo?.kernelVersion, FLOOR.all));
  const useless = old.filter(({ status }) => isBelow(status?.nodeInfo?.kernelVersion, FLOOR.counting));
  // What tells none is not judged, as with versions.
  const foreign = nodes.filter(({ status }) => !ARCHITECTURES.has(status?.nodeInfo?.architecture || "amd64"));
  const verdicts = [
    ...tell(
      useless,
      "has a kernel before 5.7: neither counting nor firewall",
      "upgrade the node's kernel to 5.8 or later",
    ),
    ...tell(
      old.filter((node) => !useless.includes(node)),
      "has a kernel before 5.8: no firewall",
      "upgrade the node's kernel to 5.8 or later",
    ),
    ...tell(
      foreign,
      "is neither amd64 nor arm64: no programs for it",
      "keep the agents off it with agent.nodeSelector",
    ),
  ];
  return verdicts.length > 0 ? verdicts : [ok(`${counted(nodes.length, "node")} with a kernel that has all features`)];
};

const tell = (nodes: readonly Stored<Node>[], what: string, remedy: string): readonly Verdict[] =>
  nodes.length === 0 ? [] : [failed(`${named(nodes.map(nodeText))} ${what}`, remedy)];

const nodeText = ({ metadata, status }: Stored<Node>): string =>
  `${metadata.name} (${status?.nodeInfo?.kernelVersion ?? "unknown"}, ${status?.nodeInfo?.architecture ?? "unknown"})`;

const isBelow = (text: string | undefined, [major, minor]: readonly [number, number]): boolean => {
  const found = /^(\d+)\.(\d+)/.exec(text ?? "");
  // What tells no version is not judged.
  if (found === null) return false;
  const [own, part] = [Number(found[1]), Number(found[2])];
  return own < major || (own === major && part < minor);
};

export const judgePolicy = ({ workload, policy }: AgentFacts, { version }: ClusterFacts): readonly Verdict[] => {
  if (known(workload) === undefined) return [];
  const minor = Number(/^v?1\.(\d+)/.exec(version)?.[1] ?? Number.NaN);
  if (minor < 30) {
    return [
      warning(
        `Kubernetes ${version} has no ValidatingAdmissionPolicy that is on by default: an agent's token may change the status and labels of all Pods`,
        "upgrade to 1.30 or later",
      ),
    ];
  }
  return judged("the policy that bounds the agents' tokens", policy, (there) =>
    there
      ? [ok("a ValidatingAdmissionPolicy bounds what the agents' tokens may write")]
      : [
          failed(
            "the ValidatingAdmissionPolicy of the agents, or its binding, is missing: their tokens may change any Pod's status",
            INSTALL,
          ),
        ],
  );
};

export const judgeConfigs = (configs: Configs): readonly Verdict[] =>
  judged("the eBPF status of PodConfigMapConfigs", configs, (list) => {
    const bad = (list?.items ?? []).flatMap(({ metadata: { namespace, name }, status }) => {
      const condition = conditionOf(status?.conditions, "EbpfReady");
      if (condition === undefined || condition.status === "True") return [];
      return [{ namespace, name, why: `${condition.reason}: ${condition.message}` }];
    });
    if (bad.length === 0) return [ok("nothing that PodConfigMapConfigs ask of eBPF is missing")];
    const told = bad
      .slice(0, 5)
      .map(({ namespace, name, why }) =>
        failed(
          printable(`eBPF is not as asked for in ${namespace}/${name}: ${why}`),
          `${TROUBLES}; kubectl -n ${namespace} describe pcmc ${name} has all of the message`,
        ),
      );
    return bad.length > 5 ? [...told, failed(`nor in ${bad.length - 5} more PodConfigMapConfigs`, TROUBLES)] : told;
  });
