/*
 * Settings, from the values to the programs.
 *
 * Invariants:
 * - Each setting of the table is a value of the chart, or is decided by another value or by the Pod: none is forgotten.
 * - What is set reaches each program that reads it, under the name of its variable, as the program parses it.
 * - No variable stands twice in a container, and what users add beats what the chart sets: the API server refuses twins when they
 *   are applied on the server.
 * - What is the program's own default is not written down, nor is what is empty.
 * - Webhooks are served where values say so, also with a kubeconfig, by which the program alone would not.
 * - values.yaml has each of them, with a default that the program takes.
 */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { chartSettings, ELSEWHERE } from "../../../../scripts/chart-settings.ts";
import { agentSettingsTable } from "../../src/settings/agent-table.ts";
import { nodeSettings } from "../../src/settings/common-settings.ts";
import { loadSettings } from "../../src/settings/settings.ts";
import { type SettingKey, settingsTable } from "../../src/settings/table.ts";
import { CHART, containerOf, environmentOf, Helm, objectsIn, only, type Values } from "./support/helm.ts";

let helm: Helm;
beforeAll(async () => {
  helm = await Helm.start();
});
afterAll(() => helm?.[Symbol.dispose]());

const NAME = "podconfigmap-controller";
const AGENT = `${NAME}-agent`;

/** Something else than the default, for each: a new setting has to be given one here. */
const OTHER: Readonly<Record<SettingKey, string | number | boolean>> = {
  kubeconfig: "/etc/kubeconfig",
  role: "",
  controllers: "",
  watchNamespaces: "",
  podName: "",
  podNamespace: "",
  nodeName: "",
  createSaAndRolebinding: "",
  allowPodGet: "",
  webhookEnabled: "",
  leaderElectionEnabled: false,
  leaderElectionLeaseDuration: "1m30s",
  leaderElectionRenewDeadline: "7s",
  leaderElectionRetryPeriod: "1500ms",
  leaderElectionLockName: "another-lock",
  leaderElectionLockNamespace: "locks",
  controllerResyncPeriod: "1h",
  controllerPodWorkers: 7,
  controllerPcmcWorkers: 10_000,
  controllerMaxRetries: 1_000_000,
  controllerReconciliationTimeout: "0",
  webhookAddr: "127.0.0.1:9500",
  webhookUrl: "",
  webhookSecretName: "another-cert",
  webhookCertDir: "/certs",
  authorChecks: false,
  bpfPinDir: "/run/bpf/other",
  cgroupRoot: "/sys/fs/cgroup/unified",
  ebpfRunStats: true,
  metricsAddr: ":8081",
  logLevel: "error",
  logFormat: "json",
  logJsonFormat: true,
  debug: true,
};

/** Deployment and DaemonSet with a setting, as environments. */
const environments = async (values: Values) => {
  const objects = await helm.objects({ replicas: 1, agent: { enabled: true }, ...values });
  return {
    manager: environmentOf(only(objects, "Deployment")),
    agent: environmentOf(only(objects, "DaemonSet", AGENT)),
  };
};

test("each setting of the table has a value of its own, or another that decides it", () => {
  const keys = [...chartSettings.map(({ key }) => key), ...Object.keys(ELSEWHERE)];
  expect(keys.sort()).toEqual(Object.keys(settingsTable).sort());
});

test.each(chartSettings.map(({ key }) => key))("settings.%s reaches who reads it", async (key) => {
  const value = OTHER[key];
  const { env = "KUBECONFIG", type } = settingsTable[key];
  const { manager, agent } = await environments({ settings: { [key]: value } });
  const text = String(value);
  expect(type.parse(text)).toBeDefined();
  expect(manager[env]).toBe(key in nodeSettings ? undefined : text);
  // The agents' port is their own.
  const ofAgent = key === "metricsAddr" ? ":19480" : text;
  expect(agent[env]).toBe(key in agentSettingsTable ? ofAgent : undefined);
});

test("agent.settings beat settings, for agents", async () => {
  const { manager, agent } = await environments({
    settings: { logFormat: "json", logLevel: "error" },
    agent: { enabled: true, settings: { logLevel: "debug", metricsAddr: ":19490" } },
  });
  expect(manager).toMatchObject({ LOG_FORMAT: "json", LOG_LEVEL: "error" });
  expect(agent).toMatchObject({ LOG_FORMAT: "json", LOG_LEVEL: "debug", METRICS_ADDR: ":19490" });
});

test("by default the environment has what the chart changes, and nothing else", async () => {
  const { manager, agent } = await environments({});
  expect(manager).toEqual({
    LEADER_ELECTION_LEASE_DURATION: "6s",
    LEADER_ELECTION_RENEW_DEADLINE: "4s",
    LEADER_ELECTION_RETRY_PERIOD: "1s",
    LEADER_ELECTION_LOCK_NAMESPACE: "ops",
    CONTROLLER_POD_WORKERS: "auto",
  });
  expect(agent).toEqual({
    BPF_PIN_DIR: "/run/bpf/pcmc/v1",
    METRICS_ADDR: ":19480",
    MALLOC_ARENA_MAX: "1",
    MALLOC_MMAP_THRESHOLD_: "65536",
    MALLOC_TRIM_THRESHOLD_: "65536",
    NODE_OPTIONS: "--max-semi-space-size=1",
  });
});

