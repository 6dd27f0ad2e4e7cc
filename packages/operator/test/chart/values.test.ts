/*
 * Values that are fields of objects: each reaches the field that it is named for, and no other object's.
 *
 * Invariants:
 * - Where the manager's Pods run is what the values say, and the agents are elsewhere by their own.
 * - Constraints of the topology are about the manager's Pods, unless they say of which.
 * - Two managers never write at the same time, be it for the moment of an update.
 * - A drain is never held up by a replica that does no work, and never by a budget that nobody can meet.
 * - Monitors scrape as the values say, each kind by its own.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { containerOf, Helm, only, type Values } from "./support/helm.ts";

let helm: Helm;
beforeAll(async () => {
  helm = await Helm.start();
});
afterAll(() => helm?.[Symbol.dispose]());

const NAME = "podconfigmap-controller";
const OWN_PODS = { matchLabels: { "app.kubernetes.io/name": NAME } };

const deployment = async (values: Values = {}) => only(await helm.objects(values), "Deployment");
const podOf = async (values: Values = {}) => (await deployment(values)).spec?.template?.spec;

const term = { matchExpressions: [{ key: "disk", operator: "Exists" }] };
const nodeAffinity = { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [term] } };

describe("the manager's Pods", () => {
  test.each<readonly [field: string, value: unknown]>([
    ["tolerations", [{ key: "dedicated", operator: "Equal", value: "system", effect: "NoSchedule" }]],
    ["nodeSelector", { pool: "system" }],
    ["affinity", { nodeAffinity }],
    ["priorityClassName", "system-cluster-critical"],
  ])("have %s of the values, none without, and the agents have their own", async (field, value) => {
    expect(await podOf({ [field]: value })).toMatchObject({ [field]: value });
    expect(await podOf()).not.toHaveProperty(field);
    const objects = await helm.objects({ [field]: value, agent: { enabled: true } });
    expect(only(objects, "DaemonSet").spec?.template?.spec[field]).not.toEqual(value);
  });

  test("have further environment as it is given, after what the chart sets", async () => {
    const extraEnv = [
      { name: "HTTPS_PROXY", value: "http://proxy:3128" },
      { name: "ZONE", valueFrom: { fieldRef: { fieldPath: "metadata.labels['zone']" } } },
    ];
    const plain = containerOf(await deployment()).env;
    expect(containerOf(await deployment({ extraEnv })).env).toEqual([...plain, ...extraEnv]);
  });

  test("are spread by constraints that get their labels, and keep a selector of their own", async () => {
    const spread = { maxSkew: 1, topologyKey: "zone", whenUnsatisfiable: "DoNotSchedule" };
    const selected = { ...spread, labelSelector: { matchLabels: { team: "a" } } };
    const pod = await podOf({ topologySpreadConstraints: [spread, selected] });
    expect(pod?.topologySpreadConstraints).toEqual([{ ...spread, labelSelector: OWN_PODS }, selected]);
  });
});

test("without a leader the old manager ends before the new one starts", async () => {
  const settings = { leaderElectionEnabled: false };
  expect((await deployment({ replicas: 1, settings })).spec?.strategy).toEqual({ type: "Recreate" });
  for (const values of [{}, { replicas: 1 }]) {
    expect((await deployment(values)).spec?.strategy).toMatchObject({ type: "RollingUpdate" });
  }
});

test.each<readonly [Values, Values]>([
  [{}, { maxUnavailable: 1 }],
  [{ maxUnavailable: "25%" }, { maxUnavailable: "25%" }],
  [{ maxUnavailable: "", minAvailable: 1 }, { minAvailable: 1 }],
  [{ maxUnavailable: "", minAvailable: "50%" }, { minAvailable: "50%" }],
])("the budget of %j is %j, of the manager's Pods, and not for those that are not ready", async (given, budget) => {
  const { spec } = only(await helm.objects({ podDisruptionBudget: given }), "PodDisruptionBudget");
  expect(spec).toEqual({ ...budget, unhealthyPodEvictionPolicy: "AlwaysAllow", selector: OWN_PODS });
});

describe.each([
  ["serviceMonitor", "ServiceMonitor", "endpoints"],
  ["podMonitor", "PodMonitor", "podMetricsEndpoints"],
])("metrics.%s", (key, kind, field) => {
  const endpoints = async (values: Values) => {
    const objects = await helm.objects({ agent: { enabled: true }, metrics: { [key]: { enabled: true, ...values } } });
    return ["", "-agent"].map((suffix) => only(objects, kind, `${NAME}${suffix}`).spec?.[field]);
  };
  const plain = { port: "metrics", path: "/metrics", honorLabels: true };

  test("leaves the labels that a series has, and the rest to Prometheus", async () => {
    expect(await endpoints({})).toEqual([[plain], [plain]]);
  });

  test("takes times and relabelings of the values, for manager and agents", async () => {
    const chosen = {
      interval: "15s",
      scrapeTimeout: "5s",
      relabelings: [{ action: "labeldrop", regex: "pod" }],
      metricRelabelings: [{ action: "drop", sourceLabels: ["__name__"], regex: "nodejs_.*" }],
    };
    expect(await endpoints(chosen)).toEqual([[{ ...plain, ...chosen }], [{ ...plain, ...chosen }]]);
  });
});
