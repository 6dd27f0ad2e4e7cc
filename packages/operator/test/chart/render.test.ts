/*
 * What the chart renders.
 *
 * Invariants:
 * - What is asked for is there, and nothing else: the list of objects for each choice of values.
 * - Two renders are equal to the byte, whatever the order in which values are given.
 * - Every object of a namespace is in that of the release or in one that values name, be that a number; labels are those that
 *   values give.
 * - The manager's Pod passes Pod Security `restricted`; the agent's has three capabilities and is not privileged.
 * - Nothing that is copied for others is changed on the way: dashboards, the templates of alerts, CRDs.
 */
import { readdirSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { HOME } from "../../../../scripts/project.ts";
import { COMBINATIONS } from "./support/combinations.ts";
import {
  CHART,
  type ChartObject,
  containerOf,
  environmentOf,
  Helm,
  named,
  objectsIn,
  only,
  type Values,
} from "./support/helm.ts";

let helm: Helm;
beforeAll(async () => {
  helm = await Helm.start();
});
afterAll(() => helm?.[Symbol.dispose]());

const NAME = "podconfigmap-controller";
const textOf = (file: string) => readFileSync(`${CHART}/${file}`, "utf8");

const BASE = [
  `ClusterRole ${NAME}-admin`,
  `ClusterRole ${NAME}-edit`,
  `ClusterRole ${NAME}-view`,
  `Deployment ops/${NAME}`,
  `PodDisruptionBudget ops/${NAME}`,
  `Role ops/${NAME}-leader-election`,
  `RoleBinding ops/${NAME}-leader-election`,
  `Service ops/${NAME}-metrics`,
  `ServiceAccount ops/${NAME}`,
];
const granted = (...names: readonly string[]) =>
  names.flatMap((name) => [`ClusterRole ${NAME}${name}`, `ClusterRoleBinding ${NAME}${name}`]);
const WEBHOOKS = [
  `MutatingWebhookConfiguration ${NAME}`,
  `Service ops/${NAME}-webhook`,
  `ValidatingWebhookConfiguration ${NAME}`,
];
const OWN_CERTIFICATE = [`Role ops/${NAME}-webhook`, `RoleBinding ops/${NAME}-webhook`];
const ALL_GROUPS = ["", "-podconfigmap", "-watcher", "-podlogreader"];
const DEFAULT = [...BASE, ...granted(...ALL_GROUPS, "-webhook"), ...WEBHOOKS, ...OWN_CERTIFICATE];
const AGENT = [
  `ClusterRole ${NAME}-agent`,
  `ClusterRoleBinding ${NAME}-agent`,
  `DaemonSet ops/${NAME}-agent`,
  `Service ops/${NAME}-agent-metrics`,
  `ServiceAccount ops/${NAME}-agent`,
  `ValidatingAdmissionPolicy ${NAME}-agent`,
  `ValidatingAdmissionPolicyBinding ${NAME}-agent`,
];
const without = (all: readonly string[], ...parts: readonly string[]) =>
  all.filter((one) => !parts.some((part) => one.includes(part)));
const roles = (namespace: string, ...names: readonly string[]) =>
  names.flatMap((name) => [`Role ${namespace}/${NAME}${name}`, `RoleBinding ${namespace}/${NAME}${name}`]);

const expected: readonly (readonly [what: string, values: Values, objects: readonly string[]])[] = [
  ["the defaults", {}, DEFAULT],
  ["the agent", { agent: { enabled: true } }, [...DEFAULT, ...AGENT]],
  [
    "manager and agent in one process",
    { role: "all" },
    [
      ...without(DEFAULT, "Deployment", "PodDisruptionBudget"),
      `DaemonSet ops/${NAME}`,
      ...granted("-node"),
      `ValidatingAdmissionPolicy ${NAME}-node`,
      `ValidatingAdmissionPolicyBinding ${NAME}-node`,
    ],
  ],
  ["no webhooks", { webhooks: { enabled: false } }, without(DEFAULT, "Webhook", "-webhook")],
  [
    "podlogreader alone, which has no webhooks",
    { controllers: ["podlogreader"] },
    [...BASE, ...granted("", "-podlogreader")],
  ],
  [
    "podconfigmap alone, which injects nothing",
    { controllers: ["podconfigmap"] },
    without([...BASE, ...granted("", "-podconfigmap", "-webhook"), ...WEBHOOKS, ...OWN_CERTIFICATE], "Mutating"),
  ],
  [
    "certificates of cert-manager",
    { webhooks: { certManager: { enabled: true } } },
    [
      ...without(DEFAULT, ...OWN_CERTIFICATE),
      ...["", "-ca"].map((suffix) => `Certificate ops/${NAME}-webhook${suffix}`),
      ...["-self-signed", "-ca"].map((suffix) => `Issuer ops/${NAME}-webhook${suffix}`),
    ],
  ],
  [
    "certificates of an issuer that is there",
    { webhooks: { certManager: { enabled: true, issuerRef: { name: "corporate", kind: "ClusterIssuer" } } } },
    [...without(DEFAULT, ...OWN_CERTIFICATE), `Certificate ops/${NAME}-webhook`],
  ],
  [
    "two namespaces, no webhooks, no roles for users",
    { watchNamespaces: ["shop", "pay"], webhooks: { enabled: false }, rbac: { aggregate: false } },
    [...without(BASE, "ClusterRole"), ...roles("shop", ...ALL_GROUPS), ...roles("pay", ...ALL_GROUPS)],
  ],
  [
    "monitoring",
    {
      agent: { enabled: true },
      metrics: { serviceMonitor: { enabled: true }, podMonitor: { enabled: true } },
      prometheusRule: { enabled: true },
    },
    [
      ...DEFAULT,
      ...AGENT,
      ...["ServiceMonitor", "PodMonitor"].flatMap((kind) => [`${kind} ops/${NAME}`, `${kind} ops/${NAME}-agent`]),
      `PrometheusRule ops/${NAME}`,
    ],
  ],
  ["a NetworkPolicy", { networkPolicy: { enabled: true } }, [...DEFAULT, `NetworkPolicy ops/${NAME}`]],
  [
    "dashboards",
    { dashboards: { enabled: true } },
    [
      ...DEFAULT,
      ...readdirSync(`${CHART}/dashboards`)
        .filter((file) => file.endsWith(".json"))
        .map((file) => `ConfigMap ops/${NAME}-dashboard-${file.replace(".json", "")}`),
    ],
  ],
  [
    "a quota for the agents",
    { agent: { enabled: true, resourceQuota: { enabled: true } } },
    [...DEFAULT, ...AGENT, `ResourceQuota ops/${NAME}-agent`],
  ],
  ["a quota for agents that are not there", { agent: { enabled: false, resourceQuota: { enabled: true } } }, DEFAULT],
  ["one replica, which has no budget", { replicas: 1 }, without(DEFAULT, "PodDisruptionBudget")],
  [
    "accounts and roles of others",
    { serviceAccount: { create: false, name: "theirs" }, rbac: { create: false } },
    [`Deployment ops/${NAME}`, `PodDisruptionBudget ops/${NAME}`, `Service ops/${NAME}-metrics`, ...WEBHOOKS],
  ],
  ["no Services of metrics", { metrics: { service: { enabled: false } } }, without(DEFAULT, "-metrics")],
  [
    "the CRDs",
    { crds: { install: true } },
    [
      ...DEFAULT,
      "CustomResourceDefinition podconfigmapconfigs.podconfig.example.com",
      "CustomResourceDefinition watchers.watch.example.com",
    ],
  ],
];

test.each(expected)("%s: all that is asked for, and nothing else", async (_, values, objects) => {
  expect((await helm.objects(values)).map(named).sort()).toEqual([...objects].sort());
});

describe("for all combinations", () => {
  test.each(COMBINATIONS)("$name: two renders are equal, however the values are ordered", async ({ values }) => {
    const turned = Object.fromEntries(Object.entries(values).reverse());
    expect(await helm.render(turned)).toBe(await helm.render(values));
  });

  test.each(COMBINATIONS)("$name: objects are unique, and in a namespace that the values name", async ({ values }) => {
    const objects = await helm.objects(values);
    const names = objects.map(named);
    expect(names).toEqual([...new Set(names)]);
    const watched = Array.isArray(values.watchNamespaces) ? values.watchNamespaces : [];
    for (const { metadata } of objects) {
      if (metadata.namespace !== undefined) expect(["ops", "locks", ...watched]).toContain(metadata.namespace);
    }
  });
});

/** What stands in a field of some name, wherever that is. */
const fieldsOf = (value: unknown, field: string): readonly unknown[] => {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => (key === field ? [inner] : fieldsOf(inner, field)));
};

