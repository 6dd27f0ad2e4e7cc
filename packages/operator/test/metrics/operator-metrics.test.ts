/*
 * Invariants:
 * - Names and labels are those of docs/reference/metrics.md.
 * - A namespace that is gone leaves no series, and takes none of another one's along; it is not gone while any group has something
 *   in it.
 * - What PodConfigMapConfigs are like is told by who leads, and by nobody else.
 */
import { Registry } from "prom-client";
import { beforeEach, describe, expect, test } from "vitest";
import type { Gauges } from "../../src/metrics/gauges.ts";
import { type OperatorMetrics, operatorMetrics } from "../../src/metrics/operator-metrics.ts";

let registry: Registry;
let metrics: OperatorMetrics;
beforeEach(() => {
  registry = new Registry();
  metrics = operatorMetrics(registry);
});

/** All samples but buckets, without the prefix. */
const samples = async (): Promise<string[]> =>
  (await registry.metrics())
    .split("\n")
    .filter((line) => /^\w/.test(line) && !line.includes("_bucket{"))
    .map((line) => line.replace("podconfigmap_controller_", ""));

const countAll = (namespace: string) => {
  metrics.onOperation("create", namespace);
  metrics.onOperation("create", namespace, new Error("refused"));
  metrics.onReconcile("pod", namespace, { seconds: 0.25 });
  metrics.onReconcile("pcmc", namespace, { seconds: 0.5, errorType: "conflict" });
  metrics.onFailure("pod", namespace, "template");
};

const seriesOf = (namespace: string) => [
  `configmap_operations_total{operation="create",namespace="${namespace}",result="success"} 1`,
  `configmap_operations_total{operation="create",namespace="${namespace}",result="error"} 1`,
  `reconciliation_duration_seconds_sum{resource_type="pod",namespace="${namespace}"} 0.25`,
  `reconciliation_duration_seconds_count{resource_type="pod",namespace="${namespace}"} 1`,
  `reconciliation_duration_seconds_sum{resource_type="pcmc",namespace="${namespace}"} 0.5`,
  `reconciliation_duration_seconds_count{resource_type="pcmc",namespace="${namespace}"} 1`,
  `reconciliation_errors_total{resource_type="pcmc",namespace="${namespace}",error_type="conflict"} 1`,
  `reconciliation_errors_total{resource_type="pod",namespace="${namespace}",error_type="template"} 1`,
];

describe("what is counted", () => {
  test("is told by namespace", async () => {
    countAll("shop");
    expect(await samples()).toEqual(seriesOf("shop"));
  });

  test("goes with its namespace, and with no other; the next of its name begins at 0", async () => {
    countAll("shop");
    countAll("office");
    metrics.forgetUnheld("shop");
    expect(await samples()).toEqual(seriesOf("office"));
    metrics.forgetUnheld("office");
    countAll("shop");
    expect(await samples()).toEqual(seriesOf("shop"));
  });
});

test("what one group has left in a namespace keeps the series of all", async () => {
  let left = 1;
  metrics.heldBy({ countIn: () => 0, onChange: () => {} });
  metrics.heldBy({ countIn: () => left, onChange: () => {} });
  countAll("shop");
  expect(metrics.forgetUnheld("shop")).toBe(false);
  expect(await samples()).toEqual(seriesOf("shop"));
  left = 0;
  expect(metrics.forgetUnheld("shop")).toBe(true);
  expect(await samples()).toEqual([]);
});

const shown: Pick<Gauges, "queueDepths" | "readiness" | "ebpfReadiness" | "configMaps"> = {
  queueDepths: () => [["pod", 3]],
  readiness: () => [
    { namespace: "shop", name: "app", ready: true },
    { namespace: "shop", name: "ops", ready: false },
  ],
  ebpfReadiness: () => [{ namespace: "shop", name: "app", ready: false }],
  configMaps: () => [{ namespace: "shop", pcmc: "app", count: 7 }],
};
const DEPTH = 'queue_depth{queue_name="pod"} 3';
const OF_THE_LEADER = [
  'pcmc_status{name="app",namespace="shop"} 1',
  'pcmc_status{name="ops",namespace="shop"} 0',
  'pcmc_ebpf_status{name="app",namespace="shop"} 0',
  'active_configmaps{namespace="shop",pcmc_name="app"} 7',
];

describe("gauges", () => {
  test("show nothing before they are connected", async () => {
    expect(await samples()).toEqual([]);
  });

  test("show all without an election, and no leadership", async () => {
    metrics.show(shown);
    expect(await samples()).toEqual([DEPTH, ...OF_THE_LEADER]);
  });

  test("show PodConfigMapConfigs only while we lead, and who leads always", async () => {
    let leading = false;
    metrics.show({ leading: () => ["the-lock", leading] });
    metrics.show(shown);
    expect(await samples()).toEqual([DEPTH, 'leader_election_status{name="the-lock"} 0']);
    leading = true;
    expect(await samples()).toEqual([DEPTH, ...OF_THE_LEADER, 'leader_election_status{name="the-lock"} 1']);
  });
});
