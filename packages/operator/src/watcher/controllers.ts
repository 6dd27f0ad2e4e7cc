import {
  type Change,
  type Client,
  Controller,
  holdUntilSynced,
  type KeyString,
  keyOf,
  keyString,
  type Stored,
  systemClock,
  watch,
  watchChanges,
} from "@pcmc/controller-runtime";
import type { Pod } from "kubernetes-types/core/v1.d.ts";
import { ServerPodApi } from "../api/pod/server-pod-api.ts";
import type { Watcher } from "../api/watcher.ts";
import { conditionOf } from "../controllers/conditions.ts";
import type { ControllerParts } from "../controllers/controller-parts.ts";
import { MissingPermissions } from "../controllers/missing-permissions.ts";
import type { WatcherMetrics, WatcherState } from "../metrics/watcher-metrics.ts";
import { ConfigMapWriter } from "./config-map-writer.ts";
import { DroppedFields, type DroppedFieldsOptions } from "./dropped-fields.ts";
import { parsedWatcher } from "./parsed.ts";
import { PodEvents } from "./pod-events.ts";
import { whyNotReady } from "./readiness.ts";
import { WatcherReconciler } from "./reconciler.ts";
import { requestedBy } from "./requests.ts";
import { Rollouts } from "./rollouts.ts";
import { type Sources, sourcesOf, watcherOfConfigMap, watchersNamedBy } from "./sources.ts";
import { Workloads } from "./workloads.ts";

export interface WatcherOptions extends ControllerParts {
  readonly metrics: WatcherMetrics;
  /** See `ConfigMapWriterOptions`. */
  readonly recheckPeriod?: number | undefined;
  /** See `RolloutsOptions.settle`. */
  readonly rolloutSettle?: number | undefined;
}

/** Pods come in bursts, and a status is computed from all of them: so long it waits for the rest of a burst, milliseconds. */
const STATUS_DELAY = 1_000;

/**
 * The controller behind Watchers, `watcher`: managed ConfigMap, status, detector of Pods that were missed, rollouts.
 *
 * The caches are asked for at once, so that a standby keeps them in step. The controller is made for each term of a leader,
 * with the client that writes in it: what an earlier term remembered may be wrong by now.
 */
export const watcherControllers = (options: WatcherOptions): ((client: Client) => readonly Controller[]) => {
  const sources = sourcesOf(options.cache);
  const { watchers, pods, configMaps } = sources;
  options.metrics.showWatchers(() => (watchers.ready ? statesOf(sources) : []));
  options.metrics.heldBy(watchers);
  options.metrics.heldBy(configMaps);
  options.metrics.heldBy(pods);
  return (client) => [controllerOf(options, { client, sources })];
};

interface Parts {
  readonly client: Client;
  readonly sources: Sources;
}

const controllerOf = (options: WatcherOptions, { client, sources }: Parts): Controller => {
  const { log, queueMetrics, observer, maxRetries, timeout, resyncPeriod: period } = options;
  const { pods, watchers, configMaps } = sources;
  const onFound = (watcher: KeyString) => controller.enqueue(watcher);
  const reconciler = reconcilerOf(options, { client, sources, onFound });
  const held = holdUntilSynced([watchers, configMaps, pods], reconciler.reconcile);
  const ofPod = watchersConcerned(sources);
  const controller: Controller = new Controller({
    name: "watcher",
    log,
    queueMetrics,
    observer,
    maxRetries,
    timeout,
    watches: [
      watchChanges(watchers, (change) =>
        makesRoom(change) ? ofNamespace(change.object, sources) : keyOf(change.object),
      ),
      watch(configMaps, watcherOfConfigMap),
      watchChanges(pods, (change) => {
        for (const key of ofPod(change)) controller.enqueue(key, { after: STATUS_DELAY });
        return undefined;
      }),
      held.watch,
    ],
    reconcile: held.reconcile,
    resync: { period, keys: () => keysOf(watchers.values()) },
  });
  return controller;
};

const reconcilerOf = (
  { metrics, events, log, recheckPeriod, rolloutSettle }: WatcherOptions,
  { client, sources, onFound }: Parts & Pick<DroppedFieldsOptions, "onFound">,
): WatcherReconciler => {
  const clock = systemClock;
  const random = Math.random;
  const permissions = new MissingPermissions({ clock, random });
  const common = { client, sources, permissions, metrics, events, clock, random };
  return new WatcherReconciler({
    ...common,
    configMaps: new ConfigMapWriter({ ...common, recheckPeriod }),
    rollouts: new Rollouts({
      ...common,
      workloads: new Workloads(client),
      settle: rolloutSettle,
      revisionsIn: (namespace) => revisionsIn(sources, namespace),
    }),
    podEvents: new PodEvents(common),
    droppedFields: new DroppedFields({ server: new ServerPodApi({ client, clock }), log, onFound }),
  });
};

/** Whether a change gives others the name of a container or volume, or takes it. At the start all are looked at anyway. */
const makesRoom = (change: Change<Stored<Watcher>>): boolean => {
  if (change.origin === "initial") return false;
  return change.type !== "updated" || namesOf(change.old) !== namesOf(change.object);
};

const namesOf = ({ spec }: Watcher): string => JSON.stringify([spec?.container?.name, spec?.volume?.name]);

const ofNamespace = ({ metadata }: Stored<Watcher>, { watchers }: Sources): Iterable<KeyString> => {
  const { namespace = "", name } = metadata;
  return new Set([keyString(namespace, name), ...keysOf(watchers.inNamespace(namespace))]);
};

/** The Watchers whose numbers a change of a Pod can touch, those that do not exist included. */
const watchersConcerned =
  ({ watchers }: Sources) =>
  (change: Change<Stored<Pod>>): Iterable<KeyString> => {
    const versions = change.type === "updated" ? [change.old, change.object] : [change.object];
    const { namespace = "" } = change.object.metadata;
    // Most Pods of most clusters: nothing to do.
    const hasWatchers = watchers.countIn(namespace) > 0;
    const named = versions.flatMap(watchersNamedBy);
    if (!hasWatchers) return named;
    const all = watchers.inNamespace(namespace);
    const asked = versions.flatMap((pod) => requestedBy(pod, all).requests);
    return new Set([...named, ...asked.map(({ name }) => keyString(namespace, name))]);
  };

/** The present revisions of the Watchers for which workloads are restarted. */
const revisionsIn = ({ watchers }: Sources, namespace: string): ReadonlyMap<string, string> =>
  new Map(
    watchers.inNamespace(namespace).flatMap((watcher) => {
      const parsed = parsedWatcher(watcher);
      const counts = parsed.ok && parsed.spec.rollout === "OnChange" && whyNotReady(watcher) === undefined;
      return counts ? [[watcher.metadata.name, parsed.revision] as const] : [];
    }),
  );

function* keysOf(objects: Iterable<Stored<Watcher>>): Generator<KeyString> {
  for (const object of objects) yield keyOf(object);
}

function* statesOf({ watchers }: Sources): Generator<WatcherState> {
  for (const { metadata, status } of watchers.values()) {
    const { injected = 0, missed = 0, outdated = 0, conditions } = status ?? {};
    const ready = conditionOf(conditions, "Ready")?.status === "True";
    yield { namespace: metadata.namespace ?? "", name: metadata.name, ready, injected, missed, outdated };
  }
}
