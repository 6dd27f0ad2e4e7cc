import {
  type AbortSource,
  type Client,
  defineResource,
  type KubernetesObject,
  NotFoundError,
  type OwnerReference,
  type Projection,
  type Resource,
  type Stored,
} from "@pcmc/controller-runtime";
import type { DaemonSet, Deployment, StatefulSet } from "kubernetes-types/apps/v1.d.ts";
import type { Pod } from "kubernetes-types/core/v1.d.ts";
import { RESTARTED_AT, restartedForIn, type Workload } from "./rollout.ts";

const apps = <T extends KubernetesObject>(kind: string, plural: string): Resource<T> =>
  defineResource<T>({ apiVersion: "apps/v1", kind, plural, namespaced: true });

const ReplicaSets = apps("ReplicaSet", "replicasets");
const Deployments = apps<Deployment>("Deployment", "deployments");
const StatefulSets = apps<StatefulSet>("StatefulSet", "statefulsets");
const DaemonSets = apps<DaemonSet>("DaemonSet", "daemonsets");

/** A workload that can be restarted, by name. */
export interface WorkloadReference {
  readonly kind: Workload["kind"];
  readonly namespace: string;
  readonly name: string;
}

/** Whose Pods are. */
export type PodOwner =
  | { readonly type: "workload"; readonly reference: WorkloadReference; readonly uid: string }
  /** Nothing that we restart; `name` says what: `Job backup`. */
  | { readonly type: "other"; readonly name: string };

/** A workload as it was read, with what a write of it has to name. */
export interface ReadWorkload extends Workload {
  readonly object: Stored<KubernetesObject>;
}

const owners: Projection = { metadata: { ownerReferences: true } };

/** ReplicaSets whose owner is remembered; it hardly ever changes, and a rollout asks for it again and again. */
const REMEMBERED = 4_096;

/** Reads and restarts the workloads that Pods belong to. They are read when they are needed: rollouts are rare. */
export class Workloads {
  readonly #client: Client;
  /** By UID of the ReplicaSet. */
  readonly #replicaSetOwners = new Map<string, PodOwner>();

  constructor(client: Client) {
    this.#client = client;
  }

  /** Whose a Pod is, by controller references; `undefined` where its owner is gone. */
  async ownerOf({ metadata }: Stored<Pod>, signal: AbortSource): Promise<PodOwner | undefined> {
    const owner = controllerOf(metadata.ownerReferences);
    const { namespace = "" } = metadata;
    if (owner === undefined) return { type: "other", name: `Pod ${metadata.name} (no workload)` };
    if (owner.apiVersion.startsWith("apps/") && owner.kind === "ReplicaSet")
      return this.#ownerOfReplicaSet(owner, namespace, signal);
    return ownerFrom(owner, namespace);
  }

