import {
  type Change,
  type Client,
  Controller,
  holdUntilSynced,
  type KeyString,
  type KubernetesObject,
  keyOf,
  type Stored,
  systemClock,
  watch,
  watchChanges,
} from "@pcmc/controller-runtime";
import type { Deployment } from "kubernetes-types/apps/v1.d.ts";
import type { Pod } from "kubernetes-types/core/v1.d.ts";
import type { Role } from "kubernetes-types/rbac/v1.d.ts";
import type { ControllerParts } from "../controllers/controller-parts.ts";
import type { PodLogReaderMetrics } from "../metrics/podlogreader-metrics.ts";
import { deploymentNameOf, markedUidOf } from "./names.ts";
import { DeploymentReconciler } from "./reconciler.ts";
import { type Choices, isAffiliated } from "./role.ts";
import {
  deploymentKeyOf,
  deploymentOfPod,
  deploymentOfReplicaSet,
  replicaSetUidOf,
  type Sources,
  sourcesOf,
} from "./sources.ts";
import { WORKERS } from "./workers.ts";

export interface PodLogReaderOptions extends ControllerParts, Choices {
  readonly metrics: PodLogReaderMetrics;
  /** See `ReconcilerOptions`. */
  readonly recheckPeriod?: number | undefined;
}

/**
 * The controller that keeps a Role for each labelled Deployment in step with its Pods.
 *
 * The caches are asked for at once, so that a standby keeps them in step. The controller is made for each term of a leader: what
 * an earlier term remembered may be wrong by now.
 */
export const podLogReaderControllers = (options: PodLogReaderOptions): ((client: Client) => readonly Controller[]) => {
  const sources = sourcesOf(options.cache);
  showSources(options.metrics, sources);
  return (client) => [controllerOf(options, { client, sources })];
};

/** What the caches show, in a standby too. */
const showSources = (metrics: PodLogReaderMetrics, sources: Sources): void => {
  const { deployments, roles, serviceAccounts, roleBindings } = sources;
  metrics.heldBy(deployments);
  metrics.heldBy(roles);
  metrics.heldBy(serviceAccounts);
  metrics.heldBy(roleBindings);
  // Counts of half a list would look like a loss.
  metrics.showRoles(() => (roles.ready ? countsOf(roles.values()) : []));
};

/** How many Roles are there by namespace. Anyone can put our label on one: those count that bear the other mark and a name of ours. */
const countsOf = (roles: Iterable<Stored<Role>>): Map<string, number> => {
  const counts = new Map<string, number>();
  for (const { metadata } of roles) {
    if (markedUidOf(metadata) === undefined || deploymentNameOf(metadata) === undefined) continue;
    const { namespace = "" } = metadata;
    counts.set(namespace, (counts.get(namespace) ?? 0) + 1);
  }
  return counts;
};

const controllerOf = (
  options: PodLogReaderOptions,
  { client, sources }: { readonly client: Client; readonly sources: Sources },
): Controller => {
  const { deployments, replicaSets, pods, roles, serviceAccounts, roleBindings } = sources;
  const { log, observer, queueMetrics, maxRetries, timeout, resyncPeriod: period } = options;
  const { reconcile, staleIn } = reconcilerOf(options, { client, sources });
  // Which Pods a Deployment has, and whether there is one at all, is known only where all of this is.
  const held = holdUntilSynced([deployments, replicaSets, pods, roles, serviceAccounts, roleBindings], reconcile);
  return new Controller({
    name: "podlogreader",
    log,
    observer,
    queueMetrics,
    maxRetries,
    timeout,
    watches: [
      watchChanges(deployments, affiliated),
      watch(replicaSets, (set) => keyWhereAffiliated(deploymentOfReplicaSet(sources, set))),
      watchChanges(pods, podsDeployments(sources, staleIn)),
      watch(roles, deploymentKeyOf),
      watch(serviceAccounts, deploymentKeyOf),
      watch(roleBindings, deploymentKeyOf),
      held.watch,
    ],
    reconcile: held.reconcile,
    workers: WORKERS,
    resync: { period, keys: () => keysOf(sources) },
  });
};

const reconcilerOf = (
  options: PodLogReaderOptions,
  { client, sources }: { readonly client: Client; readonly sources: Sources },
) => {
  const { events, metrics, createSaAndRoleBinding, allowPodGet, recheckPeriod } = options;
  const reconciler = new DeploymentReconciler({
    client,
    sources,
    events,
    metrics,
    createSaAndRoleBinding,
    allowPodGet,
    recheckPeriod,
    clock: systemClock,
    random: Math.random,
  });
  return { reconcile: reconciler.reconcile, staleIn: (pod: KeyString) => reconciler.staleIn(pod) };
};

/** Most Deployments of a cluster are never labelled. What was made for one that was, comes with the watches of that. */
const affiliated = (change: Change<Stored<Deployment>>): KeyString | undefined => {
  const versions = change.type === "updated" ? [change.old, change.object] : [change.object];
  return versions.some(isAffiliated) ? keyOf(change.object) : undefined;
};

const keyWhereAffiliated = (deployment: Stored<Deployment> | undefined): KeyString | undefined =>
  deployment !== undefined && isAffiliated(deployment) ? keyOf(deployment) : undefined;

/** The Deployments that a change of a Pod concerns. What its status says is nothing to us. */
const podsDeployments =
  (sources: Sources, staleIn: (pod: KeyString) => Iterable<KeyString>) =>
  (change: Change<Stored<Pod>>): Set<KeyString> | undefined => {
    if (change.type === "updated" && isSameMember(change.old, change.object)) return undefined;
    const versions = change.type === "updated" ? [change.old, change.object] : [change.object];
    const keys = new Set<KeyString>();
    for (const pod of versions) {
      const key = keyWhereAffiliated(deploymentOfPod(sources, pod));
      if (key !== undefined) keys.add(key);
    }
    if (change.type !== "deleted") for (const key of staleIn(keyOf(change.object))) keys.add(key);
    return keys;
  };

/** Whether a Pod belongs where it belonged before. */
const isSameMember = (old: Stored<Pod>, now: Stored<Pod>): boolean =>
  old.metadata.uid === now.metadata.uid &&
  replicaSetUidOf(old) === replicaSetUidOf(now) &&
  sameLabels(old.metadata.labels, now.metadata.labels);

const sameLabels = (a: Readonly<Record<string, string>> = {}, b: Readonly<Record<string, string>> = {}): boolean => {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
};

/** Every Deployment that has something of ours, or should. */
function* keysOf({ deployments, roles, serviceAccounts, roleBindings }: Sources): Generator<KeyString> {
  for (const deployment of deployments.values()) if (isAffiliated(deployment)) yield keyOf(deployment);
  const made: readonly Iterable<KubernetesObject>[] = [roles, serviceAccounts, roleBindings].map((informer) =>
    informer.values(),
  );
  for (const objects of made) {
    for (const object of objects) {
      const key = deploymentKeyOf(object);
      if (key !== undefined) yield key;
    }
  }
}