test("what is empty is the program's own default", async () => {
  const empty = ["leaderElectionLeaseDuration", "leaderElectionRenewDeadline", "leaderElectionRetryPeriod"];
  const settings = Object.fromEntries([...empty, "controllerPodWorkers", "logLevel"].map((key) => [key, ""]));
  const { manager } = await environments({ settings });
  expect(manager).toEqual({ LEADER_ELECTION_LOCK_NAMESPACE: "ops" });
});

test("what other values decide reaches the programs, too", async () => {
  const { manager, agent } = await environments({
    controllers: ["podlogreader"],
    watchNamespaces: ["shop", "pay"],
    podlogreader: { createSaAndRoleBinding: true, allowPodGet: true },
    webhooks: { enabled: false },
  });
  expect(manager).toMatchObject({
    WATCH_NAMESPACES: "shop,pay",
    CREATE_SA_AND_ROLEBINDING: "true",
    ALLOW_POD_GET: "true",
    WEBHOOK_ENABLED: "false",
  });
  expect(agent).toMatchObject({ WATCH_NAMESPACES: "shop,pay" });
});

describe.each([
  ["values", { settings: { kubeconfig: "/etc/pcmc/kubeconfig" } }],
  ["the agents' own values, with both in one process", { role: "all", agent: { settings: { kubeconfig: "/etc/k" } } }],
  ["nobody", {}],
  ["nobody, with both in one process", { role: "all" }],
])("with a kubeconfig of %s", (_, values) => {
  test.each([true, false])("the manager serves webhooks where webhooks.enabled is %s", async (enabled) => {
    const objects = await helm.objects({ webhooks: { enabled }, ...values });
    const kind = "role" in values ? "DaemonSet" : "Deployment";
    // As the kubelet adds it.
    const env = { ...environmentOf(only(objects, kind, NAME)), KUBERNETES_SERVICE_HOST: "10.0.0.1" };
    expect(loadSettings({ env }).webhookEnabled).toBe(enabled);
  });
});

test("with a kubeconfig, a manager whose controllers have no webhooks gets none", async () => {
  const { manager } = await environments({ controllers: ["podlogreader"], settings: { kubeconfig: "/etc/k" } });
  expect(manager).not.toHaveProperty("WEBHOOK_ENABLED");
});

test("manager and agent in one process get the settings of both", async () => {
  const settings = { ebpfRunStats: true, controllerPcmcWorkers: 3 };
  const environment = environmentOf(only(await helm.objects({ role: "all", settings }), "DaemonSet", NAME));
  expect(environment).toMatchObject({
    EBPF_RUN_STATS: "true",
    CONTROLLER_PCMC_WORKERS: "3",
    BPF_PIN_DIR: "/run/bpf/pcmc/v1",
    METRICS_ADDR: ":19480",
  });
});

describe("variables that users add", () => {
  const text = (name: string, value: string) => ({ name, value });
  /** All that the container of an object has in its environment, in order. */
  const envOf = async (values: Values, kind: string, name?: string) =>
    containerOf(only(objectsIn(await helm.render({ crds: { install: false }, ...values })), kind, name)).env ?? [];

  test.each<readonly [string, Values, kind: string]>([
    ["the manager", {}, "Deployment"],
    ["agents", { agent: { enabled: true } }, "DaemonSet"],
    ["both in one process", { role: "all" }, "DaemonSet"],
  ])("leave out what the chart sets for %s, and nothing else", async (_, values, kind) => {
    const plain = await envOf(values, kind);
    const replaced = plain.map(({ name }) => name).filter((_, index) => index % 2 === 1);
    const extraEnv = [text("ZONE", "a"), ...replaced.map((name) => text(name, "theirs"))];
    const given = kind === "Deployment" ? { extraEnv } : { agent: { ...Object(values.agent), extraEnv } };
    const kept = plain.filter(({ name }) => !replaced.includes(name));
    expect(replaced).not.toEqual([]);
    expect(await envOf({ ...values, ...given }, kind)).toEqual([...kept, ...extraEnv]);
  });

  test("leave out all that the chart sets, where they have all of it", async () => {
    const extraEnv = (await envOf({}, "Deployment")).map(({ name }) => text(name, "theirs"));
    expect(await envOf({ extraEnv }, "Deployment")).toEqual(extraEnv);
  });

  test.each([
    ["the process", "DaemonSet"],
    ["the Job by which it detaches", "Job"],
  ])("are the agents' in %s where role all has both", async (_, kind) => {
    const extraEnv = [text("A", "manager"), text("B", "manager")];
    const agent = { extraEnv: [text("B", "agent"), text("C", "agent")] };
    const env = await envOf({ role: "all", extraEnv, agent }, kind);
    expect(env.filter(({ name }) => /^[ABC]$/.test(name))).toEqual([text("A", "manager"), ...agent.extraEnv]);
  });

  test("are none where there are none: no variable stands twice", async () => {
    for (const values of [{ agent: { enabled: true } }, { role: "all" }]) {
      for (const { spec } of await helm.objects(values)) {
        const names = spec?.template?.spec.containers.flatMap(({ env }) => env.map(({ name }) => name)) ?? [];
        expect(names).toEqual([...new Set(names)]);
      }
    }
  });
});

test("values.yaml names each setting, with a value that the program takes", () => {
  const { settings } = parse(readFileSync(`${CHART}/values.yaml`, "utf8"));
  expect(Object.keys(settings)).toEqual(chartSettings.map(({ key }) => key));
  for (const { key, setting } of chartSettings) {
    const text = String(settings[key]);
    expect([key, text === "" || setting.type.parse(text) !== undefined]).toEqual([key, true]);
  }
});
