/*
 * values.schema.json.
 *
 * Invariants:
 * - A value that makes no sense is refused before anything is sent to a cluster, with a message that names it.
 * - So is a name that there is not, at each level that is the chart's own.
 * - What contradicts itself is refused with what to do.
 * - What a setting's type takes, the schema takes, and the other way round, as far as it is one of the usual texts.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { chartSettings } from "../../../../scripts/chart-settings.ts";
import { CHART, Helm, type Values } from "./support/helm.ts";

let helm: Helm;
beforeAll(async () => {
  helm = await Helm.start();
});
afterAll(() => helm?.[Symbol.dispose]());

const template = (values: Values) =>
  helm.run(["template", "release", CHART, "--show-only", "templates/rbac.yaml"], values);

const refused: readonly (readonly [where: string, values: Values])[] = [
  ["/replicas", { replicas: -1 }],
  ["/replicas", { replicas: "two" }],
  ["replicaCount", { replicaCount: 2 }],
  ["/role", { role: "agent" }],
  ["/controllers/0", { controllers: ["podconfigmaps"] }],
  ["/controllers", { controllers: [] }],
  ["/controllers", { controllers: ["watcher", "watcher"] }],
  ["/watchNamespaces/0", { watchNamespaces: ["Shop"] }],
  ["/watchNamespaces", { watchNamespaces: "shop,pay" }],
  ["/image/digest", { image: { digest: "0123" } }],
  ["/image/pullPolicy", { image: { pullPolicy: "Sometimes" } }],
  ["name", { image: { name: "podconfigmap-controller" } }],
  ["/settings", { settings: { loglevel: "info" } }],
  ["/settings/logLevel", { settings: { logLevel: "trace" } }],
  ["/settings/leaderElectionLeaseDuration", { settings: { leaderElectionLeaseDuration: 15 } }],
  ["/settings/leaderElectionLeaseDuration", { settings: { leaderElectionLeaseDuration: "0s" } }],
  ["/settings/controllerResyncPeriod", { settings: { controllerResyncPeriod: "10 minutes" } }],
  ["/settings/controllerPodWorkers", { settings: { controllerPodWorkers: 0 } }],
  ["/settings/controllerMaxRetries", { settings: { controllerMaxRetries: 1_000_001 } }],
  ["/settings/metricsAddr", { settings: { metricsAddr: "8080" } }],
  ["/settings/metricsAddr", { settings: { metricsAddr: "" } }],
  ["/settings/metricsAddr", { settings: { metricsAddr: ":65536" } }],
  ["/settings/webhookAddr", { settings: { webhookAddr: ":0" } }],
  // YAML takes digits after a zero for something else.
  ["/settings/webhookAddr", { settings: { webhookAddr: ":09443" } }],
  // Of a manager outside of the cluster; in one it would leave the webhooks uncalled.
  ["'webhookUrl' not allowed", { settings: { webhookUrl: "https://example.com:9443" } }],
  ["/agent/settings", { agent: { settings: { leaderElectionEnabled: false } } }],
  ["/agent/maxUnavailable", { agent: { maxUnavailable: "all" } }],
  ["/agent/maxUnavailable", { agent: { maxUnavailable: 0 } }],
  ["/agent/maxUnavailable", { agent: { maxUnavailable: "0%" } }],
  ["/agent/settings/metricsAddr", { agent: { settings: { metricsAddr: ":99999" } } }],
  ["/cleanUpOnUninstall", { cleanUpOnUninstall: "no" }],
  ["/agent/resourceQuota/pods", { agent: { resourceQuota: { pods: "many" } } }],
  ["/agent/admissionPolicy", { agent: { admissionPolicy: "off" } }],
  ["/webhooks/failurePolicy", { webhooks: { failurePolicy: "ignore" } }],
  ["/webhooks/certManager/issuerRef", { webhooks: { certManager: { issuerRef: { kind: "ClusterIssuer" } } } }],
  ["/crds/keep", { crds: { keep: "no" } }],
  ["/prometheusRule/runbookUrl", { prometheusRule: { runbookUrl: "runbooks" } }],
  ["/networkPolicy/apiServerPorts/0", { networkPolicy: { apiServerPorts: [70_000] } }],
  ["not a key", { extraLabels: { "not a key": "x" } }],
  ["/podDisruptionBudget/maxUnavailable", { podDisruptionBudget: { maxUnavailable: "half" } }],
  ["/metrics/service/port", { metrics: { service: { port: 0 } } }],
];

test.each(refused)("what is wrong at %s is refused and named: %j", async (where, values) => {
  const { exitCode, stderr, stdout } = await template(values);
  expect([exitCode, stdout]).toEqual([1, ""]);
  expect(stderr).toContain("values don't meet the specifications of the schema");
  expect(stderr).toContain(where);
});

test.each<readonly [string, Values]>([
  ["agent.enabled: must not be true with role all", { role: "all", agent: { enabled: true } }],
  ["settings.leaderElectionEnabled: must not be false", { settings: { leaderElectionEnabled: false } }],
  [
    "settings.webhookCertDir: must not be given",
    { settings: { webhookCertDir: "/c" }, webhooks: { certManager: { enabled: true } } },
  ],
  [
    "podDisruptionBudget: one of minAvailable and maxUnavailable must be empty",
    { podDisruptionBudget: { minAvailable: 1 } },
  ],
  [
    "podDisruptionBudget: one of minAvailable and maxUnavailable must be given",
    { podDisruptionBudget: { maxUnavailable: "" } },
  ],
  ["podDisruptionBudget.maxUnavailable: must not be 0", { podDisruptionBudget: { maxUnavailable: 0 } }],
  ["podDisruptionBudget.maxUnavailable: must not be 0", { podDisruptionBudget: { maxUnavailable: "0%" } }],
  [
    "podDisruptionBudget.minAvailable: must be less than replicas (2)",
    { podDisruptionBudget: { maxUnavailable: "", minAvailable: 2 } },
  ],
  [
    "podDisruptionBudget.minAvailable: must be less than replicas (3)",
    { replicas: 3, podDisruptionBudget: { maxUnavailable: "", minAvailable: "67%" } },
  ],
  [
    "settings.webhookAddr: must have another port than settings.metricsAddr",
    { settings: { metricsAddr: "0.0.0.0:9443" } },
  ],
  [
    "settings.webhookAddr: must have another port than agent.settings.metricsAddr",
    { role: "all", settings: { webhookAddr: ":19480" } },
  ],
  ...["127.0.0.1", "127.1.2.3", "localhost", "[::1]", "[0:0:0:0:0:0:0:1]"].map((host): [string, Values] => [
    "settings.metricsAddr: must not be a loopback address",
    { settings: { metricsAddr: `${host}:8080` } },
  ]),
  [
    "settings.metricsAddr: must not be 0",
    { settings: { metricsAddr: "0" }, metrics: { podMonitor: { enabled: true } } },
  ],
  [
    "agent.settings.metricsAddr: must not be 0 with metrics.serviceMonitor",
    {
      role: "all",
      agent: { detachOnUninstall: false, settings: { metricsAddr: "0" } },
      metrics: { podMonitor: { enabled: true } },
    },
  ],
  [
    "agent.settings.metricsAddr: must not be 0 with agent.detachOnUninstall",
    { agent: { enabled: true, settings: { metricsAddr: "0" } } },
  ],
  [
    "agent.settings.metricsAddr: must not be 0 with agent.detachOnUninstall",
    { role: "all", agent: { settings: { metricsAddr: "0" } } },
  ],
  [
    "metrics.serviceMonitor.enabled: takes metrics.service.enabled",
    { metrics: { service: { enabled: false }, serviceMonitor: { enabled: true } } },
  ],
])("what contradicts itself is refused: %s", async (message, values) => {
  const { exitCode, stderr } = await template(values);
  expect(exitCode).toBe(1);
  expect(stderr).toContain(message);
});

test.each<Values>([
  { agent: { settings: { metricsAddr: "0" } } },
  { agent: { enabled: true, detachOnUninstall: false, settings: { metricsAddr: "0" } } },
  { role: "all", settings: { metricsAddr: "0" }, metrics: { podMonitor: { enabled: true } } },
])("an address that nobody here asks may be 0: %j", async (values) => {
  expect(await template(values)).toMatchObject({ exitCode: 0 });
});

test.each<Values>([
  { settings: { metricsAddr: "0.0.0.0:65535", webhookAddr: "[::]:1" } },
  { settings: { metricsAddr: ":9443" }, webhooks: { enabled: false } },
  // What is no part of the Pod.
  { role: "all", settings: { metricsAddr: "127.0.0.1:9443" } },
  { agent: { enabled: true, settings: { metricsAddr: ":9443" } } },
])("addresses that are in nobody's way are taken: %j", async (values) => {
  expect(await template(values)).toMatchObject({ exitCode: 0 });
});

test.each<Values>([
  { replicas: 3, podDisruptionBudget: { maxUnavailable: "", minAvailable: "66%" } },
  { podDisruptionBudget: { enabled: false, maxUnavailable: 0 } },
  // There is none then.
  { replicas: 1, podDisruptionBudget: { maxUnavailable: "", minAvailable: 1 } },
])("a budget that lets a replica go is taken, and so is one that there is not: %j", async (values) => {
  expect(await template(values)).toMatchObject({ exitCode: 0 });
});

test("an agent that must be limited is not installed where the cluster cannot do that", async () => {
  const values = { agent: { enabled: true, admissionPolicy: "required" } };
  const args = ["template", "release", CHART, "--kube-version", "1.29.0"];
  const { exitCode, stderr } = await helm.run(args, values);
  expect(exitCode).toBe(1);
  expect(stderr).toContain("agent.admissionPolicy: the cluster has no ValidatingAdmissionPolicy");
  const auto = await helm.must(args, { agent: { enabled: true } });
  expect(auto).not.toContain("kind: ValidatingAdmissionPolicy");
});

test("a cluster that is too old is refused", async () => {
  const { exitCode, stderr } = await helm.run(["template", "release", CHART, "--kube-version", "1.28.9"]);
  expect(exitCode).toBe(1);
  expect(stderr).toContain("chart requires kubeVersion: >=1.29.0-0");
});

/** What programs are given, right and wrong. */
const TEXTS = [
  ...[
    "0",
    "1",
    "5",
    "10001",
    "1000001",
    "-1",
    "1s",
    "1m30s",
    ".5h",
    "1.s",
    "-1s",
    "0s",
    "1d",
    "auto",
    "info",
    "text",
    "x y",
  ],
  ...[
    ":80",
    "[::1]:80",
    "127.0.0.1:9",
    ":65535",
    ":65536",
    ":999999",
    "/a/b",
    "/",
    "a/b",
    "https://x:9443",
    "https://x/y",
    "A",
    "a.b",
  ],
];

/** The program takes `T` and `1` for true, too; values have booleans. Of a folder that others mount, it takes any text. */
const STRICTER: ReadonlySet<string> = new Set(
  chartSettings
    .filter(({ setting }) => setting.type.placeholder === "boolean" || setting.type.allowed === "any text")
    .map(({ key }) => key),
);
const compared = chartSettings.filter(({ key }) => !STRICTER.has(key));

/** A number where values.yaml has one; a name of digits is a text there, too. */
const asValue = (text: string, allowed: string): string | number =>
  /^-?\d+$/.test(text) && !/^a name/.test(allowed) ? Number(text) : text;

test.each(TEXTS)("schema and programs agree on which settings may be %j", async (text) => {
  const settings = Object.fromEntries(compared.map(({ key, setting }) => [key, asValue(text, setting.type.allowed)]));
  const { stderr } = await template({ settings });
  const refusedKeys = new Set([...stderr.matchAll(/at '\/settings\/(\w+)'/g)].map(([, key]) => key));
  const wrong = compared.filter(({ setting }) => setting.type.parse(text) === undefined).map(({ key }) => key);
  expect(compared.map(({ key }) => key).filter((key) => refusedKeys.has(key))).toEqual(wrong);
});
