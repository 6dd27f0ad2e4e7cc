import { type Client, NotFoundError, Pods, type Projection, type Stored } from "@pcmc/controller-runtime";
import type { Deployment } from "kubernetes-types/apps/v1.d.ts";
import { controllerOf, currentPods } from "../../podlogreader/current-pods.ts";
import { Deployments, ReplicaSets } from "../../podlogreader/sources.ts";
import { InputError } from "../io.ts";
import { CALL } from "./session.ts";

/** A Deployment and its current Pods. */
export interface DeploymentPods {
  readonly deployment: Stored<Deployment>;
  /** Sorted names. */
  readonly pods: readonly string[];
  /** Names of all Pods of its namespace. */
  readonly existing: ReadonlySet<string>;
}

const OWNERSHIP = { labels: true, ownerReferences: true } as const;
const POD_FIELDS: Projection = { metadata: OWNERSHIP };
const REPLICA_SET_FIELDS: Projection = { metadata: OWNERSHIP, spec: { selector: true } };

/** @throws InputError where there is no such Deployment; what the client throws. */
export const readDeployment = async (
  client: Client,
  key: { readonly namespace: string; readonly name: string },
): Promise<DeploymentPods> => {
  const { namespace, name } = key;
  // First alone: who mistyped a name should not wait for thousands of Pods.
  const deployment = await client.get(Deployments, key, CALL).catch((error: unknown) => {
    if (!(error instanceof NotFoundError)) throw error;
    throw new InputError([`there is no Deployment ${name} in namespace ${namespace}`]);
  });
  // In this order: a Pod is younger than its ReplicaSet, so that of each Pod that is seen is seen too.
  const pods = await client.list(Pods, { ...CALL, namespace, project: POD_FIELDS });
  const replicaSets = await client.list(ReplicaSets, { ...CALL, namespace, project: REPLICA_SET_FIELDS });
  const byReplicaSet = Map.groupBy(pods.items, (pod) => controllerOf("ReplicaSet", pod));
  const byDeployment = Map.groupBy(replicaSets.items, (replicaSet) => controllerOf("Deployment", replicaSet));
  const controlled = {
    replicaSets: (uid: string) => byDeployment.get(uid) ?? [],
    pods: (uid: string) => byReplicaSet.get(uid) ?? [],
  };
  const existing = new Set(pods.items.map((pod) => pod.metadata.name));
  return { deployment, pods: currentPods(deployment, controlled), existing };
};
