import type { KubernetesObject, Stored } from "@pcmc/controller-runtime";
import type { DaemonSet, Deployment, StatefulSet } from "kubernetes-types/apps/v1.d.ts";
import { lastRestartIn, RESTARTED_AT, restartedForIn } from "./rollout-mark.ts";
import type { Workload } from "./rollout-verdict.ts";

/** A workload as it was read, with what a write of it has to name. */
export interface ReadWorkload extends Workload {
  readonly object: Stored<KubernetesObject>;
}

interface TemplateAnnotations {
  readonly metadata?: { readonly annotations?: Readonly<Record<string, string>> };
}

/** As Kubernetes' default of a Deployment's `progressDeadlineSeconds`. The other kinds have no such field. */
const PATIENCE_SECONDS = 600;

interface Limits {
  readonly minReadySeconds?: number | undefined;
  readonly progressDeadlineSeconds?: number | undefined;
}

/** What the three kinds have in common. */
const common = (
  object: Stored<Deployment | StatefulSet | DaemonSet>,
  limits: Limits,
  template?: TemplateAnnotations,
) => {
  const annotations = template?.metadata?.annotations;
  const at = Date.parse(annotations?.[RESTARTED_AT] ?? "");
  const { generation = 0 } = object.metadata;
  const { minReadySeconds = 0, progressDeadlineSeconds = PATIENCE_SECONDS } = limits;
  return {
    name: object.metadata.name,
    object,
    generation,
    restartedFor: restartedForIn(annotations),
    lastRestart: lastRestartIn(object.metadata.annotations),
    restartedAt: Number.isNaN(at) ? undefined : new Date(at),
    isObserved: (object.status?.observedGeneration ?? 0) >= generation,
    hasFailed: false,
    patience: (Math.max(PATIENCE_SECONDS, progressDeadlineSeconds) + minReadySeconds) * 1_000,
  };
};

/** Until its controller has seen the spec, what it counts is about another one. */
const ALL = Number.POSITIVE_INFINITY;

/** What its controller counts, in one text. */
const progressOf = (...counts: readonly (number | string | undefined)[]): string => counts.join(" ");

const ON_DELETE = "has updateStrategy OnDelete";

/** By the rules of `kubectl rollout status`. */
export const ofDeployment = (object: Stored<Deployment>): ReadWorkload => {
  const { spec, status = {} } = object;
  const { isObserved, ...shared } = common(object, spec ?? {}, spec?.template);
  const { replicas = 0, updatedReplicas = 0, availableReplicas = 0, conditions = [] } = status;
  const wanted = spec?.replicas ?? 1;
  const unreplaced = isObserved ? Math.max(0, wanted - updatedReplicas, replicas - updatedReplicas) : ALL;
  return {
    ...shared,
    kind: "Deployment",
    obstacle: spec?.paused === true ? "is paused" : undefined,
    isReplacing: unreplaced > 0,
    unreplaced,
    unavailable: Math.max(0, wanted - availableReplicas),
    hasFailed: isObserved && conditions.some(({ type, status: is }) => type === "Progressing" && is === "False"),
    progress: progressOf(
      object.metadata.generation,
      replicas,
      updatedReplicas,
      status.readyReplicas,
      availableReplicas,
    ),
  };
};

/** By the rules of `kubectl rollout status`: with a partition, the Pods below it stay as they are. */
export const ofStatefulSet = (object: Stored<StatefulSet>): ReadWorkload => {
  const { spec, status } = object;
  const { isObserved, ...shared } = common(object, spec ?? {}, spec?.template);
  const { type, rollingUpdate } = spec?.updateStrategy ?? {};
  const wanted = spec?.replicas ?? 1;
  const partition = rollingUpdate?.partition ?? 0;
  const { updatedReplicas = 0, readyReplicas = 0, currentRevision, updateRevision } = status ?? {};
  const toReplace = Math.max(0, wanted - partition - updatedReplicas);
  const isUpdated = currentRevision === updateRevision || (partition > 0 && toReplace === 0);
  return {
    ...shared,
    kind: "StatefulSet",
    obstacle: type === "OnDelete" ? ON_DELETE : undefined,
    isReplacing: !isObserved || !isUpdated,
    unreplaced: isObserved ? toReplace : ALL,
    // Servers before 1.25 may not count the available ones.
    unavailable: Math.max(0, wanted - (status?.availableReplicas ?? readyReplicas)),
    progress: progressOf(object.metadata.generation, status?.replicas, updatedReplicas, readyReplicas, updateRevision),
  };
};

/** By the rules of `kubectl rollout status`. */
export const ofDaemonSet = (object: Stored<DaemonSet>): ReadWorkload => {
  const { spec, status } = object;
  const { isObserved, ...shared } = common(object, spec ?? {}, spec?.template);
  const { desiredNumberScheduled = 0, updatedNumberScheduled = 0, numberAvailable = 0 } = status ?? {};
  const unreplaced = isObserved ? Math.max(0, desiredNumberScheduled - updatedNumberScheduled) : ALL;
  return {
    ...shared,
    kind: "DaemonSet",
    obstacle: spec?.updateStrategy?.type === "OnDelete" ? ON_DELETE : undefined,
    isReplacing: unreplaced > 0,
    unreplaced,
    unavailable: Math.max(0, desiredNumberScheduled - numberAvailable),
    progress: progressOf(object.metadata.generation, desiredNumberScheduled, updatedNumberScheduled, numberAvailable),
  };
};
