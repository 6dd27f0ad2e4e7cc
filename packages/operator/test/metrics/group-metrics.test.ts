/*
 * Metrics of Watchers and of podlogreader.
 *
 * Invariants:
 * - What tells of objects is exported by the leader, and by nobody else.
 * - What is counted by namespace goes with it; what is not, has a fixed set of series.
 */
import { Registry } from "@pcmc/controller-runtime";
import { beforeEach, expect, test } from "vitest";
import { injectionMetrics } from "../../src/metrics/injection-metrics.ts";
import { type OperatorMetrics, operatorMetrics } from "../../src/metrics/operator-metrics.ts";
import { podLogReaderMetrics } from "../../src/metrics/podlogreader-metrics.ts";
import { watcherMetrics } from "../../src/metrics/watcher-metrics.ts";

let registry: Registry;
let operator: OperatorMetrics;
beforeEach(() => {
  registry = new Registry();
  operator = operatorMetrics(registry);
});

const samples = async (): Promise<string[]> =>
  (await registry.metrics())
    .split("\n")
    .filter((line) => /^\w/.test(line))
    .map((line) => line.replace("podconfigmap_controller_", ""));

const WATCHER = { namespace: "shop", name: "logs", ready: true, injected: 3, missed: 2, outdated: 1 };
const SHOWN = [
  'watcher_status{name="logs",namespace="shop"} 1',
  'watcher_pods{name="logs",namespace="shop",state="injected"} 3',
  'watcher_pods{name="logs",namespace="shop",state="missed"} 2',
  'watcher_pods{name="logs",namespace="shop",state="outdated"} 1',
];

test("a Watcher's Pods are shown by state", async () => {
  watcherMetrics(registry, operator).showWatchers(() => [WATCHER]);
  expect(await samples()).toEqual(SHOWN);
});

test("only the leader shows Watchers and Roles", async () => {
  let leads = false;
  watcherMetrics(registry, operator).showWatchers(() => [WATCHER]);
  podLogReaderMetrics(registry, operator).showRoles(() => [["shop", 4]]);
  operator.show({ leading: () => ["lock", leads] });
  expect(await samples()).toEqual(['leader_election_status{name="lock"} 0']);
  leads = true;
  expect(await samples()).toEqual([
    'leader_election_status{name="lock"} 1',
    ...SHOWN,
    'podlogreader_roles{namespace="shop"} 4',
  ]);
});

test("writes of managed ConfigMaps count among the generated ones; restarts by themselves; both go with the namespace", async () => {
  const metrics = watcherMetrics(registry, operator);
  metrics.onConfigMapWrite("create", "shop");
  metrics.onRestart("shop");
  metrics.onRestart("shop", new Error("refused"));
  expect(await samples()).toEqual([
    'configmap_operations_total{operation="create",namespace="shop",result="success"} 1',
    'watcher_restarts_total{namespace="shop",result="success"} 1',
    'watcher_restarts_total{namespace="shop",result="error"} 1',
  ]);
  operator.forgetUnheld("shop");
  expect(await samples()).toEqual([]);
});

test("injections are counted by what came of them, not by Pod, Watcher or namespace", async () => {
  const metrics = injectionMetrics(registry);
  metrics.onInjection("injected");
  metrics.onInjection("injected");
  metrics.onInjection("container_conflict");
  expect(await samples()).toEqual([
    'watcher_injections_total{result="injected"} 2',
    'watcher_injections_total{result="container_conflict"} 1',
  ]);
});

test("writes of podlogreader are counted by operation, resource and result", async () => {
  const metrics = podLogReaderMetrics(registry, operator);
  metrics.onWrite("update", "roles");
  metrics.onWrite("create", "serviceaccounts", new Error("refused"));
  expect(await samples()).toEqual([
    'podlogreader_operations_total{operation="update",resource="roles",result="success"} 1',
    'podlogreader_operations_total{operation="create",resource="serviceaccounts",result="error"} 1',
  ]);
});
