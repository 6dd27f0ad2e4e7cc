import { countedCounter, type Registry, readGauge, type Sample } from "@pcmc/controller-runtime";
import { PREFIX } from "./gauges.ts";
import type { GroupMetrics, Operation } from "./group-metrics.ts";
import type { OperatorMetrics } from "./operator-metrics.ts";

/** What a Watcher's status says, for the gauges. */
export interface WatcherState {
  readonly namespace: string;
  readonly name: string;
  /** Whether the condition `Ready` is True. */
  readonly ready: boolean;
  readonly injected: number;
  readonly missed: number;
  readonly outdated: number;
}

/** What the controller of Watchers tells of itself. */
export interface WatcherMetrics extends GroupMetrics {
  /** Counts a write of a managed ConfigMap, by how it went. */
  onConfigMapWrite(operation: Operation, namespace: string, error?: unknown): void;
  /** Counts a workload that was restarted for `rollout: OnChange`, by how it went. */
  onRestart(namespace: string, error?: unknown): void;
  /** Connects the gauges: `states` is read at each scrape, and should yield nothing before the cache is in step. */
  showWatchers(states: () => Iterable<WatcherState>): void;
}

/** Registers what is told of Watchers. @throws Error when the registry has such metrics already. */
export const watcherMetrics = (registry: Registry, operator: OperatorMetrics): WatcherMetrics => {
  let states: () => Iterable<WatcherState> = () => [];
  const restarts = countedCounter({
    registry,
    name: `${PREFIX}watcher_restarts_total`,
    help: "Workloads restarted because what a Watcher injects has changed, by result (success, error).",
    labels: ["namespace", "result"],
  });
  operator.onGone((namespace) => restarts.remove("namespace", namespace));
  // A sum over the replicas would count each Watcher several times.
  const shown = () => (operator.leads ? states() : []);
  readGauge({
    registry,
    name: `${PREFIX}watcher_status`,
    help: "1 where the Watcher's condition Ready is True, else 0.",
    read: () => readiness(shown()),
  });
  readGauge({
    registry,
    name: `${PREFIX}watcher_pods`,
    help: "Pods that ask for a Watcher, by state: injected, missed, outdated (of those injected).",
    read: () => podsByState(shown()),
  });
  return {
    heldBy: operator.heldBy,
    onFailure: operator.onFailure,
    onConfigMapWrite: operator.onOperation,
    onRestart: (namespace, error) => {
      restarts.at(namespace, error === undefined ? "success" : "error").value += 1;
    },
    showWatchers: (given) => {
      states = given;
    },
  };
};

function* readiness(states: Iterable<WatcherState>): Generator<Sample<number>> {
  for (const { namespace, name, ready } of states) yield { labels: { name, namespace }, value: ready ? 1 : 0 };
}

function* podsByState(states: Iterable<WatcherState>): Generator<Sample<number>> {
  for (const { namespace, name, ...counts } of states) {
    for (const state of ["injected", "missed", "outdated"] as const) {
      yield { labels: { name, namespace, state }, value: counts[state] };
    }
  }
}
