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
  type Watch,
  watch,
  watchChanges,
} from "@pcmc/controller-runtime";
import type { Namespace } from "kubernetes-types/core/v1.d.ts";
import { ServerPodApi } from "../api/pod/server-pod-api.ts";
import type { Watcher } from "../api/watcher.ts";
import { conditionOf } from "../controllers/conditions.ts";
import type { ControllerParts } from "../controllers/controller-parts.ts";
import { MissingPermissions } from "../controllers/missing-permissions.ts";
import type { WatcherMetrics, WatcherState } from "../metrics/watcher-metrics.ts";
import { watchersConcerned } from "./concerned.ts";
import { ConfigMapWriter } from "./config-map-writer.ts";
import { DroppedFields, type DroppedFieldsOptions } from "./dropped-fields.ts";
import { whyExcluded } from "./excluded-namespaces.ts";
import { INJECTION } from "./names.ts";
import { NamespaceLabels } from "./namespace-labels.ts";
import { parsedWatcher } from "./parsed.ts";
import { PodEvents } from "./pod-events.ts";
import { whyNotReady } from "./readiness.ts";
import { WatcherReconciler } from "./reconciler.ts";
import { Rollouts } from "./rollouts.ts";
import { type Sources, sourcesOf, watcherOfConfigMap } from "./sources.ts";
import { WORKERS } from "./workers.ts";
import { Workloads } from "./workloads.ts";

export interface WatcherOptions extends ControllerParts {
  readonly metrics: WatcherMetrics;
  /** See `ConfigMapWriterOptions`. */
  readonly recheckPeriod?: number | undefined;
  /** See `RolloutsOptions.settle`. */
  readonly rolloutSettle?: number | undefined;
  /** The operator's. */
  readonly ownNamespace: string;
  /** Those that are watched (`WATCH_NAMESPACES`); empty = all. */
  readonly watchNamespaces: readonly string[];
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
  const namespaces = new NamespaceLabels(options);
  const { watchers, pods, configMaps } = sources;
  options.metrics.showWatchers(() => (watchers.ready ? statesOf(sources) : []));
  options.metrics.heldBy(watchers);
  options.metrics.heldBy(configMaps);
  options.metrics.heldBy(pods);
  return (client) => [controllerOf(options, { client, sources, namespaces })];
};

interface Parts {
  readonly client: Client;
  readonly sources: Sources;
  readonly namespaces: NamespaceLabels;
}

const controllerOf = (options: WatcherOptions, parts: Parts): Controller => {
  const { log, queueMetrics, observer, maxRetries, timeout, resyncPeriod: period } = options;
  const { pods, watchers, configMaps } = parts.sources;
  const onFound = (watcher: KeyString) => controller.enqueue(watcher);
  const term = new AbortController();
  const podEvents = new PodEvents({ events: options.events, clock: systemClock });
  const reconciler = reconcilerOf(options, { ...parts, onFound, podEvents, signal: term.signal });
  const held = holdUntilSynced([watchers, configMaps, pods], reconciler.reconcile);
  const ofPod = watchersConcerned(watchers);
  const controller: Controller = new Controller({
    name: "watcher",
    log,
    queueMetrics,
    observer,
    maxRetries,
    timeout,
    workers: WORKERS,
    watches: [
      watchChanges(watchers, (change) => {
        if (change.type === "deleted") reconciler.onDeleted(change.object);
        if (change.origin === "initial") podEvents.onInitial(keyOf(change.object));
        return makesRoom(change) ? ofNamespace(change.object, parts.sources) : keyOf(change.object);
      }),
      watch(configMaps, watcherOfConfigMap),
      watchChanges(pods, (change) => {
        for (const key of ofPod(change)) {
          if (change.origin === "initial") podEvents.onInitial(key);
          controller.enqueue(key, { after: STATUS_DELAY });
        }
        return undefined;
      }),
      ...namespaceWatches(parts),
      held.watch,
      endOfTerm(term),
    ],
    reconcile: held.reconcile,
    resync: { period, keys: () => keysOf(watchers.values()) },
  });
  return controller;
};

/** Labels of a namespace decide whether anything is injected there. */
const namespaceWatches = ({ namespaces: { informer }, sources: { watchers } }: Parts): readonly Watch[] =>
  informer === undefined
    ? []
    : [
        watchChanges(informer, (change) => {
          const isLabelled = change.type !== "updated" || injectionOf(change.old) !== injectionOf(change.object);
          return isLabelled ? keysOf(watchers.inNamespace(change.object.metadata.name)) : undefined;
        }),
      ];

const injectionOf = ({ metadata }: Namespace): string | undefined => metadata?.labels?.[INJECTION];

/** Aborts when the controller ends: what nobody waits for ends too. */
const endOfTerm = (term: AbortController): Watch => ({
  start: () => () => term.abort(new Error("the term of the controller has ended")),
  ready: () => Promise.resolve(),
});

const reconcilerOf = (
  { metrics, events, log, recheckPeriod, rolloutSettle, ownNamespace }: WatcherOptions,
  {
    client,
    sources,
    namespaces,
    onFound,
    podEvents,
    signal,
  }: Parts & Pick<DroppedFieldsOptions, "onFound" | "signal"> & { readonly podEvents: PodEvents },
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
    podEvents,
    droppedFields: new DroppedFields({ server: new ServerPodApi({ client, clock }), clock, signal, log, onFound }),
    whyExcluded: (name) => whyExcluded({ name, labels: namespaces.labelsOf(name) }, ownNamespace),
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