test("namespaces whose names YAML takes for something else stay names", async () => {
  const chosen = {
    watchNamespaces: ["456"],
    agent: { enabled: true },
    settings: { leaderElectionLockNamespace: "1e3" },
    metrics: { serviceMonitor: { enabled: true }, podMonitor: { enabled: true } },
    networkPolicy: { enabled: true },
    dashboards: { enabled: true },
    prometheusRule: { enabled: true },
  };
  const cases: readonly Values[] = [chosen, { role: "all" }, { webhooks: { certManager: { enabled: true } } }];
  for (const values of cases) {
    const text = await helm.render({ crds: { install: false }, ...values }, { namespace: "123" });
    const objects = objectsIn(text);
    expect(objects.flatMap((one) => fieldsOf(one, "namespace")).filter((one) => typeof one !== "string")).toEqual([]);
    const matched = objects.flatMap((one) => [...fieldsOf(one, "matchNames"), ...fieldsOf(one, "values")]).flat();
    expect(matched.filter((one) => typeof one !== "string")).toEqual([]);
  }
  const deployment = only(await helm.objects(chosen, { namespace: "123" }), "Deployment");
  expect(environmentOf(deployment)).toMatchObject({
    WATCH_NAMESPACES: "456",
    LEADER_ELECTION_LOCK_NAMESPACE: "1e3",
  });
});

