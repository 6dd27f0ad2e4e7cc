/*
 * Invariants:
 * - What is observed reaches the observer behind it unchanged.
 * - Reconciles of the product's controllers are counted by namespace, those of a namespace that is gone are not.
 */
import { type ControllerObserver, keyString, Registry } from "@pcmc/controller-runtime";
import { expect, test } from "vitest";
import { operatorMetrics } from "../../src/metrics/operator-metrics.ts";
import { reconcileObserver } from "../../src/metrics/reconcile-observer.ts";

type Result = Parameters<ControllerObserver["onReconcile"]>[0];

const result = (controller: string, errorType?: string): Result => ({
  controller,
  key: keyString("shop", "web"),
  outcome: errorType === undefined ? "success" : "error",
  seconds: 0.25,
  errorType,
});

/** What is counted after these reconciles, with as many objects in the namespace. */
const countedAfter = async (results: readonly Result[], { held }: { readonly held: number }): Promise<string[]> => {
  const registry = new Registry();
  const metrics = operatorMetrics(registry);
  metrics.heldBy({ countIn: () => held, onChange: () => {} });
  const seen: Result[] = [];
  const behind = { onStart: () => {}, onReconcileStart: () => {}, onReconcile: (each: Result) => seen.push(each) };
  const observer = reconcileObserver(behind, metrics);
  for (const each of results) observer.onReconcile(each);
  expect(seen).toEqual(results);
  return (await registry.metrics()).split("\n").filter((line) => /(_count|_errors_total)\{/.test(line));
};

test("a reconcile is counted under the name of its controller, and its error by type", async () => {
  expect(await countedAfter([result("watcher"), result("podlogreader", "conflict")], { held: 1 })).toEqual([
    'podconfigmap_controller_reconciliation_duration_seconds_count{resource_type="watcher",namespace="shop"} 1',
    'podconfigmap_controller_reconciliation_duration_seconds_count{resource_type="podlogreader",namespace="shop"} 1',
    'podconfigmap_controller_reconciliation_errors_total{resource_type="podlogreader",namespace="shop",error_type="conflict"} 1',
  ]);
});

test("that the process ends is no error", async () => {
  const counted = await countedAfter([result("pod", "canceled")], { held: 1 });
  expect(counted.filter((line) => line.includes("errors_total"))).toEqual([]);
});

test("a controller of another name is not counted as one of the product's", async () => {
  expect(await countedAfter([result("helper")], { held: 1 })).toEqual([]);
});

test("nothing is counted for a namespace in which nothing is left", async () => {
  expect(await countedAfter([result("pod"), result("pcmc")], { held: 0 })).toEqual([]);
});
