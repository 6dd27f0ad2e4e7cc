// Invariants of the agent's settings:
// - flag beats environment beats default, and all that is wrong is told at once, as with the manager's;
// - a setting that both programs have means the same in both.

import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { absolutePath } from "../../src/settings/absolute-path.ts";
import { loadAgentSettings } from "../../src/settings/agent-settings.ts";
import { agentSettingsList, agentSettingsTable } from "../../src/settings/agent-table.ts";
import { SettingsError } from "../../src/settings/read-table.ts";
import { settingsTable } from "../../src/settings/table.ts";

describe("the agent's settings", () => {
  test("have the defaults of the contract", () => {
    expect(loadAgentSettings({ env: {} })).toEqual({
      kubeconfig: undefined,
      watchNamespaces: [],
      nodeName: undefined,
      bpfPinDir: "/sys/fs/bpf/pcmc/v1",
      cgroupRoot: undefined,
      ebpfRunStats: false,
      controllerResyncPeriod: 600_000,
      controllerMaxRetries: 5,
      controllerReconciliationTimeout: 30_000,
      metricsAddr: { host: "", port: 8080 },
      logLevel: "info",
      logFormat: "text",
    });
  });

  test("cannot be changed", () => {
    expect(Object.isFrozen(loadAgentSettings({ env: {} }))).toBe(true);
  });

  test("come from the flag before the environment", () => {
    const env = { NODE_NAME: "a", BPF_PIN_DIR: "/a", CGROUP_ROOT: "/c", LOG_JSON_FORMAT: "true" };
    expect(loadAgentSettings({ env, flags: { nodeName: "b", bpfPinDir: "" } })).toMatchObject({
      nodeName: "b",
      bpfPinDir: "/a",
      cgroupRoot: "/c",
      logFormat: "json",
    });
  });

  test("are told wrong all at once, each in a line with what is allowed", () => {
    const env = { NODE_NAME: "Node_1", BPF_PIN_DIR: "pins", EBPF_RUN_STATS: "perhaps", LOG_LEVEL: "loud" };
    const problems = (() => {
      try {
        loadAgentSettings({ env });
      } catch (error) {
        if (error instanceof SettingsError) return error.problems;
        throw error;
      }
      return [];
    })();
    expect(problems).toEqual([
      expect.stringMatching(/^NODE_NAME="Node_1": must be a name/),
      'BPF_PIN_DIR="pins": must be an absolute path, such as /sys/fs/bpf/pcmc/v1',
      expect.stringMatching(/^EBPF_RUN_STATS="perhaps": must be true or false/),
      'LOG_LEVEL="loud": must be one of error, warning, info, debug',
    ]);
  });

  test("are the manager's too, in the same words", () => {
    for (const [key, setting] of Object.entries(agentSettingsTable)) expect(settingsTable).toHaveProperty(key, setting);
  });

  test("have flags that a command line parser hands out under their keys", () => {
    const camel = (flag: string) => flag.replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase());
    expect(agentSettingsList.map(({ setting }) => camel(setting.flag))).toEqual(
      agentSettingsList.map(({ key }) => key),
    );
  });
});

describe("an absolute path", () => {
  test.each([
    ["/sys/fs/bpf/pcmc/v1", "/sys/fs/bpf/pcmc/v1"],
    ["/sys/fs/bpf/", "/sys/fs/bpf"],
    ["/a//b/./c/../d", "/a/b/d"],
    ["/", undefined],
    ["/a/..", undefined],
    ["a/b", undefined],
    ["./a", undefined],
    ["/a\0b", undefined],
  ])("%j is %j", (text, path) => {
    expect(absolutePath.parse(text)).toBe(path);
  });

  test("in its plain form stays as it is", () => {
    fc.assert(
      fc.property(fc.array(fc.stringMatching(/^[a-z.]{1,3}$/), { minLength: 1 }), (parts) => {
        const path = absolutePath.parse(`/${parts.join("/")}`);
        if (path !== undefined) expect(absolutePath.parse(path)).toBe(path);
      }),
    );
  });
});