test("labels of the release are on each object and never on a Pod, which would be replaced with each version", async () => {
  const values = { agent: { enabled: true }, extraLabels: { team: "platform" }, networkPolicy: { enabled: true } };
  for (const { metadata, spec } of await helm.objects(values)) {
    expect(metadata.labels).toMatchObject({
      team: "platform",
      "helm.sh/chart": `${NAME}-0.1.0`,
      "app.kubernetes.io/instance": "release",
      "app.kubernetes.io/managed-by": "Helm",
    });
    const pod = spec?.template?.metadata.labels;
    if (pod !== undefined) {
      expect(pod).toMatchObject({ team: "platform" });
      expect(Object.keys(pod).filter((label) => /version|chart|managed-by|instance/.test(label))).toEqual([]);
    }
  }
});

test("the selectors stay as they are whatever labels are added: they cannot be changed later", async () => {
  const plain = only(await helm.objects(), "Deployment");
  const labelled = only(await helm.objects({ extraLabels: { a: "b" }, podLabels: { c: "d" } }), "Deployment");
  expect(labelled.spec?.selector).toEqual(plain.spec?.selector);
  expect(labelled.spec?.template?.metadata.labels).toMatchObject({ a: "b", c: "d" });
});

test("the images are those of the values: registry, tag and digest", async () => {
  const image = { registry: "registry.example.com:5000", tag: "1.2.3" };
  const tagged = await helm.objects({ image, agent: { enabled: true } });
  expect(containerOf(only(tagged, "Deployment")).image).toBe(`registry.example.com:5000/${NAME}:1.2.3`);
  expect(containerOf(only(tagged, "DaemonSet")).image).toBe(`registry.example.com:5000/${NAME}-agent:1.2.3`);
  const digest = `sha256:${"0".repeat(64)}`;
  const pinned = await helm.objects({ image: { ...image, digest }, agent: { enabled: true, image: { digest } } });
  expect(containerOf(only(pinned, "Deployment")).image).toBe(`registry.example.com:5000/${NAME}@${digest}`);
  expect(containerOf(only(pinned, "DaemonSet")).image).toBe(`registry.example.com:5000/${NAME}-agent@${digest}`);
  const { version } = parse(textOf("Chart.yaml"));
  expect(containerOf(only(await helm.objects(), "Deployment")).image).toBe(`${NAME}:${version}`);
});

test("the chart has the operator's version", () => {
  const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  expect(parse(textOf("Chart.yaml"))).toMatchObject({ version, appVersion: version });
});

test("addresses of the project are the one that the scripts know", () => {
  const { home, sources } = parse(textOf("Chart.yaml"));
  expect([home, ...sources]).toEqual([HOME, HOME]);
  expect(parse(textOf("values.yaml")).prometheusRule.runbookUrl).toBe(`${HOME}/blob/main/docs/runbooks`);
});

test("only the chosen controllers are run", async () => {
  const args = async (values: Values) => containerOf(only(await helm.objects(values), "Deployment")).args;
  expect(await args({})).toEqual(["manager"]);
  expect(await args({ controllers: ["watcher", "podlogreader"], extraArgs: ["--debug"] })).toEqual([
    "manager",
    "--controllers=watcher,podlogreader",
    "--debug",
  ]);
});

