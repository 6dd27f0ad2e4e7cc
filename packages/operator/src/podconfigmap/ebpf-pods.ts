import { type Change, type KeyString, keyOf, type Projection, type Stored } from "@pcmc/controller-runtime";
import type { Pod, PodCondition } from "kubernetes-types/core/v1.d.ts";
import type { PodConfigMapConfig } from "../api/podconfigmapconfig.ts";
import { widenPodsFor } from "../controllers/widened-pods.ts";
import { EBPF_READY, parsePodCondition, type ReportedCondition } from "../ebpf/condition.ts";
import { hasEnded } from "../ebpf/pod-phase.ts";
import { asks } from "../ebpf/policy-sections.ts";
import { selects } from "./config.ts";
import { isStatusOnly } from "./fan-out.ts";
import { parsedConfig, type Sources } from "./sources.ts";

/**
 * What the sum over the Pods takes beyond the rest. All conditions of a Pod are more than its labels, so a cluster in which
 * nobody asks for eBPF does without. A projection cannot choose among the elements of a list.
 */
const ebpfPodFields: Projection = {
  spec: { hostNetwork: true },
  status: { conditions: { type: true, status: true, reason: true, message: true } },
};

/** Asks for the conditions of Pods as soon as some PodConfigMapConfig asks for eBPF. */
export const widenForEbpf = ({ pods, configs }: Pick<Sources, "pods" | "configs">): void => {
  const isNeededBy = (config: Stored<PodConfigMapConfig>) => asks(parsedConfig(config));
  widenPodsFor({ pods, informer: configs, isNeededBy, project: ebpfPodFields });
};

/** A Pod, as far as eBPF goes. */
export interface EbpfPod {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>> | undefined;
  /** `undefined` while the Pod is not scheduled. */
  readonly nodeName: string | undefined;
  readonly hostNetwork: boolean;
  /** What its node's agent says; `undefined` = nothing yet. */
  readonly reported: ReportedCondition | undefined;
}

/** The Pods of a namespace that eBPF is for, neither terminating nor at their end; `undefined` while they are not all known. */
export const ebpfPodsIn = ({ pods }: Pick<Sources, "pods">, namespace: string): readonly EbpfPod[] | undefined =>
  pods.holds(ebpfPodFields, namespace) ? pods.inNamespace(namespace).filter(isLive).map(ebpfPodOf) : undefined;

const isLive = (pod: Stored<Pod>): boolean => pod.metadata.deletionTimestamp === undefined && !hasEnded(pod);

const ebpfPodOf = (pod: Stored<Pod>): EbpfPod => ({
  name: pod.metadata.name,
  labels: pod.metadata.labels,
  nodeName: pod.spec?.nodeName,
  hostNetwork: pod.spec?.hostNetwork ?? false,
  reported: reportOf(pod),
});

const reports = new WeakMap<PodCondition, ReportedCondition>();

/** Read once for each version of the Pod: the sum is made anew whenever one Pod changes. */
const reportOf = (pod: Stored<Pod>): ReportedCondition | undefined => {
  const condition = conditionIn(pod);
  if (condition === undefined) return undefined;
  const known = reports.get(condition);
  if (known !== undefined) return known;
  const made = parsePodCondition(condition);
  reports.set(condition, made);
  return made;
};

const conditionIn = ({ status }: Stored<Pod>): PodCondition | undefined =>
  status?.conditions?.find(({ type }) => type === EBPF_READY);

/** The PodConfigMapConfigs whose sum a change of a Pod touches. */
export const configsSummedAnew =
  ({ configs }: Pick<Sources, "configs">) =>
  (change: Change<Stored<Pod>>): readonly KeyString[] => {
    const before = change.type === "updated" ? change.old : undefined;
    const now = change.object;
    if (before !== undefined && sameForEbpf(before, now)) return [];
    const versions = before === undefined ? [now] : [before, now];
    return configs
      .inNamespace(now.metadata.namespace ?? "")
      .filter((stored) => {
        const config = parsedConfig(stored);
        return asks(config) && versions.some(({ metadata }) => selects(config, metadata.labels));
      })
      .map(keyOf);
  };

/** The PodConfigMapConfigs that may be in conflict with one that has changed, or were. */
export const configsInConflict =
  ({ configs }: Pick<Sources, "configs">) =>
  (change: Change<Stored<PodConfigMapConfig>>): readonly KeyString[] => {
    const versions = change.type === "updated" ? [change.old, change.object] : [change.object];
    if (isStatusOnly(change) || !versions.some((config) => asks(parsedConfig(config)))) return [];
    const { namespace = "", name } = change.object.metadata;
    const others = configs.inNamespace(namespace).filter((config) => config.metadata.name !== name);
    return others.filter((config) => asks(parsedConfig(config))).map(keyOf);
  };

const sameForEbpf = (a: Stored<Pod>, b: Stored<Pod>): boolean => JSON.stringify(facts(a)) === JSON.stringify(facts(b));

const facts = (pod: Stored<Pod>): readonly unknown[] => {
  const { status, reason, message } = conditionIn(pod) ?? {};
  const { metadata, spec } = pod;
  return [metadata.uid, isLive(pod), spec?.nodeName, spec?.hostNetwork, status, reason, message, metadata.labels];
};
