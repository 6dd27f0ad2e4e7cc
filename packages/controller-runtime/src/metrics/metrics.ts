import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import type { InformerObserver } from "../cache/informer.ts";
import type { RestObserver } from "../client/rest.ts";
import type { ControllerObserver } from "../controller/controller.ts";

/** client-go's buckets for request durations, seconds. */
const REQUEST_BUCKETS = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60];
/** controller-runtime's buckets for reconciles, seconds. */
const RECONCILE_BUCKETS = [
  0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.25, 1.5, 1.75, 2,
  2.5, 3, 3.5, 4, 4.5, 5, 6, 7, 8, 9, 10, 15, 20, 25, 30, 40, 50, 60,
];

/** `rest_client_*`, with client-go's names and labels. */
export const clientMetrics = (registry: Registry): RestObserver => {
  const requests = new Counter({
    name: "rest_client_requests_total",
    help: "Number of HTTP requests, partitioned by status code, method, and host.",
    labelNames: ["code", "method", "host"] as const,
    registers: [registry],
  });
  const durations = new Histogram({
    name: "rest_client_request_duration_seconds",
    help: "Request latency in seconds. Broken down by verb, and host.",
    labelNames: ["verb", "host"] as const,
    buckets: REQUEST_BUCKETS,
    registers: [registry],
  });
  const retries = new Counter({
    name: "rest_client_request_retries_total",
    help: "Number of request retries, partitioned by status code, verb, and host.",
    labelNames: ["code", "verb", "host"] as const,
    registers: [registry],
  });
  return {
    onResult: ({ method, host, code, seconds }) => {
      requests.inc({ code, method, host });
      durations.observe({ verb: method, host }, seconds);
    },
    onRetry: ({ method, host, code }) => retries.inc({ code, verb: method, host }),
  };
};

/** `controller_runtime_*`, with controller-runtime's names and labels. */
export const controllerMetrics = (registry: Registry): ControllerObserver => {
  const registers = [registry];
  const labelNames = ["controller"] as const;
  const total = new Counter({
    name: "controller_runtime_reconcile_total",
    help: "Total number of reconciliations per controller",
    labelNames: ["controller", "result"] as const,
    registers,
  });
  const errors = new Counter({
    name: "controller_runtime_reconcile_errors_total",
    help: "Total number of reconciliation errors per controller",
    labelNames,
    registers,
  });
  const terminal = new Counter({
    name: "controller_runtime_terminal_reconcile_errors_total",
    help: "Total number of terminal reconciliation errors per controller",
    labelNames,
    registers,
  });
  const panics = new Counter({
    name: "controller_runtime_reconcile_panics_total",
    help: "Total number of reconciliation panics per controller",
    labelNames,
    registers,
  });
  const timeouts = new Counter({
    name: "controller_runtime_reconcile_timeouts_total",
    help: "Total number of reconciliation timeouts per controller",
    labelNames,
    registers,
  });
  const seconds = new Histogram({
    name: "controller_runtime_reconcile_time_seconds",
    help: "Length of time per reconciliation per controller",
    labelNames,
    buckets: RECONCILE_BUCKETS,
    registers,
  });
  const workers = new Gauge({
    name: "controller_runtime_max_concurrent_reconciles",
    help: "Maximum number of concurrent reconciles per controller",
    labelNames,
    registers,
  });
  const active = new Gauge({
    name: "controller_runtime_active_workers",
    help: "Number of currently used workers per controller",
    labelNames,
    registers,
  });
  return {
    onStart: (controller, count) => workers.set({ controller }, count),
    onReconcileStart: (controller) => active.inc({ controller }),
    onReconcile: (result) => {
      const { controller, outcome, errorType } = result;
      active.dec({ controller });
      total.inc({ controller, result: outcome === "terminal_error" ? "error" : outcome });
      seconds.observe({ controller }, result.seconds);
      if (errorType === undefined) return;
      errors.inc({ controller });
      if (outcome === "terminal_error") terminal.inc({ controller });
      if (errorType === "panic") panics.inc({ controller });
      if (errorType === "timeout") timeouts.inc({ controller });
    },
  };
};

/** What happens to the watches of a cache. */
export const cacheMetrics = (registry: Registry): InformerObserver => {
  const restarts = new Counter({
    name: "reflector_watch_restarts_total",
    help: "Number of times that a watch ended and was resumed, by reason (ended, expired, silent, error).",
    labelNames: ["resource", "reason"] as const,
    registers: [registry],
  });
  return { onRestart: (resource, reason) => restarts.inc({ resource, reason }) };
};