test("ports, probes and monitors follow the addresses of the settings", async () => {
  const settings = { metricsAddr: "0.0.0.0:8181", webhookAddr: ":9555" };
  const objects = await helm.objects({ settings, networkPolicy: { enabled: true } });
  const { ports } = containerOf(only(objects, "Deployment"));
  expect(ports).toEqual([
    { name: "metrics", containerPort: 8181 },
    { name: "webhook", containerPort: 9555 },
  ]);
  expect(only(objects, "NetworkPolicy").spec?.ingress).toEqual([
    { ports: [{ port: 9555, protocol: "TCP" }] },
    { ports: [{ port: 8181, protocol: "TCP" }] },
  ]);
  const silent = only(await helm.objects({ settings: { metricsAddr: "0" } }), "Deployment");
  expect(containerOf(silent)).not.toHaveProperty("readinessProbe");
  expect(containerOf(silent).ports).toEqual([{ name: "webhook", containerPort: 9443 }]);
});

test.each<readonly [addr: string, host: string | undefined]>([
  [":19480", undefined],
  ["0.0.0.0:19480", undefined],
  ["[::]:19480", undefined],
  ["127.0.0.1:19480", "127.0.0.1"],
  ["[::1]:19480", "::1"],
  ["localhost:19480", "localhost"],
])("on its node's network a process at %s is asked at %s", async (metricsAddr, host) => {
  const settings = { metricsAddr };
  for (const values of [{ agent: { enabled: true, settings } }, { role: "all", agent: { settings } }]) {
    const { livenessProbe, readinessProbe } = containerOf(only(await helm.objects(values), "DaemonSet"));
    const asked = [livenessProbe, readinessProbe].map((probe) => Object(probe).httpGet);
    const at = host === undefined ? {} : { host };
    expect(asked).toEqual(["/healthz", "/readyz"].map((path) => ({ ...at, path, port: "metrics" })));
  }
});

test("the agent is confined to three capabilities, two folders of its node, and all nodes", async () => {
  const agent = only(await helm.objects({ agent: { enabled: true } }), "DaemonSet");
  expect(containerOf(agent).securityContext).toEqual({
    runAsUser: 0,
    runAsNonRoot: false,
    privileged: false,
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ["ALL"], add: ["BPF", "NET_ADMIN", "PERFMON"] },
  });
  expect(agent.spec?.template?.spec).toMatchObject({
    priorityClassName: "system-node-critical",
    tolerations: [{ operator: "Exists" }],
    volumes: [{ hostPath: { path: "/sys/fs/bpf" } }, { hostPath: { path: "/sys/fs/cgroup" } }],
  });
});

test.each<readonly [Values, Values, hard: string]>([
  [{ agent: { enabled: true } }, {}, "1k"],
  [{ role: "all" }, { pods: 5000 }, "5000"],
])("with %j a quota %j is for %s Pods, of the class that these have", async (values, quota, pods) => {
  const agent = { ...Object(values.agent), resourceQuota: { enabled: true, ...quota }, priorityClassName: "urgent" };
  const objects = await helm.objects({ ...values, agent });
  expect(only(objects, "DaemonSet").spec?.template?.spec.priorityClassName).toBe("urgent");
  const of = { scopeName: "PriorityClass", operator: "In", values: ["urgent"] };
  const { spec } = only(objects, "ResourceQuota");
  expect(spec).toEqual({ hard: { pods }, scopeSelector: { matchExpressions: [of] } });
});

test("with failurePolicy Fail what users write waits for the operator, and Pods never do", async () => {
  const objects = await helm.objects({ webhooks: { failurePolicy: "Fail" } });
  const policies = (kind: string) => only(objects, kind).webhooks?.map(({ failurePolicy }) => failurePolicy);
  expect(policies("ValidatingWebhookConfiguration")).toEqual(["Fail", "Fail"]);
  expect(policies("MutatingWebhookConfiguration")).toEqual(["Ignore"]);
});

