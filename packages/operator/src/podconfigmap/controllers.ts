import {
  type Client,
  Controller,
  type ControllerObserver,
  holdUntilSynced,
  type KeyString,
  keyOf,
  Priority,
  parseKey,
  systemClock,
  type Watch,
  watch,
  watchChanges,
} from "@pcmc/controller-runtime";
import type { TemplateEngine } from "@pcmc/gotemplate";
import type { ControllerParts } from "../controllers/controller-parts.ts";
import { MissingPermissions } from "../controllers/missing-permissions.ts";
import type { OperatorMetrics } from "../metrics/operator-metrics.ts";
import { ConfigReconciler } from "./config-reconciler.ts";
import { configsInConflict, configsSummedAnew, widenForEbpf } from "./ebpf-pods.ts";
import { ebpfConditionTypes } from "./ebpf-status.ts";
import { podsConcerned, podsWhoseOutcomeChanges } from "./fan-out.ts";
import { Outcomes } from "./outcomes.ts";
import { madeFor } from "./ownership.ts";
import { PodReconciler } from "./pod-reconciler.ts";
import { indexes, type Sources, sourcesOf } from "./sources.ts";
import { Templates } from "./templates.ts";

export interface PodConfigMapOptions extends ControllerParts {
  /** Renders `configMapDataTemplate`. The caller closes it. */
  readonly engine: Pick<TemplateEngine, "compileAll">;
  readonly metrics: OperatorMetrics;
  readonly podWorkers: number;
  readonly pcmcWorkers: number;
  /** See `PodReconcilerOptions`. */
  readonly recheckPeriod?: number | undefined;
}

/** Outcomes come in bursts, and a status is computed from all Pods: so long it waits for the rest of a burst. */
const STATUS_DELAY = 200;

/**
 * The two controllers behind PodConfigMapConfig: `pod` settles the ConfigMaps of one Pod, `pcmc` the status of one
 * PodConfigMapConfig.
 *
 * The caches are asked for at once, so that a standby keeps them in step. The controllers are made for each term of a leader,
 * with the client that writes in it: what an earlier term remembered may be wrong by now.
 */
export const podConfigMapControllers = (options: PodConfigMapOptions): ((client: Client) => readonly Controller[]) => {
  const { engine, log } = options;
  const sources = sourcesOf(options.cache);
  widenForEbpf(sources);
  showSources(options.metrics, sources);
  const templates = new Templates({ engine, sources, log, clock: systemClock, random: Math.random });
  return (client) => controllersOf(options, { client, sources, templates });
};

/** What the caches show, in a standby too: what it counted as a leader goes when its namespace does. */
const showSources = (metrics: OperatorMetrics, sources: Sources): void => {
  const { pods, configs, configMaps } = sources;
  // Counts of half a list would look like a loss.
  const once = <T>(isReady: boolean, values: () => Iterable<T>): Iterable<T> => (isReady ? values() : []);
  metrics.show({
    readiness: () => once(configs.ready, () => readinessOf(sources)),
    ebpfReadiness: () => once(configs.ready, () => ebpfReadinessOf(sources)),
    configMaps: () => once(configs.ready && configMaps.ready, () => countsOf(sources)),
  });
  metrics.heldBy(pods);
  metrics.heldBy(configs);
  metrics.heldBy(configMaps);
};

