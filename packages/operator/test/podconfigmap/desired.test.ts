/*
 * Invariants:
 * - The data of a ConfigMap is what the contract lists, no more.
 * - A PodConfigMapConfig that cannot be carried out for a Pod is named with its reason; the others are carried out.
 */
import { describe, expect, test } from "vitest";
import { desiredConfigMaps, selectedBy } from "../../src/podconfigmap/desired.ts";
import type { PodView } from "../../src/podconfigmap/views.ts";
import { config, Namespace, podView } from "./fixtures.ts";

const settle = (pod: PodView, ...configs: readonly ReturnType<typeof config>[]) =>
  new Namespace({ pods: [pod], configs }).settle(pod.name);

const only = (pod: PodView, spec: unknown) => {
  const [settlement, ...more] = settle(pod, config("basic", spec));
  expect(more).toEqual([]);
  if (settlement?.kind !== "desired") throw new Error(`not desired: ${JSON.stringify(settlement)}`);
  return settlement;
};

const dataOf = (pod: PodView, spec: unknown) => ({ ...only(pod, spec).configMap.data });
const selectorOf = (pod: PodView, podSelector: unknown) =>
  settle(pod, config("basic", { podSelector })).map(({ kind }) => kind);

describe("the data", () => {
  test("is name, namespace, node, phase and ebpf_enabled where nothing else is asked for", () => {
    expect(dataOf(podView(), {})).toEqual({
      podName: "web-0",
      namespace: "shop",
      nodeName: "node-1",
      phase: "Running",
      ebpf_enabled: "false",
    });
  });

  test("has empty strings for node and phase while the Pod has none", () => {
    expect(dataOf(podView({ nodeName: undefined, phase: undefined }), {})).toMatchObject({ nodeName: "", phase: "" });
  });

  test("of a completed Pod says so", () => {
    expect(dataOf(podView({ phase: "Succeeded" }), {})).toMatchObject({ phase: "Succeeded" });
  });

  test("has a label with / under a key with _, and no key for a label that the Pod lacks", () => {
    const pod = podView({ labels: { "app.kubernetes.io/name": "shop", tier: "" } });
    const data = dataOf(pod, { labelsToInclude: ["app.kubernetes.io/name", "tier", "absent", "constructor"] });
    expect(Object.keys(data).filter((key) => key.startsWith("label_"))).toEqual([
      "label_app.kubernetes.io_name",
      "label_tier",
    ]);
    expect(data["label_app.kubernetes.io_name"]).toBe("shop");
  });

  test("has annotations likewise", () => {
    const pod = podView({ annotations: { "example.com/owner": "team a" } });
    expect(dataOf(pod, { annotationsToInclude: ["example.com/owner"] })).toMatchObject({
      "annotation_example.com_owner": "team a",
    });
  });

  test("lacks two keys that collide, has everything else, and says so", () => {
    const pod = podView({ labels: { "x/y": "1", x_y: "2", app: "web" } });
    const { configMap, warnings } = only(pod, { labelsToInclude: ["x/y", "x_y", "app"] });
    expect(Object.keys(configMap.data)).not.toContain("label_x_y");
    expect(configMap.data).toMatchObject({ label_app: "web" });
    expect(warnings.map(({ reason }) => reason)).toEqual(["KeyCollision"]);
  });

  test.each([
    [{}, { ebpf_enabled: "true" }],
    [{ syscallMonitoring: { enabled: true } }, { ebpf_enabled: "true", ebpf_syscall_monitoring: "true" }],
    [{ syscallMonitoring: {} }, { ebpf_enabled: "true", ebpf_syscall_monitoring: "false" }],
    [
      { l4Firewall: { enabled: true } },
      { ebpf_enabled: "true", ebpf_l4_firewall: "true", ebpf_l4_firewall_default_action: "allow" },
    ],
    [
      { l4Firewall: { enabled: false, defaultAction: "block" }, metricsExport: { enabled: true } },
      {
        ebpf_enabled: "true",
        ebpf_l4_firewall: "false",
        ebpf_l4_firewall_default_action: "block",
        ebpf_metrics_export: "true",
      },
    ],
  ])("of ebpfConfig %j", (ebpfConfig, expected) => {
    const data = Object.entries(dataOf(podView(), { ebpfConfig }));
    expect(Object.fromEntries(data.filter(([key]) => key.startsWith("ebpf_")))).toEqual(expected);
  });
});

describe("podSelector", () => {
  test.each([undefined, null, {}])("%j selects every Pod", (podSelector) => {
    expect(selectorOf(podView({ labels: undefined }), podSelector)).toEqual(["desired"]);
  });

  test("leaves out the Pods that it does not select", () => {
    expect(selectorOf(podView(), { matchLabels: { app: "db" } })).toEqual([]);
  });

  test("with an invalid operator is a failure that says which, for every Pod", () => {
    const podSelector = { matchExpressions: [{ key: "app", operator: "Like", values: ["w"] }] };
    expect(settle(podView(), config("basic", { podSelector }), config("other"))).toMatchObject([
      { kind: "failed", pcmc: "basic", reason: "InvalidSelector", message: expect.stringContaining('"Like"') },
      { kind: "desired", pcmc: "other" },
    ]);
  });
});