test("cert-manager is told what to trust, and the manager where the certificate is", async () => {
  const objects = await helm.objects({ webhooks: { certManager: { enabled: true } } });
  for (const kind of ["ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"]) {
    const { annotations } = only(objects, kind).metadata;
    expect(annotations).toEqual({ "cert-manager.io/inject-ca-from": `ops/${NAME}-webhook` });
  }
  const certificate = only(objects, "Certificate", `${NAME}-webhook`).spec;
  expect(certificate?.dnsNames).toContain(`${NAME}-webhook.ops.svc`);
  const deployment = only(objects, "Deployment");
  const { volumeMounts, env } = containerOf(deployment);
  const [mount] = Array.isArray(volumeMounts) ? volumeMounts : [];
  expect(env).toContainEqual({ name: "WEBHOOK_CERT_DIR", value: mount.mountPath });
  expect(deployment.spec?.template?.spec.volumes).toEqual([
    { name: mount.name, secret: { secretName: certificate?.secretName, optional: true } },
  ]);
});

test("the chart's own issuer is a CA that stays known while the certificates that it signs change", async () => {
  const objects = await helm.objects({ webhooks: { certManager: { enabled: true } } });
  const signed = only(objects, "Certificate", `${NAME}-webhook`).spec;
  const issuer = only(objects, "Issuer", Object(signed?.issuerRef).name);
  expect(issuer.metadata.namespace).toBe("ops");
  const ca = objects.find(({ spec }) => spec?.isCA === true)?.spec;
  expect(issuer.spec).toEqual({ ca: { secretName: ca?.secretName } });
  expect(ca?.secretName).not.toBe(signed?.secretName);
  // With the same key a renewed one vouches for what was signed before.
  expect(ca).toMatchObject({ duration: "87600h", privateKey: { rotationPolicy: "Never" } });
  expect(signed?.privateKey).toMatchObject({ rotationPolicy: "Always" });
  expect(only(objects, "Issuer", Object(ca?.issuerRef).name).spec).toEqual({ selfSigned: {} });
});

test("a certificate is asked of the issuer that values name, of its kind and group", async () => {
  const issuerRef = { name: "corporate", kind: "ClusterIssuer" };
  const objects = await helm.objects({ webhooks: { certManager: { enabled: true, issuerRef } } });
  expect(only(objects, "Certificate").spec?.issuerRef).toEqual({ ...issuerRef, group: "cert-manager.io" });
});

test("the alerts are those of files/alerts.yaml, with the labels and runbooks that values say", async () => {
  const values = { prometheusRule: { enabled: true, runbookUrl: "https://wiki/pcmc/", alertLabels: { team: "a" } } };
  const groups = only(await helm.objects(values), "PrometheusRule").spec?.groups;
  const source = parse(textOf("files/alerts.yaml"));
  for (const rule of source.groups.flatMap((group: { rules: object[] }) => group.rules)) {
    if (rule.alert === undefined) continue;
    rule.labels = { ...rule.labels, team: "a" };
    rule.annotations.runbook_url = `https://wiki/pcmc/${rule.annotations.runbook_url.split("/").at(-1)}`;
  }
  expect(groups).toEqual(source.groups);
});

test("with the default runbookUrl the alerts are the file's", async () => {
  const groups = only(await helm.objects({ prometheusRule: { enabled: true } }), "PrometheusRule").spec?.groups;
  expect(groups).toEqual(parse(textOf("files/alerts.yaml")).groups);
});

test("the dashboards arrive as they are", async () => {
  const objects = await helm.objects({ dashboards: { enabled: true } });
  const maps = objects.filter(({ kind }) => kind === "ConfigMap");
  expect(maps).not.toEqual([]);
  for (const { data = {}, metadata } of maps) {
    expect(metadata.labels).toMatchObject({ grafana_dashboard: "1" });
    for (const [file, text] of Object.entries(data)) {
      expect(JSON.parse(text)).toEqual(JSON.parse(textOf(`dashboards/${file}`)));
    }
  }
});

test.each([
  [true, { "helm.sh/resource-policy": "keep" }],
  [false, undefined],
])("with crds.keep %s the CRDs are those of crd/, with the annotations %j", async (keep, annotations) => {
  const printed = await helm.must(["template", "r", CHART, "--show-only", "templates/crds.yaml"], { crds: { keep } });
  const folder = new URL("../../../../crd/", import.meta.url);
  const files = readdirSync(folder).map((file): ChartObject => parse(readFileSync(new URL(file, folder), "utf8")));
  for (const { metadata, spec } of files) {
    const rendered = only(objectsIn(printed), "CustomResourceDefinition", metadata.name);
    expect([rendered.spec, rendered.metadata.annotations]).toEqual([spec, annotations]);
  }
  expect(objectsIn(printed)).toHaveLength(files.length);
});
