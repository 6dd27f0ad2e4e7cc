import type { Stored } from "@pcmc/controller-runtime";
import type { DaemonSet } from "kubernetes-types/apps/v1.d.ts";
import type { Pod } from "kubernetes-types/core/v1.d.ts";
import { stayWords } from "./command-line.ts";

/** Of the agent's own command line: from this word on it detaches instead of working. */
export const UNINSTALL = "uninstall";
const STAY = "--stay";

/** The command lines whose process attaches programs; flags follow. */
const PROGRAMS = ["agent", "manager"];

/** Milliseconds after which a Pod that should have ended, or been taken up, says that its kubelet does not answer. */
const PATIENCE = 30_000;

/** What is asked of a node, and how far it is. */
export interface AgentNode {
  readonly node: string;
  readonly pod: string;
  readonly state: "detached" | "working" | "unreachable";
  /** What is in the way; empty where nothing is. */
  readonly why: string;
}

/** How far the nodes of a DaemonSet are. */
export interface Detaching {
  readonly nodes: readonly AgentNode[];
  /** Nodes that should have a Pod. */
  readonly wanted: number;
  readonly isDone: boolean;
  /** Nothing more can be expected: all that is left is on nodes that do not answer. */
  readonly isHopeless: boolean;
}

/**
 * The command line by which a Pod of the DaemonSet detaches what it would attach. Flags of the agent stay, such as its folder; of
 * those of a manager that is an agent too, the ones that mean something to what detaches.
 */
export const uninstallArgs = (args: readonly string[] = []): readonly string[] => {
  if (args.includes(UNINSTALL)) return args;
  return args[0] === "agent" ? [...args, UNINSTALL, STAY] : ["agent", ...stayWords(args), UNINSTALL, STAY];
};

/** The container that does the agent's work. */
export const agentContainer = ({ spec }: DaemonSet) =>
  spec?.template.spec?.containers.find(({ args = [] }) => PROGRAMS.includes(args[0] ?? ""));

/**
 * The strategic merge patch that makes all Pods of a DaemonSet detach, on all nodes at once; `undefined` where it is so already, or
 * no container of it is an agent.
 */
export const detachPatch = (daemonSet: Stored<DaemonSet>): object | undefined => {
  const container = agentContainer(daemonSet);
  if (container === undefined) return undefined;
  const rollingUpdate = { maxUnavailable: "100%", maxSurge: 0 };
  const updateStrategy = { type: "RollingUpdate", rollingUpdate };
  const containers = [{ name: container.name, args: uninstallArgs(container.args) }];
  if (container.args?.includes(UNINSTALL)) return undefined;
  return { metadata: { uid: daemonSet.metadata.uid }, spec: { updateStrategy, template: { spec: { containers } } } };
};

/** How far it is. `now`: the wall clock, against which the API server's times are held. */
export const detaching = (daemonSet: Stored<DaemonSet>, pods: readonly Stored<Pod>[], now: Date): Detaching => {
  const nodes = pods
    .filter(({ metadata }) => metadata.ownerReferences?.some(({ uid }) => uid === daemonSet.metadata.uid))
    .map((pod) => nodeOf(pod, now));
  const { generation = 0 } = daemonSet.metadata;
  const { observedGeneration = 0, desiredNumberScheduled = 0 } = daemonSet.status ?? {};
  const isSeen = observedGeneration >= generation;
  const open = nodes.filter(({ state }) => state !== "detached");
  return {
    nodes,
    wanted: desiredNumberScheduled,
    isDone: isSeen && open.length === 0 && nodes.length >= desiredNumberScheduled,
    isHopeless:
      isSeen &&
      open.length > 0 &&
      nodes.length >= desiredNumberScheduled &&
      open.every(({ state }) => state === "unreachable"),
  };
};

const nodeOf = (pod: Stored<Pod>, now: Date): AgentNode => {
  const { metadata, spec, status } = pod;
  const where = { node: spec?.nodeName ?? nodeMeantFor(pod) ?? "(no node yet)", pod: metadata.name };
  if (metadata.deletionTimestamp !== undefined) {
    const overdue = now.getTime() - new Date(metadata.deletionTimestamp).getTime() > PATIENCE;
    if (overdue)
      return { ...where, state: "unreachable", why: "its Pod does not end: the node's kubelet does not answer" };
    return { ...where, state: "working", why: "the agent is ending" };
  }
  if (isUntouched(pod, now))
    return { ...where, state: "unreachable", why: "its Pod is not begun: the node's kubelet does not answer" };
  const detaches = spec?.containers.some(({ args = [] }) => args.includes(UNINSTALL)) ?? false;
  if (!detaches) return { ...where, state: "working", why: "the agent runs still" };
  const isReady = status?.conditions?.some(({ type, status: is }) => type === "Ready" && is === "True") ?? false;
  if (isReady) return { ...where, state: "detached", why: "" };
  return { ...where, state: "working", why: waitingFor(pod) };
};

/** Whether the scheduler has given it to a node long ago whose kubelet has never seen it: that sets `startTime` before all else. */
const isUntouched = ({ status }: Stored<Pod>, now: Date): boolean => {
  const scheduled = status?.conditions?.find(({ type, status: is }) => type === "PodScheduled" && is === "True");
  if (scheduled?.lastTransitionTime === undefined || status?.startTime !== undefined) return false;
  return now.getTime() - new Date(scheduled.lastTransitionTime).getTime() > PATIENCE;
};

/** A Pod of a DaemonSet names its node before it is there. Source: `ReplaceDaemonSetPodNodeNameNodeAffinity` of Kubernetes. */
const nodeMeantFor = ({ spec }: Stored<Pod>): string | undefined =>
  spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms
    ?.flatMap(({ matchFields = [] }) => matchFields)
    .find(({ key }) => key === "metadata.name")?.values?.[0];

const waitingFor = ({ metadata, status }: Stored<Pod>): string => {
  const waiting = status?.containerStatuses?.map(({ state }) => state?.waiting).find((one) => one !== undefined);
  if (waiting !== undefined) return [waiting.reason, waiting.message].filter(Boolean).join(": ");
  const unscheduled = status?.conditions?.find(({ type, status: is }) => type === "PodScheduled" && is === "False");
  if (unscheduled !== undefined) return unscheduled.message ?? "its Pod has no node";
  return `it has not detached all yet: kubectl logs -n ${metadata.namespace} ${metadata.name} says why`;
};
