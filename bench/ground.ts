import { setTimeout as sleep } from "node:timers/promises";
import { type Cluster, startCluster } from "@pcmc/devcluster";
import { type Etcd, etcdOf } from "./etcd.ts";
import { apply, type Identity, type IdentityName, identityOf, installServiceAccount } from "./identity.ts";
import { quietServer } from "./server-usage.ts";
import {
  createConfig,
  createNamespace,
  createPods,
  deleteConfig,
  deleteConfigMaps,
  STORED_CONFIG_MAPS,
} from "./workload.ts";

/** What a measurement works on: a control plane, as whom to speak to it, and how many Pods there are. */
export interface Ground {
  readonly cluster: Cluster;
  readonly etcd: Etcd;
  readonly identity: Identity;
  readonly pods: number;
  /** Connections of the raw driver, and Pods that the manager works on at a time. */
  readonly connections: number;
}

/** A control plane of its own for each number of Pods, with the CRD and the manager's rights, and nothing else. */
export const startGroundCluster = async (): Promise<Cluster> => {
  const cluster = await startCluster({
    controllerManager: false,
    scheduler: false,
    apiServerFlags: {
      // Done between the rounds instead.
      "etcd-compaction-interval": "0",
      // Clears between two rounds, which nobody measures.
      "delete-collection-workers": "16",
    },
  });
  try {
    await apply(cluster, "crd");
    await installServiceAccount(cluster);
    return cluster;
  } catch (error) {
    await cluster.stop();
    throw error;
  }
};

/** A ground as `name`, on a cluster that has its Pods. */
export const groundFor = async (
  cluster: Cluster,
  name: IdentityName,
  { pods, connections }: { readonly pods: number; readonly connections: number },
): Promise<Ground> => ({
  cluster,
  etcd: etcdOf(cluster),
  identity: await identityOf(cluster, name),
  pods,
  connections,
});

/** Creates the Pods and the PodConfigMapConfig. */
export const fill = async (cluster: Cluster, pods: number): Promise<void> => {
  await createNamespace(cluster);
  await createPods(cluster, pods);
  await createConfig(cluster);
};

/**
 * The state that each round begins with, raw and ours: the Pods, a PodConfigMapConfig that nobody has seen, no
 * ConfigMap, no history in etcd, and a server that has nothing left to do.
 */
export const emptied = async (ground: Ground): Promise<void> => {
  const { cluster, etcd } = ground;
  await deleteConfig(cluster);
  await deleteConfigMaps(cluster);
  while ((await countConfigMaps(ground)) > 0) await sleep(50);
  await createConfig(cluster);
  await etcd.compact();
  await quietServer(cluster);
};

/** How many of the ConfigMaps are there. */
export const countConfigMaps = ({ etcd }: Ground): Promise<number> => etcd.count(STORED_CONFIG_MAPS);
