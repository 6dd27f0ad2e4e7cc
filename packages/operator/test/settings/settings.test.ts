// Invariants of the settings:
// - flag beats environment beats default; an empty text is not given;
// - all that is wrong is told at once, one line each, with the variable's name, the value and what is allowed;
// - what comes out is frozen.

import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Flags, loadSettings, SettingsError } from "../../src/settings/settings.ts";
import { settingsList } from "../../src/settings/table.ts";

type Env = Readonly<Record<string, string>>;

const problems = (env: Env, flags: Flags = {}): readonly string[] => {
  try {
    loadSettings({ env, flags });
    return [];
  } catch (error) {
    if (error instanceof SettingsError) return error.problems;
    throw error;
  }
};

describe("settings", () => {
  test("have the defaults of the contract", () => {
    expect(loadSettings({ env: {} })).toEqual({
      kubeconfig: undefined,
      role: "manager",
      controllers: ["podconfigmap", "watcher", "podlogreader"],
      watchNamespaces: [],
      podName: undefined,
      podNamespace: undefined,
      leaderElectionEnabled: true,
      leaderElectionLeaseDuration: 15_000,
      leaderElectionRenewDeadline: 10_000,
      leaderElectionRetryPeriod: 2_000,
      leaderElectionLockName: "podconfigmap-controller-lock",
      leaderElectionLockNamespace: "default",
      controllerResyncPeriod: 600_000,
      controllerPodWorkers: 1,
      controllerPcmcWorkers: 1,
      controllerMaxRetries: 5,
      controllerReconciliationTimeout: 30_000,
      createSaAndRolebinding: false,
      allowPodGet: false,
      webhookEnabled: false,
      webhookAddr: { host: "", port: 9443 },
      webhookUrl: undefined,
      webhookSecretName: "podconfigmap-controller-webhook-cert",
      webhookCertDir: undefined,
      authorChecks: true,
      nodeName: undefined,
      bpfPinDir: "/sys/fs/bpf/pcmc/v1",
      cgroupRoot: undefined,
      ebpfRunStats: false,
      metricsAddr: { host: "", port: 8080 },
      logLevel: "info",
      logFormat: "text",
    });
  });

  test("cannot be changed, nor can what is in them", () => {
    const settings = loadSettings({ env: { WATCH_NAMESPACES: "a" } });
    for (const value of [settings, settings.watchNamespaces, settings.controllers, settings.metricsAddr]) {
      expect(Object.isFrozen(value)).toBe(true);
    }
    expect(Object.isFrozen(loadSettings({ env: {} }).watchNamespaces)).toBe(true);
  });

  test("come from the flag before the environment", () => {
    const env = { CONTROLLER_PCMC_WORKERS: "2", CONTROLLER_POD_WORKERS: "2" };
    const settings = loadSettings({ env, flags: { controllerPodWorkers: "auto" } });
    expect([settings.controllerPodWorkers, settings.controllerPcmcWorkers]).toEqual(["auto", 2]);
  });

  test("take an empty flag as none, and an empty variable as the default", () => {
    const env = { METRICS_ADDR: ":1", LOG_LEVEL: "" };
    const settings = loadSettings({ env, flags: { metricsAddr: "" } });
    expect(settings.metricsAddr).toEqual({ host: "", port: 1 });
    expect(settings.logLevel).toBe("info");
  });

  test("take a flag without a value as true", () => {
    expect(loadSettings({ env: { DEBUG: "false" }, flags: { debug: true } }).logLevel).toBe("debug");
  });

  test("let LOG_JSON_FORMAT beat LOG_FORMAT, and DEBUG beat LOG_LEVEL", () => {
    const env = { LOG_JSON_FORMAT: "true", LOG_FORMAT: "text", DEBUG: "1", LOG_LEVEL: "error" };
    expect(loadSettings({ env })).toMatchObject({ logFormat: "json", logLevel: "debug" });
    const off = { LOG_JSON_FORMAT: "false", LOG_FORMAT: "json", DEBUG: "0", LOG_LEVEL: "error" };
    expect(loadSettings({ env: off })).toMatchObject({ logFormat: "json", logLevel: "error" });
  });

  test("round the lease duration up to whole seconds", () => {
    const lease = (text: string) => loadSettings({ env: { LEADER_ELECTION_LEASE_DURATION: text } });
    expect(lease("15.000000001s").leaderElectionLeaseDuration).toBe(16_000);
    expect(lease("16s").leaderElectionLeaseDuration).toBe(16_000);
  });

  test.each<[string, Env, Flags, boolean]>([
    ["in a Pod", { KUBERNETES_SERVICE_HOST: "10.0.0.1" }, {}, true],
    ["in a Pod that works for another cluster", { KUBERNETES_SERVICE_HOST: "10.0.0.1", KUBECONFIG: "/a" }, {}, false],
    ["in a Pod with a kubeconfig as a flag", { KUBERNETES_SERVICE_HOST: "10.0.0.1" }, { kubeconfig: "/a" }, false],
    ["in a Pod, told not to", { KUBERNETES_SERVICE_HOST: "10.0.0.1", WEBHOOK_ENABLED: "false" }, {}, false],
    ["with a URL", { WEBHOOK_URL: "https://127.0.0.1:9443" }, {}, true],
    ["with a URL, told not to", { WEBHOOK_URL: "https://127.0.0.1:9443" }, { webhookEnabled: "0" }, false],
    ["when told to", { WEBHOOK_ENABLED: "true" }, {}, true],
  ])("have webhooks or not: %s", (_, env, flags, expected) => {
    expect(loadSettings({ env, flags }).webhookEnabled).toBe(expected);
  });

  test("leave the variable KUBECONFIG to who looks for the cluster", () => {
    expect(loadSettings({ env: { KUBECONFIG: "/a:/b" } }).kubeconfig).toBeUndefined();
    expect(loadSettings({ env: {}, flags: { kubeconfig: "/a" } }).kubeconfig).toBe("/a");
  });
});

