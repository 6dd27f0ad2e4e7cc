/*
 * Invariants
 * - Names, labels and results are those of Go's controller-runtime: a terminal error counts as `error`.
 * - The counters of a controller stand at 0 from its start.
 */
import { Registry } from "prom-client";
import { beforeEach, describe, expect, test } from "vitest";
import type { ControllerObserver, Outcome } from "../../src/controller/controller.ts";
import { controllerMetrics } from "../../src/metrics/controller-metrics.ts";

let registry: Registry;
let observer: ControllerObserver;
beforeEach(() => {
  registry = new Registry();
  observer = controllerMetrics(registry);
});

/** The samples that have no bucket, by name and labels. */
const samples = async (): Promise<Record<string, number>> =>
  Object.fromEntries(
    [...(await registry.metrics()).matchAll(/^controller_runtime_(\w+\{[^}]*\}) (\S+)$/gm)]
      .filter(([, series = ""]) => !series.includes("_bucket"))
      .map(([, series = "", value]) => [series, Number(value)]),
  );

const end = (outcome: Outcome, errorType?: string) => {
  observer.onReconcileStart("pod");
  observer.onReconcile({ controller: "pod", key: "ns/a", outcome, seconds: 0.5, errorType });
};

describe("controller metrics", () => {
  test("stand at 0 from the start", async () => {
    observer.onStart("pod", 4);
    expect(await samples()).toEqual({
      'reconcile_total{controller="pod",result="success"}': 0,
      'reconcile_total{controller="pod",result="requeue_after"}': 0,
      'reconcile_total{controller="pod",result="error"}': 0,
      'reconcile_errors_total{controller="pod"}': 0,
      'terminal_reconcile_errors_total{controller="pod"}': 0,
      'reconcile_panics_total{controller="pod"}': 0,
      'reconcile_timeouts_total{controller="pod"}': 0,
      'max_concurrent_reconciles{controller="pod"}': 4,
      'active_workers{controller="pod"}': 0,
    });
  });

  test("count by result, and errors by kind too", async () => {
    end("success");
    end("requeue_after");
    end("error", "conflict");
    end("error", "panic");
    end("error", "timeout");
    end("terminal_error", "template");
    expect(await samples()).toEqual({
      'reconcile_total{controller="pod",result="success"}': 1,
      'reconcile_total{controller="pod",result="requeue_after"}': 1,
      'reconcile_total{controller="pod",result="error"}': 4,
      'reconcile_errors_total{controller="pod"}': 4,
      'terminal_reconcile_errors_total{controller="pod"}': 1,
      'reconcile_panics_total{controller="pod"}': 1,
      'reconcile_timeouts_total{controller="pod"}': 1,
      'reconcile_time_seconds_sum{controller="pod"}': 3,
      'reconcile_time_seconds_count{controller="pod"}': 6,
      'active_workers{controller="pod"}': 0,
    });
  });

  test("show the workers that are busy", async () => {
    observer.onReconcileStart("pod");
    observer.onReconcileStart("pcmc");
    observer.onReconcileStart("pod");
    expect(await samples()).toEqual({
      'active_workers{controller="pod"}': 2,
      'active_workers{controller="pcmc"}': 1,
    });
  });
});
