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
import type { RestartAnnotations } from "./rollout-mark.ts";
import type { Workload } from "./rollout-verdict.ts";
import { ofDaemonSet, ofDeployment, ofStatefulSet, type ReadWorkload } from "./rollout-workload.ts";

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
  | { readonly type: "other"; readonly name: string }
  | { readonly type: "gone" };

const owners: Projection = { metadata: { ownerReferences: true } };

/** ReplicaSets whose owner is remembered; it hardly ever changes, and a rollout asks for it again and again. */
const REMEMBERED = 4_096;

/** Reads and restarts the workloads that Pods belong to. They are read when they are needed: rollouts are rare. */
export class Workloads {
  readonly #client: Client;
  /** By UID of the ReplicaSet; one that is gone does not come back. */
  readonly #replicaSetOwners = new Map<string, PodOwner>();

  constructor(client: Client) {
    this.#client = client;
  }

  /** Whose a Pod is, as far as that can be told without a request. */
  knownOwnerOf({ metadata }: Stored<Pod>): PodOwner | undefined {
    const owner = controllerOf(metadata.ownerReferences);
    if (owner === undefined) return { type: "other", name: `Pod ${metadata.name} (no workload)` };
    return isReplicaSet(owner) ? this.#replicaSetOwners.get(owner.uid) : ownerFrom(owner, metadata.namespace ?? "");
  }

  /** Whose a Pod is, by controller references: one request at the most. */
  async ownerOf(pod: Stored<Pod>, signal: AbortSource): Promise<PodOwner> {
    const known = this.knownOwnerOf(pod);
    const { ownerReferences, namespace = "" } = pod.metadata;
    const owner = controllerOf(ownerReferences);
    if (known !== undefined || owner === undefined) return known ?? { type: "gone" };
    const found = await this.#readOwner(owner, namespace, signal);
    for (const oldest of this.#replicaSetOwners.keys()) {
      if (this.#replicaSetOwners.size < REMEMBERED) break;
      this.#replicaSetOwners.delete(oldest);
    }
    this.#replicaSetOwners.set(owner.uid, found);
    return found;
  }

  /** @returns `undefined` where it is gone, or going. */
  async read(reference: WorkloadReference, signal: AbortSource): Promise<ReadWorkload | undefined> {
    const workload = await this.#get(reference, signal);
    return workload?.object.metadata.deletionTimestamp === undefined ? workload : undefined;
  }

  async #get({ kind, namespace, name }: WorkloadReference, signal: AbortSource): Promise<ReadWorkload | undefined> {
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

  /** Writes what restarts a workload, only if nobody has changed it since it was read. @throws ConflictError otherwise. */
  async restart(
    { kind, object: { metadata } }: ReadWorkload,
    { workload, template }: RestartAnnotations,
    signal: AbortSource,
  ): Promise<void> {
    const { namespace = "", name, uid, resourceVersion } = metadata;
    const patch = {
      metadata: { uid, resourceVersion, annotations: workload },
      spec: { template: { metadata: { annotations: template } } },
    };
    const resource = { Deployment: Deployments, StatefulSet: StatefulSets, DaemonSet: DaemonSets }[kind];
    await this.#client.patch<KubernetesObject>(resource, { namespace, name }, patch, {
      type: "merge",
      signal,
      project: {},
    });
  }

  async #readOwner({ name, uid }: OwnerReference, namespace: string, signal: AbortSource): Promise<PodOwner> {
    const found = await this.#client
      .get(ReplicaSets, { namespace, name }, { signal, project: owners })
      .catch((error: unknown) => {
        if (error instanceof NotFoundError) return undefined;
        throw error;
      });
    if (found?.metadata.uid !== uid) return { type: "gone" };
    const owner = controllerOf(found.metadata.ownerReferences);
    return owner === undefined ? { type: "other", name: `ReplicaSet ${name}` } : ownerFrom(owner, namespace);
  }
}

const isReplicaSet = ({ apiVersion, kind }: OwnerReference): boolean =>
  apiVersion.startsWith("apps/") && kind === "ReplicaSet";

const controllerOf = (references: readonly OwnerReference[] = []): OwnerReference | undefined =>
  references.find(({ controller }) => controller === true);

const ownerFrom = ({ apiVersion, kind, name, uid }: OwnerReference, namespace: string): PodOwner => {
  const isOurs = kind === "Deployment" || kind === "StatefulSet" || kind === "DaemonSet";
  if (!apiVersion.startsWith("apps/") || !isOurs) return { type: "other", name: `${kind} ${name}` };
  return { type: "workload", reference: { kind, namespace, name }, uid };
};