describe("a wrong value", () => {
  test("is told with the variable, the value and what is allowed", () => {
    expect(problems({ CONTROLLER_MAX_RETRIES: "-1" })).toEqual([
      'CONTROLLER_MAX_RETRIES="-1": must be a whole number from 0 to 1000000',
    ]);
  });

  test("of a flag is told with the flag and its variable", () => {
    expect(problems({}, { logLevel: "loud" })).toEqual([
      '--log-level="loud" (LOG_LEVEL): must be one of error, warning, info, debug',
    ]);
    expect(problems({}, { controllers: "all" })).toEqual([expect.stringMatching(/^--controllers="all": must be /)]);
  });

  test("of the environment does not matter where a flag is right", () => {
    expect(problems({ LOG_LEVEL: "loud" }, { logLevel: "info" })).toEqual([]);
  });

  test.each([
    [
      "10s",
      "10s",
      "2s",
      ['LEADER_ELECTION_RENEW_DEADLINE="10s": must be less than LEADER_ELECTION_LEASE_DURATION="10s"'],
    ],
    [
      "15s",
      "12s",
      "10s",
      ['LEADER_ELECTION_RETRY_PERIOD="10s": 1.2 times this must be less than LEADER_ELECTION_RENEW_DEADLINE="12s"'],
    ],
    ["15s", "12.000000001s", "10s", []],
    [
      "9.7s",
      "9.8s",
      "2s",
      ['LEADER_ELECTION_RENEW_DEADLINE="9.8s": must be less than LEADER_ELECTION_LEASE_DURATION="9.7s"'],
    ],
  ])("of the leader election is one that breaks the order: %s > %s > 1.2 x %s", (lease, renew, retry, expected) => {
    const env = {
      LEADER_ELECTION_LEASE_DURATION: lease,
      LEADER_ELECTION_RENEW_DEADLINE: renew,
      LEADER_ELECTION_RETRY_PERIOD: retry,
    };
    expect(problems(env)).toEqual(expected);
  });

  test("is a folder of certificates together with a URL, for which nobody would register them", () => {
    const env = { WEBHOOK_CERT_DIR: "/certs", WEBHOOK_URL: "https://127.0.0.1:9443" };
    expect(problems(env)).toEqual([
      'WEBHOOK_CERT_DIR="/certs": must not be given together with WEBHOOK_URL="https://127.0.0.1:9443"',
    ]);
  });

  test("is told once, not again for the order it would have", () => {
    expect(problems({ LEADER_ELECTION_LEASE_DURATION: "1", LEADER_ELECTION_RENEW_DEADLINE: "60s" })).toHaveLength(1);
  });

  test("is told as one line of its own for each variable, whatever the values are", () => {
    const variables = settingsList.filter(({ setting }) => setting.env !== undefined);
    const wrong = variables.flatMap(({ setting }) => {
      const { env = "", type } = setting;
      const text = fc.string({ unit: "binary", minLength: 1 }).filter((value) => type.parse(value) === undefined);
      return type.allowed === "any text" ? [] : [text.map((value): [string, string] => [env, value])];
    });
    fc.assert(
      fc.property(
        fc.subarray(wrong).chain((some) => fc.tuple(...some)),
        (entries) => {
          const told = problems(Object.fromEntries(entries));
          expect(told).toHaveLength(entries.length);
          for (const [name, value] of entries) {
            const line = told.filter((each) => each.startsWith(`${name}=${JSON.stringify(value)}: must be `));
            expect(line).toHaveLength(1);
            expect(line[0]).not.toContain("\n");
          }
        },
      ),
    );
  });
});

describe("the table", () => {
  test("has flags that a command line parser hands out under its keys", () => {
    const camel = (flag: string) => flag.replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase());
    expect(settingsList.map(({ setting }) => camel(setting.flag))).toEqual(settingsList.map(({ key }) => key));
  });
});
