import type { ControllerObserver, Outcome } from "../controller/controller.ts";
import { countedCounter, countedGauge, countedHistogram } from "./counted-metrics.ts";
import type { Registry } from "./prom-client.ts";

/** controller-runtime's buckets for reconciles, seconds. */
const RECONCILE_BUCKETS = [
  0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.25, 1.5, 1.75, 2,
  2.5, 3, 3.5, 4, 4.5, 5, 6, 7, 8, 9, 10, 15, 20, 25, 30, 40, 50, 60,
];
/** Values of the label `result`. */
const RESULTS = ["success", "requeue_after", "error"] as const;
const LABELS = ["controller"] as const;

/**
 * `controller_runtime_*`, with controller-runtime's names and labels. As there, the counters of a controller stand at 0 from
 * its start: a series that begins with its first error has no rate for it.
 */
export const controllerMetrics = (registry: Registry): ControllerObserver => {
  const counter = (name: string, help: string) => countedCounter({ registry, name, help, labels: LABELS });
  const gauge = (name: string, help: string) => countedGauge({ registry, name, help, labels: LABELS });
  const total = countedCounter({
    registry,
    name: "controller_runtime_reconcile_total",
    help: "Total number of reconciliations per controller",
    labels: [...LABELS, "result"],
  });
  const errors = counter(
    "controller_runtime_reconcile_errors_total",
    "Total number of reconciliation errors per controller",
  );
  const terminal = counter(
    "controller_runtime_terminal_reconcile_errors_total",
    "Total number of terminal reconciliation errors per controller",
  );
  const panics = counter(
    "controller_runtime_reconcile_panics_total",
    "Total number of reconciliation panics per controller",
  );
  const timeouts = counter(
    "controller_runtime_reconcile_timeouts_total",
    "Total number of reconciliation timeouts per controller",
  );
  const seconds = countedHistogram({
    registry,
    name: "controller_runtime_reconcile_time_seconds",
    help: "Length of time per reconciliation per controller",
    labels: LABELS,
    buckets: RECONCILE_BUCKETS,
  });
  const workers = gauge(
    "controller_runtime_max_concurrent_reconciles",
    "Maximum number of concurrent reconciles per controller",
  );
  const active = gauge("controller_runtime_active_workers", "Number of currently used workers per controller");
  return {
    onStart: (controller, count) => {
      workers.at(controller).value = count;
      for (const result of RESULTS) total.at(controller, result);
      for (const series of [errors, terminal, panics, timeouts, active]) series.at(controller);
    },
    onReconcileStart: (controller) => {
      active.at(controller).value += 1;
    },
    onReconcile: (result) => {
      const { controller, outcome, errorType } = result;
      active.at(controller).value -= 1;
      total.at(controller, resultOf(outcome)).value += 1;
      seconds.at(controller).observe(result.seconds);
      if (errorType === undefined) return;
      errors.at(controller).value += 1;
      if (outcome === "terminal_error") terminal.at(controller).value += 1;
      if (errorType === "panic") panics.at(controller).value += 1;
      if (errorType === "timeout") timeouts.at(controller).value += 1;
    },
  };
};

const resultOf = (outcome: Outcome): (typeof RESULTS)[number] => (outcome === "terminal_error" ? "error" : outcome);
