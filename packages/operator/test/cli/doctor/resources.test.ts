/*
 * Invariants:
 * - An object is fine only once its controller has looked at this very generation and says Ready.
 * - However many are not, five are named and the others counted.
 * - Nothing is asked of controllers that do not run, and quotas count where PodConfigMapConfigs are.
 */
import { describe, expect, test } from "vitest";
import type { Condition } from "../../../src/api/conditions.ts";
import {
  judgeConfigs,
  judgeLeftovers,
  judgeMissed,
  judgeQuotas,
  judgeRoles,
  judgeWatchers,
} from "../../../src/cli/doctor/resource-checks.ts";
import type { ResourceFacts } from "../../../src/cli/doctor/resource-facts.ts";
import { seen } from "../../../src/cli/doctor/seen.ts";
import { nameFor } from "../../../src/podlogreader/names.ts";
import { FORBIDDEN, listed, stored, told } from "./fixtures.ts";

const facts = (wish: Partial<ResourceFacts> = {}): ResourceFacts => ({
  configs: listed(),
  watchers: listed(),
  deployments: seen([]),
  roles: listed(),
  quotas: listed(),
  leftovers: seen({ names: [], looked: 0 }),
  ...wish,
});

const ready = (status: Condition["status"], message = ""): Condition => ({
  type: "Ready",
  status,
  reason: "Reason",
  message,
  lastTransitionTime: "",
});
const config = (name: string, conditions: Condition[], { generation = 1, observedGeneration = 1 } = {}) =>
  stored(name, { metadata: { generation }, spec: {}, status: { observedGeneration, conditions } });

describe("PodConfigMapConfigs", () => {
  test.each([
    ["Ready", [ready("True")], {}, "ok: 1 PodConfigMapConfig, and all are Ready"],
    [
      "not Ready",
      [ready("False", "no such key")],
      {},
      "failed: PodConfigMapConfig default/a is not Ready: Reason: no such key",
    ],
    ["new", [], {}, "failed: PodConfigMapConfig default/a is not Ready: no controller has looked at it yet"],
    [
      "changed",
      [ready("True")],
      { generation: 2 },
      "failed: PodConfigMapConfig default/a is not Ready: generation 2 is not settled yet",
    ],
  ])("%s", (_, conditions, generations, text) => {
    expect(told(judgeConfigs(facts({ configs: listed(config("a", conditions, generations)) })))).toEqual([text]);
  });

  test("that fail are named five times, with a count of the others", () => {
    const many = Array.from({ length: 12 }, (_, i) => config(`c${i}`, [ready("False")]));
    const verdicts = judgeConfigs(facts({ configs: listed(...many) }));
    expect([verdicts.length, verdicts.at(-1)?.message]).toEqual([6, "7 more PodConfigMapConfigs are not Ready"]);
  });

  test("whose messages would move a terminal's cursor do not", () => {
    const [verdict] = judgeConfigs(facts({ configs: listed(config("a", [ready("False", "a\u001b[2J\nb")])) }));
    expect(verdict?.message).toMatch(/a \[2J b$/);
  });

  test("are none where their CRD is missing, and skipped where they may not be listed", () => {
    expect(judgeConfigs(facts({ configs: seen(undefined) }))).toMatchObject([{ status: "ok" }]);
    expect(judgeConfigs(facts({ configs: FORBIDDEN }))).toMatchObject([{ status: "skipped" }]);
  });
});

describe("Watchers", () => {
  const watcher = (missed: number) =>
    stored("logs", {
      spec: { container: { name: "a" } },
      status: {
        missed,
        missedPods: [{ name: "web-1", reason: "CreatedBefore" }],
        conditions: [ready("True")],
        observedGeneration: 1,
      },
    });

  test("are not asked about where their controller does not run", () => {
    expect(judgeWatchers(facts({ watchers: FORBIDDEN }), ["podconfigmap"])).toEqual([]);
    expect(judgeWatchers(facts({ watchers: listed(watcher(0)) }), ["watcher"])).toMatchObject([{ status: "ok" }]);
  });

  test("that missed Pods are a warning with one of them", () => {
    expect(told(judgeMissed(facts({ watchers: listed(watcher(3)) })))).toEqual([
      "warning: Pods run without the sidecar they ask for: default/logs: 3 Pods, such as web-1 (CreatedBefore)",
    ]);
    expect(judgeMissed(facts({ watchers: listed(watcher(0)) }))).toEqual([]);
  });
});

describe("podlogreader", () => {
  const deployments = seen([stored("web", {}), stored("w".repeat(250), {})]);
  const roles = listed(stored(nameFor("web"), { rules: [] }), stored(nameFor("w".repeat(250)), { rules: [] }));

  test("has a Role for each, under a shortened name too", () => {
    expect(judgeRoles(facts({ deployments, roles }), ["podlogreader"])).toMatchObject([{ status: "ok" }]);
  });

  test("lacks those that are not there, and those of other namespaces", () => {
    const astray = listed(stored(nameFor("web"), { rules: [] }, "other"));
    expect(judgeRoles(facts({ deployments, roles: astray }), ["podlogreader"])).toMatchObject([
      { status: "failed", message: expect.stringContaining("default/web, ") },
    ]);
    expect(judgeRoles(facts({ deployments, roles: astray }), ["watcher"])).toEqual([]);
  });
});

describe("quotas", () => {
  const configs = listed(config("a", [ready("True")]));
  const quota = (key: string, used: string, hard: string, namespace = "default") =>
    listed(stored("q", { status: { hard: { [key]: hard }, used: { [key]: used } } }, namespace));

  test.each([
    ["count/configmaps", "8", "10", "ok"],
    ["count/configmaps", "9", "10", "warning"],
    ["configmaps", "10", "10", "failed"],
    ["pods", "10", "10", "ok"],
    ["count/configmaps", "2k", "2k", "ok"],
  ])("%s: %s of %s is %s", (key, used, hard, status) => {
    expect(judgeQuotas(facts({ configs, quotas: quota(key, used, hard) }))).toMatchObject([{ status }]);
  });

  test("of namespaces without PodConfigMapConfigs do not count", () => {
    expect(judgeQuotas(facts({ configs, quotas: quota("configmaps", "1", "1", "other") }))).toMatchObject([
      { status: "ok" },
    ]);
    expect(judgeQuotas(facts({ quotas: FORBIDDEN }))).toEqual([]);
  });
});

test("ConfigMaps that have lost their Pod are named", () => {
  expect(told(judgeLeftovers(facts({ leftovers: seen({ names: ["a/b"], looked: 7 }) })))).toEqual([
    "warning: ConfigMaps whose Pod is gone are still there: a/b",
  ]);
  expect(judgeLeftovers(facts({ leftovers: seen({ names: [], looked: 7 }) }))).toMatchObject([{ status: "ok" }]);
});
