/*
 * Invariant: what a stored spec says and cannot be used is named, and never turned into its opposite.
 */
import { expect, test } from "vitest";
import { parsePodConfigMapConfig } from "../../src/podconfigmap/config.ts";
import { dataOf } from "../../src/podconfigmap/data.ts";
import { nextStatus } from "../../src/podconfigmap/status.ts";

const stored = (spec: object) => ({
  apiVersion: "podconfig.example.com/v1alpha1",
  kind: "PodConfigMapConfig",
  metadata: { name: "app", namespace: "shop", uid: "u", generation: 3 },
  spec,
});

const pod = {
  name: "web",
  namespace: "shop",
  uid: "p",
  labels: { app: "web" },
  annotations: undefined,
  nodeName: undefined,
  phase: "Running",
  deletionTimestamp: undefined,
};

test("a firewall whose default action cannot be read is left out of the data, and named", () => {
  const config = stored({ ebpfConfig: { l4Firewall: { enabled: true, defaultAction: "deny" } } });
  const { spec, problems } = parsePodConfigMapConfig(config);
  expect(dataOf(pod, spec)).toMatchObject({ ebpf_enabled: "true" });
  expect(dataOf(pod, spec)).not.toHaveProperty("ebpf_l4_firewall");
  expect(dataOf(pod, spec)).not.toHaveProperty("ebpf_l4_firewall_default_action");
  expect(problems).toEqual([
    {
      reason: "InvalidSpec",
      message: 'spec.ebpfConfig.l4Firewall.defaultAction: must be one of allow, block, not "deny"',
    },
  ]);
});

test("a list of labels that is none makes the PodConfigMapConfig not Ready, also while it selects no Pod", () => {
  const config = stored({ labelsToInclude: "app" });
  const { problems } = parsePodConfigMapConfig(config);
  const progress = { matched: 0, failed: new Map(), problems, invalid: undefined };
  const { labelsToInclude: _dropped, ...spec } = config.spec as Record<string, unknown>;
  const status = nextStatus({ ...config, spec }, { progress, ebpf: undefined }, new Date(0));
  expect(status).toMatchObject({ observedGeneration: 3, failed: 0 });
  expect(status?.conditions).toMatchObject([
    {
      type: "Ready",
      status: "False",
      reason: "InvalidSpec",
      message: "spec.labelsToInclude: must be of type array, not string",
    },
    { type: "SpecInvalid", status: "True", reason: "InvalidSpec" },
  ]);
});

test.each([
  [1, 16_000, false],
  [5, 3_200, false],
  [5, 8_000, true],
])("of %i Pods with %i characters each, the message is cut: %s", (pods, length, isCut) => {
  const failure = { reason: "TemplateError", message: `${"x".repeat(length - 1)}!` };
  const failed = new Map(Array.from({ length: pods }, (_, n) => [`web-${n}`, [failure]] as const));
  const progress = { matched: pods, failed, problems: [], invalid: undefined };
  const [ready] = nextStatus(stored({}), { progress, ebpf: undefined }, new Date(0))?.conditions ?? [];
  expect(ready?.message.match(/!/g)?.length === pods).toBe(!isCut);
  expect(ready?.message.length).toBeLessThanOrEqual(16_384);
});

test("what admission would refuse and still can be used is used", () => {
  const many = Array.from({ length: 300 }, (_, i) => `key-${i}`);
  const { spec, problems } = parsePodConfigMapConfig(stored({ labelsToInclude: many }));
  expect(spec.labels).toHaveLength(300);
  expect(problems).toEqual([]);
});
