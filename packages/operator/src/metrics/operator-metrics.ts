import { Counter, Gauge, Histogram, type Registry } from "prom-client";

const OPERATIONS = ["create", "update", "delete"] as const;
const RESOURCE_TYPES = ["pod", "pcmc"] as const;

/** What is done with a ConfigMap. */
export type ConfigMapOperation = (typeof OPERATIONS)[number];

/** Values of `queue_name` and `resource_type`. */
export type ResourceType = (typeof RESOURCE_TYPES)[number];

/** controller-runtime's shape, shortened: a histogram a namespace is many series. */
const DURATION_BUCKETS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

const PREFIX = "podconfigmap_controller_";

/** What the gauges show, read when they are scraped. */
export interface Gauges {
  /** Keys that wait, by queue. */
  queueDepths(): Iterable<readonly [queue: ResourceType, depth: number]>;
  /** Each PodConfigMapConfig with whether it is Ready. */
  readiness(): Iterable<{ readonly namespace: string; readonly name: string; readonly ready: boolean }>;
  /** How many generated ConfigMaps each PodConfigMapConfig has. */
  configMaps(): Iterable<{ readonly namespace: string; readonly pcmc: string; readonly count: number }>;
}

/** The product's own metrics; names and labels are those of docs/metrics.md. */
export interface OperatorMetrics {
  /** Counts a write, by how it went. */
  onOperation(operation: ConfigMapOperation, namespace: string, error?: unknown): void;
  /** Takes note of one reconcile. */
  onReconcile(
    type: ResourceType,
    namespace: string,
    result: { readonly seconds: number; readonly errorType?: string | undefined },
  ): void;
  /** Counts a Pod that has no ConfigMap as it should have, by why: `template`, `size`, `conflict`. */
  onFailure(type: ResourceType, namespace: string, reason: string): void;
  /** Connects the gauges with what they show. */
  show(gauges: Gauges): void;
  /** Drops the series of a namespace that is gone. */
  forgetNamespace(namespace: string): void;
}

/** Registers the product's metrics. */
export const operatorMetrics = (registry: Registry): OperatorMetrics => {
  const registers = [registry];
  let gauges: Gauges | undefined;
  const operations = new Counter({
    name: `${PREFIX}configmap_operations_total`,
    help: "Writes of generated ConfigMaps, by operation (create, update, delete) and result (success, error).",
    labelNames: ["operation", "namespace", "result"] as const,
    registers,
  });
  const durations = new Histogram({
    name: `${PREFIX}reconciliation_duration_seconds`,
    help: "Time of one reconcile, by what is reconciled and its namespace.",
    labelNames: ["resource_type", "namespace"] as const,
    buckets: DURATION_BUCKETS,
    registers,
  });
  const errors = new Counter({
    name: `${PREFIX}reconciliation_errors_total`,
    help: "Reconciles that did not reach what was wanted, by why (error_type).",
    labelNames: ["resource_type", "namespace", "error_type"] as const,
    registers,
  });
  registerGauges(registers, () => gauges);
  // prom-client removes a series only by all its labels: so the error types seen are kept; they are few.
  const errorTypes = new Set<string>();
  const countError = (resource_type: ResourceType, namespace: string, error_type: string) => {
    errorTypes.add(error_type);
    errors.inc({ resource_type, namespace, error_type });
  };
  return {
    onOperation: (operation, namespace, error) => {
      operations.inc({ operation, namespace, result: error === undefined ? "success" : "error" });
    },
    onReconcile: (resource_type, namespace, { seconds, errorType: error_type }) => {
      durations.observe({ resource_type, namespace }, seconds);
      if (error_type !== undefined) countError(resource_type, namespace, error_type);
    },
    onFailure: countError,
    show: (shown) => {
      gauges = shown;
    },
    forgetNamespace: (namespace) => {
      for (const operation of OPERATIONS) {
        for (const result of ["success", "error"]) operations.remove({ operation, namespace, result });
      }
      for (const resource_type of RESOURCE_TYPES) {
        durations.remove({ resource_type, namespace });
        for (const error_type of errorTypes) errors.remove({ resource_type, namespace, error_type });
      }
    },
  };
};

const registerGauges = (registers: Registry[], shown: () => Gauges | undefined): void => {
  new Gauge({
    name: `${PREFIX}queue_depth`,
    help: "Keys that wait to be reconciled.",
    labelNames: ["queue_name"] as const,
    registers,
    collect() {
      for (const [queue_name, depth] of shown()?.queueDepths() ?? []) this.set({ queue_name }, depth);
    },
  });
  new Gauge({
    name: `${PREFIX}pcmc_status`,
    help: "1 where the PodConfigMapConfig's condition Ready is True, else 0.",
    labelNames: ["name", "namespace"] as const,
    registers,
    collect() {
      this.reset();
      for (const { name, namespace, ready } of shown()?.readiness() ?? []) this.set({ name, namespace }, ready ? 1 : 0);
    },
  });
  new Gauge({
    name: `${PREFIX}active_configmaps`,
    help: "Generated ConfigMaps that exist.",
    labelNames: ["namespace", "pcmc_name"] as const,
    registers,
    collect() {
      this.reset();
      for (const { namespace, pcmc, count } of shown()?.configMaps() ?? [])
        this.set({ namespace, pcmc_name: pcmc }, count);
    },
  });
};
