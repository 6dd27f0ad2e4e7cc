import { countedCounter, countedHistogram, type Registry } from "@pcmc/controller-runtime";
import { type Gauges, PREFIX, registerGauges } from "./gauges.ts";
import type { GroupMetrics, Operation, ResourceType } from "./group-metrics.ts";
import { Namespaces } from "./namespaces.ts";

/** controller-runtime's shape, shortened: a histogram a namespace is many series. */
const DURATION_BUCKETS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** The product's metrics that all groups of controllers share; names and labels are those of docs/reference/metrics.md. */
export interface OperatorMetrics extends GroupMetrics {
  /** Whether this process leads; true without an election. What tells of objects is exported by the leader only. */
  readonly leads: boolean;
  /** Counts a write of a generated ConfigMap, by how it went. */
  onOperation(operation: Operation, namespace: string, error?: unknown): void;
  /** Takes note of one reconcile. */
  onReconcile(
    type: ResourceType,
    namespace: string,
    result: { readonly seconds: number; readonly errorType?: string | undefined },
  ): void;
  /** Connects gauges with what they show; what was connected before stays, unless it is named again. */
  show(gauges: Partial<Gauges>): void;
  /** `forget` is called with each namespace that is gone, perhaps more than once, to drop its series. */
  onGone(forget: (namespace: string) => void): void;
  /** Drops the series of a namespace in which no group has anything left. @returns whether that is so. */
  forgetUnheld(namespace: string): boolean;
}

/** Registers the product's metrics. @throws Error when the registry has such metrics already. */
export const operatorMetrics = (registry: Registry): OperatorMetrics => {
  let gauges: Partial<Gauges> = {};
  const namespaces = new Namespaces();
  const operations = countedCounter({
    registry,
    name: `${PREFIX}configmap_operations_total`,
    help: "Writes of generated ConfigMaps, by operation (create, update, delete) and result (success, error).",
    labels: ["operation", "namespace", "result"],
  });
  const durations = countedHistogram({
    registry,
    name: `${PREFIX}reconciliation_duration_seconds`,
    help: "Time of one reconcile, by what is reconciled and its namespace.",
    labels: ["resource_type", "namespace"],
    buckets: DURATION_BUCKETS,
  });
  const errors = countedCounter({
    registry,
    name: `${PREFIX}reconciliation_errors_total`,
    help: "Reconciles that did not reach what was wanted, by why (error_type).",
    labels: ["resource_type", "namespace", "error_type"],
  });
  for (const series of [operations, durations, errors]) {
    namespaces.onGone((namespace) => series.remove("namespace", namespace));
  }
  registerGauges(registry, () => gauges);
  return {
    get leads() {
      return gauges.leading?.()[1] ?? true;
    },
    heldBy: (informer) => namespaces.heldBy(informer),
    onGone: (forget) => namespaces.onGone(forget),
    forgetUnheld: (namespace) => namespaces.forgetUnheld(namespace),
    onOperation: (operation, namespace, error) => {
      operations.at(operation, namespace, error === undefined ? "success" : "error").value += 1;
    },
    onReconcile: (type, namespace, { seconds, errorType }) => {
      durations.at(type, namespace).observe(seconds);
      if (errorType !== undefined) errors.at(type, namespace, errorType).value += 1;
    },
    onFailure: (type, namespace, reason) => {
      errors.at(type, namespace, reason).value += 1;
    },
    show: (shown) => {
      gauges = { ...gauges, ...shown };
    },
  };
};