test("two PodConfigMapConfigs on one Pod give two ConfigMaps", () => {
  const settlements = settle(podView(), config("a"), config("b"));
  expect(settlements.map((one) => one.kind === "desired" && one.configMap.name)).toEqual([
    "pod-web-0-from-a-cfg",
    "pod-web-0-from-b-cfg",
  ]);
});

test("a terminating Pod is to have nothing", () => {
  const pod = podView({ deletionTimestamp: "2026-01-01T00:00:00Z" });
  expect(settle(pod, config("a"))).toEqual([]);
  expect(selectedBy(pod, [config("a")])).toEqual([]);
});

describe("the limit of 1 MiB", () => {
  const MiB = 1_048_576;
  const others = "web-0shopnode-1Runningfalse".length;
  const withAnnotation = (value: string) =>
    settle(podView({ annotations: { a: value } }), config("basic", { annotationsToInclude: ["a"] }));

  test("is kept by values of exactly that many bytes: keys do not count", () => {
    expect(withAnnotation("x".repeat(MiB - others))).toMatchObject([{ kind: "desired" }]);
  });

  test("is passed by one byte more", () => {
    expect(withAnnotation("x".repeat(MiB - others + 1))).toMatchObject([
      { kind: "failed", reason: "TooLarge", message: expect.stringContaining(`${MiB + 1} bytes`) },
    ]);
  });

  test("counts bytes, not characters", () => {
    expect(withAnnotation("ä".repeat(MiB / 2))).toMatchObject([{ kind: "failed", reason: "TooLarge" }]);
  });
});

describe("templates", () => {
  const templated = config("t", { configMapDataTemplate: { greeting: "hello", podName: "mine" } });

  test("are a failure until they are rendered, never left out in silence", () => {
    expect(settle(podView(), templated)).toMatchObject([{ kind: "failed", pcmc: "t", reason: "NotRendered" }]);
  });

  test("add to the default keys, and win over one of the same name", () => {
    const pod = podView();
    const state = {
      ...new Namespace({ pods: [pod], configs: [templated] }).state,
      rendered: () => ({ ok: true, data: { greeting: "hello web-0", podName: "mine" } }) as const,
    };
    expect(desiredConfigMaps(pod, state)).toMatchObject([
      { kind: "desired", configMap: { data: { greeting: "hello web-0", podName: "mine", namespace: "shop" } } },
    ]);
  });

  test("that fail are that PodConfigMapConfig's failure, which names every one with its line and column", () => {
    const faults = [
      { key: "greeting", line: 1, column: 3, message: "no such field" },
      { key: "app.conf", message: "not rendered within 1 s" },
    ];
    const pod = podView();
    const state = {
      ...new Namespace({ pods: [pod], configs: [templated, config("plain")] }).state,
      rendered: () => ({ ok: false, faults }) as const,
    };
    expect(desiredConfigMaps(pod, state)).toMatchObject([
      {
        kind: "failed",
        pcmc: "t",
        reason: "TemplateError",
        message: "greeting:1:3: no such field; app.conf: not rendered within 1 s",
        faults,
      },
      { kind: "desired", pcmc: "plain" },
    ]);
  });

  test("that fail in large numbers are all named by their places before anything is told of one", () => {
    const faults = Array.from({ length: 20 }, (_, n) => ({
      key: `${n}.conf`,
      line: n + 1,
      column: 4,
      message: "no such field",
    }));
    const pod = podView();
    const state = {
      ...new Namespace({ pods: [pod], configs: [templated] }).state,
      rendered: () => ({ ok: false, faults }) as const,
    };
    const [settled] = desiredConfigMaps(pod, state);
    const places = faults.map(({ key, line, column }) => `${key}:${line}:${column}`);
    expect(settled).toMatchObject({
      message: expect.stringContaining(`20 keys fail, at ${places.join(", ")}: 0.conf:1:4: no such field; 1.conf:`),
    });
  });

  test("count in the limit of 1 MiB, with what they replace left out", () => {
    const settled = (podName: string) => {
      const pod = podView();
      const state = {
        ...new Namespace({ pods: [pod], configs: [templated] }).state,
        rendered: () => ({ ok: true, data: { podName } }) as const,
      };
      return desiredConfigMaps(pod, state);
    };
    const others = "shopnode-1Runningfalse".length;
    expect(settled("x".repeat(1_048_576 - others))).toMatchObject([{ kind: "desired" }]);
    expect(settled("x".repeat(1_048_576 - others + 1))).toMatchObject([{ kind: "failed", reason: "TooLarge" }]);
  });

  test("may write a key named __proto__", () => {
    const pod = podView();
    const rendered = JSON.parse('{"__proto__":"x"}');
    const state = {
      ...new Namespace({ pods: [pod], configs: [templated] }).state,
      rendered: () => ({ ok: true, data: rendered }) as const,
    };
    const [settlement] = desiredConfigMaps(pod, state);
    expect(settlement?.kind === "desired" && Object.entries(settlement.configMap.data)).toContainEqual([
      "__proto__",
      "x",
    ]);
  });
});