const controllersOf = (
  options: PodConfigMapOptions,
  { client, sources, templates }: { readonly client: Client; readonly sources: Sources; readonly templates: Templates },
): readonly Controller[] => {
  const { metrics } = options;
  const { pods, configs, configMaps } = sources;
  const outcomes = new Outcomes();
  const onOutcome = (pcmc: KeyString): void => configController.enqueue(pcmc, { after: STATUS_DELAY });
  const permissions = new MissingPermissions({ clock: systemClock, random: Math.random });
  const { recheckPeriod } = options;
  const podReconciler = new PodReconciler({
    client,
    sources,
    templates,
    outcomes,
    metrics,
    permissions,
    random: Math.random,
    recheckPeriod,
    onOutcome,
  });
  const configReconciler = new ConfigReconciler({
    client,
    sources,
    templates,
    outcomes,
    metrics,
    permissions,
    events: options.events,
    clock: systemClock,
  });
  const { log, queueMetrics, maxRetries, timeout, resyncPeriod: period } = options;
  const common = { log, queueMetrics, maxRetries, timeout, observer: observed(options, { sources, permissions }) };
  // A Pod can be settled before all others are known; the reconciler waits where that is not so.
  const pod = holdUntilSynced([configs, configMaps], podReconciler.reconcile);
  const pcmc = holdUntilSynced([configs, pods], configReconciler.reconcile);
  const podController = new Controller({
    ...common,
    name: "pod",
    watches: [
      watch(pods, keyOf, { early: true }),
      watchChanges(configs, podsWhoseOutcomeChanges(sources), { priority: Priority.bulk }),
      // Our own writes too: what one pair gives up is another's to take.
      watchChanges(configMaps, podsConcerned(sources), { ownWrites: true }),
      pod.watch,
    ],
    reconcile: pod.reconcile,
    workers: options.podWorkers,
    resync: { period, keys: () => keysOf(pods.values()) },
  });
  const configController: Controller = new Controller({
    ...common,
    name: "pcmc",
    watches: [watch(configs, keyOf), agentReports(sources, onOutcome), pcmc.watch],
    reconcile: pcmc.reconcile,
    workers: options.pcmcWorkers,
    resync: { period, keys: () => keysOf(configs.values()) },
  });
  return [podController, configController];
};

/** What eBPF makes of one PodConfigMapConfig by others: what agents say of Pods, and other specs for the same Pods. */
const agentReports = (sources: Sources, onReport: (pcmc: KeyString) => void): Watch => {
  const { pods, configs } = sources;
  const summed = configsSummedAnew(sources);
  const rivals = configsInConflict(sources);
  return {
    start: () => {
      const ends = [
        pods.onChange((change) => summed(change).forEach(onReport)),
        configs.onChange((change) => rivals(change).forEach(onReport)),
      ];
      return () => {
        for (const end of ends) end();
      };
    },
    ready: (signal) => pods.whenReady(signal),
  };
};

/** Also forgets what was missing in a namespace that is gone: whatever goes from one is reconciled once more. */
const observed = (
  { observer }: PodConfigMapOptions,
  { sources, permissions }: { readonly sources: Sources; readonly permissions: MissingPermissions },
): ControllerObserver => ({
  ...observer,
  onReconcile: (result) => {
    observer.onReconcile(result);
    const { namespace } = parseKey(result.key);
    if (isEmpty(sources, namespace)) permissions.forgetNamespace(namespace);
  },
});

/** Whether a namespace has nothing that concerns us. */
const isEmpty = ({ pods, configs, configMaps }: Sources, namespace: string): boolean =>
  [pods, configs, configMaps].every((informer) => informer.countIn(namespace) === 0);

function* keysOf(objects: Iterable<Parameters<typeof keyOf>[0]>): Generator<KeyString> {
  for (const object of objects) yield keyOf(object);
}

function* readinessOf({ configs }: Sources) {
  for (const { metadata, status } of configs.values()) {
    const ready =
      status?.conditions?.some((condition) => condition.type === "Ready" && condition.status === "True") ?? false;
    yield { namespace: metadata.namespace ?? "", name: metadata.name, ready };
  }
}

function* ebpfReadinessOf({ configs }: Sources) {
  for (const { metadata, status } of configs.values()) {
    const condition = status?.conditions?.find(({ type }) => type === ebpfConditionTypes.ready);
    if (condition === undefined) continue;
    yield { namespace: metadata.namespace ?? "", name: metadata.name, ready: condition.status === "True" };
  }
}

/**
 * Anyone can put our label on a ConfigMap: those count that are ours by name, labels and owner. Looked at when scraped: 3 ms
 * for 10,000 of them.
 */
function* countsOf({ configs, configMaps }: Sources) {
  for (const config of configs.values()) {
    const { namespace = "", name } = config.metadata;
    let count = 0;
    for (const { metadata } of configMaps.byIndex(indexes.pcmc, keyOf(config))) {
      if (madeFor(metadata) !== undefined) count += 1;
    }
    yield { namespace, pcmc: name, count };
  }
}