  /** @returns `undefined` where it is gone. */
  async read({ kind, namespace, name }: WorkloadReference, signal: AbortSource): Promise<ReadWorkload | undefined> {
    try {
      switch (kind) {
        case "Deployment":
          return ofDeployment(await this.#client.get(Deployments, { namespace, name }, { signal }));
        case "StatefulSet":
          return ofStatefulSet(await this.#client.get(StatefulSets, { namespace, name }, { signal }));
        case "DaemonSet":
          return ofDaemonSet(await this.#client.get(DaemonSets, { namespace, name }, { signal }));
      }
    } catch (error) {
      if (error instanceof NotFoundError) return undefined;
      throw error;
    }
  }

  /** Puts annotations on a workload's Pod template, only if nobody has changed the workload since it was read. */
  async annotateTemplate(
    { kind, object: { metadata } }: ReadWorkload,
    annotations: Readonly<Record<string, string>>,
    signal: AbortSource,
  ): Promise<void> {
    const { namespace = "", name, uid, resourceVersion } = metadata;
    const patch = { metadata: { uid, resourceVersion }, spec: { template: { metadata: { annotations } } } };
    const resource = { Deployment: Deployments, StatefulSet: StatefulSets, DaemonSet: DaemonSets }[kind];
    await this.#client.patch<KubernetesObject>(resource, { namespace, name }, patch, {
      type: "merge",
      signal,
      project: {},
    });
  }

  async #ownerOfReplicaSet(
    { name, uid }: OwnerReference,
    namespace: string,
    signal: AbortSource,
  ): Promise<PodOwner | undefined> {
    const known = this.#replicaSetOwners.get(uid);
    if (known !== undefined) return known;
    const found = await this.#client
      .get(ReplicaSets, { namespace, name }, { signal, project: owners })
      .catch((error: unknown) => {
        if (error instanceof NotFoundError) return undefined;
        throw error;
      });
    if (found?.metadata.uid !== uid) return undefined;
    const owner = controllerOf(found.metadata.ownerReferences);
    const result: PodOwner =
      owner === undefined ? { type: "other", name: `ReplicaSet ${name}` } : ownerFrom(owner, namespace);
    if (this.#replicaSetOwners.size >= REMEMBERED) this.#replicaSetOwners.clear();
    this.#replicaSetOwners.set(uid, result);
    return result;
  }
}

const controllerOf = (references: readonly OwnerReference[] = []): OwnerReference | undefined =>
  references.find(({ controller }) => controller === true);

const ownerFrom = ({ apiVersion, kind, name, uid }: OwnerReference, namespace: string): PodOwner => {
  const isOurs = kind === "Deployment" || kind === "StatefulSet" || kind === "DaemonSet";
  if (!apiVersion.startsWith("apps/") || !isOurs) return { type: "other", name: `${kind} ${name}` };
  return { type: "workload", reference: { kind, namespace, name }, uid };
};

interface TemplateAnnotations {
  readonly metadata?: { readonly annotations?: Readonly<Record<string, string>> };
}

/** What the three kinds have in common. */
const common = (object: Stored<Deployment | StatefulSet | DaemonSet>, template: TemplateAnnotations | undefined) => {
  const annotations = template?.metadata?.annotations;
  const at = Date.parse(annotations?.[RESTARTED_AT] ?? "");
  const { generation = 0 } = object.metadata;
  return {
    name: object.metadata.name,
    object,
    restartedFor: restartedForIn(annotations),
    restartedAt: Number.isNaN(at) ? undefined : new Date(at),
    isObserved: (object.status?.observedGeneration ?? 0) >= generation,
    isDeleted: object.metadata.deletionTimestamp !== undefined,
    isStuck: false,
  };
};

const BEING_DELETED = "is being deleted";
const ON_DELETE = "has updateStrategy OnDelete";

/** By the rules of `kubectl rollout status`. */
export const ofDeployment = (object: Stored<Deployment>): ReadWorkload => {
  const { spec, status = {} } = object;
  const { isObserved, isDeleted, ...shared } = common(object, spec?.template);
  const { replicas = 0, updatedReplicas = 0, availableReplicas = 0, conditions = [] } = status;
  const wanted = spec?.replicas ?? 1;
  const pausedMessage = spec?.paused === true ? "is paused" : undefined;
  return {
    ...shared,
    kind: "Deployment",
    obstacle: isDeleted ? BEING_DELETED : pausedMessage,
    isReplacing: !isObserved || updatedReplicas < wanted || replicas > updatedReplicas,
    isAvailable: availableReplicas >= wanted,
    isStuck: isObserved && conditions.some(({ type, status: is }) => type === "Progressing" && is === "False"),
  };
};

/** By the rules of `kubectl rollout status`: with a partition, the Pods below it stay as they are. */
export const ofStatefulSet = (object: Stored<StatefulSet>): ReadWorkload => {
  const { spec, status } = object;
  const { isObserved, isDeleted, ...shared } = common(object, spec?.template);
  const { type, rollingUpdate } = spec?.updateStrategy ?? {};
  const wanted = spec?.replicas ?? 1;
  const partition = rollingUpdate?.partition ?? 0;
  const { updatedReplicas = 0, readyReplicas = 0, currentRevision, updateRevision } = status ?? {};
  const isUpdated =
    currentRevision === updateRevision || (partition > 0 && updatedReplicas >= Math.max(0, wanted - partition));
  const onDelete = type === "OnDelete" ? ON_DELETE : undefined;
  return {
    ...shared,
    kind: "StatefulSet",
    obstacle: isDeleted ? BEING_DELETED : onDelete,
    isReplacing: !isObserved || !isUpdated,
    isAvailable: readyReplicas >= wanted,
  };
};

/** By the rules of `kubectl rollout status`. */
export const ofDaemonSet = (object: Stored<DaemonSet>): ReadWorkload => {
  const { spec, status } = object;
  const { isObserved, isDeleted, ...shared } = common(object, spec?.template);
  const { desiredNumberScheduled = 0, updatedNumberScheduled = 0, numberAvailable = 0 } = status ?? {};
  const onDelete = spec?.updateStrategy?.type === "OnDelete" ? ON_DELETE : undefined;
  return {
    ...shared,
    kind: "DaemonSet",
    obstacle: isDeleted ? BEING_DELETED : onDelete,
    isReplacing: !isObserved || updatedNumberScheduled < desiredNumberScheduled,
    isAvailable: numberAvailable >= desiredNumberScheduled,
  };
};
