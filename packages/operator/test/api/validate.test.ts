/*
 * Invariants:
 * - What the API server with our CRD refuses has a finding, what it takes has none; admission/judgements.integration.test.ts holds it to that.
 * - No value whatever makes the checks throw.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { validatePodConfigMapConfig } from "../../src/api/validate.ts";
import { legal, pcmc, refused } from "./corpus.ts";

describe("the offline checks accept", () => {
  test.each(legal)("$name", ({ spec }) => {
    expect(validatePodConfigMapConfig(pcmc("a", spec))).toEqual([]);
  });

  test("an object without spec", () => {
    const { spec: _, ...object } = pcmc("a", {});
    expect(validatePodConfigMapConfig(object)).toEqual([]);
  });
});

describe("the offline checks refuse", () => {
  test.each(refused)("$name", ({ spec, field, says = "" }) => {
    const findings = validatePodConfigMapConfig(pcmc("a", spec));
    expect(findings).toHaveLength(1);
    expect(findings[0]?.field).toMatch(new RegExp(`^${RegExp.escape(field)}(\\[[^\\]]+\\])?(\\.[a-z]+)?$`));
    expect(findings[0]?.message).toContain(says);
    expect(findings[0]?.message).not.toContain("\n");
  });

  test("an unknown field, where kubectl would too", () => {
    const findings = validatePodConfigMapConfig(pcmc("a", { podSelector: { matchLabel: { app: "web" } } }));
    expect(findings.map(({ field }) => field)).toEqual(["spec.podSelector.matchLabel"]);
  });

  test("another kind and another version", () => {
    const object = { ...pcmc("a", {}), apiVersion: "v1", kind: "ConfigMap" };
    expect(validatePodConfigMapConfig(object).map(({ field }) => field)).toEqual(["apiVersion", "kind"]);
  });

  test("everything that is wrong, not just the first", () => {
    const spec = { labelsToInclude: ["a b"], ebpfConfig: { onFailure: "x", l4Firewall: { allowedPorts: [0, 70000] } } };
    expect(validatePodConfigMapConfig(pcmc("a", spec)).map(({ field }) => field)).toEqual([
      "spec.labelsToInclude[0]",
      "spec.ebpfConfig.l4Firewall.allowedPorts[0]",
      "spec.ebpfConfig.l4Firewall.allowedPorts[1]",
      "spec.ebpfConfig.onFailure",
    ]);
  });
});

test("a finding's path leads to the value it is about", () => {
  const object = pcmc("a", { podSelector: { matchLabels: { "example.com/a": "not ok" } } });
  const [finding] = validatePodConfigMapConfig(object);
  expect(finding?.path).toEqual(["spec", "podSelector", "matchLabels", "example.com/a"]);
  expect(finding?.field).toBe("spec.podSelector.matchLabels[example.com/a]");
});

test("nothing makes the checks throw", () => {
  fc.assert(
    fc.property(fc.anything(), fc.object(), (anything, spec) => {
      expect(validatePodConfigMapConfig(anything).length).toBeGreaterThan(0);
      validatePodConfigMapConfig(pcmc("a", anything));
      validatePodConfigMapConfig(pcmc("a", { podSelector: anything, configMapDataTemplate: spec, ebpfConfig: spec }));
    }),
  );
});
