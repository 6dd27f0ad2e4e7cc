/*
 * Invariants:
 * - What a real API server with our CRD refuses has an error here, at the same field; judgements.integration.test.ts holds it to that.
 * - Nothing makes it throw but the engine.
 * - Warnings never keep an object out, and none is about a field that has an error.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { validatePodConfigMapConfig } from "../../src/admission/validate.ts";
import { fieldOf } from "../../src/api/conform.ts";
import { legal, pcmc, refused } from "../api/corpus.ts";
import { contentEngine as engine, engineThatSays, lines } from "./fixtures.ts";

const validate = (object: unknown) => validatePodConfigMapConfig(object, { engine });
const said = async (spec: unknown, name = "a") => lines(await validate(pcmc(name, spec)));

test.each(legal)("$name is no error", async ({ spec }) => {
  const findings = await validate(pcmc("a", spec));
  expect(findings.filter(({ severity }) => severity === "error")).toEqual([]);
});

test.each(refused)("$name is one error, with what to do", async ({ spec, field, says = "" }) => {
  const errors = (await validate(pcmc("a", spec))).filter(({ severity }) => severity === "error");
  expect(errors).toHaveLength(1);
  expect(fieldOf(errors[0]?.path ?? [])).toContain(field);
  expect(errors[0]?.message).toContain(says);
});

describe("a warning is given for", () => {
  test("a selector that no Pod can match", async () => {
    const podSelector = { matchLabels: { a: "x" }, matchExpressions: [{ key: "a", operator: "DoesNotExist" }] };
    expect(await said({ podSelector })).toEqual([
      "warning spec.podSelector: no Pod can match: of label a, it must have a value and must not exist; change one of the two",
    ]);
  });

  test("whatever a list names twice", async () => {
    const spec = {
      labelsToInclude: ["a", "b", "a"],
      podSelector: { matchExpressions: [{ key: "k", operator: "In", values: ["v", "v"] }] },
      ebpfConfig: { l4Firewall: { enabled: true, blockedPorts: [22, 22, 80, 80] } },
    };
    expect(await said(spec)).toEqual([
      'warning spec.podSelector.matchExpressions[0].values: names "v" more than once: once is enough',
      'warning spec.labelsToInclude: names "a" more than once: once is enough',
      "warning spec.ebpfConfig.l4Firewall.blockedPorts: names 22, 80 more than once: once is enough",
    ]);
  });

  test.each([
    ["podName", {}],
    ["ebpf_enabled", {}],
    ["label_a_b", { labelsToInclude: ["a/b"] }],
    ["annotation_c", { annotationsToInclude: ["c"] }],
    ["ebpf_l4_firewall", { ebpfConfig: { l4Firewall: { enabled: true, blockedPorts: [22] } } }],
  ])("the template %s, which replaces a default key", async (key, spec) => {
    expect(await said({ ...spec, configMapDataTemplate: { [key]: "x" } })).toEqual([
      `warning spec.configMapDataTemplate.${key}: replaces the default key of that name: rename it, unless that is meant`,
    ]);
  });

  test("a name that its label cannot hold, and one that makes ConfigMap names too long", async () => {
    expect(await said({}, "n".repeat(63))).toEqual([]);
    expect(await said({}, "n".repeat(64))).toEqual([expect.stringContaining("metadata.name: more than 63 characters")]);
    expect(await said({}, "n".repeat(177))).toHaveLength(2);
    expect((await said({}, "n".repeat(177)))[1]).toContain("Pods with more than 62 characters have a hash");
  });
});

test("nothing is said of the template keys that no default key has", async () => {
  expect(await said({ configMapDataTemplate: { label_a: "x", ebpf_l4_firewall: "x" } })).toEqual([]);
});

test("of a field with an error there are no warnings, of others there are", async () => {
  const spec = { labelsToInclude: ["a", "a", "not ok"], annotationsToInclude: ["b", "b"] };
  expect(await said(spec)).toEqual([
    "error spec.labelsToInclude[2]: is not a key that a Pod's label can have: use [prefix/]name, such as app or app.kubernetes.io/name",
    'warning spec.annotationsToInclude: names "b" more than once: once is enough',
  ]);
});

test("the key at fault is named", async () => {
  expect(await said({ configMapDataTemplate: { ok: "x", "a/b": "x" } })).toEqual([
    expect.stringContaining("spec.configMapDataTemplate: the key a/b cannot be a key of a ConfigMap"),
  ]);
  expect(await said({ annotationsToInclude: ["x", "a/b", "a_b"] })).toEqual([
    expect.stringContaining("the annotation keys a/b and a_b would become the same data key"),
  ]);
});

test("a key with a line break does not break the line", async () => {
  const [line] = await said({ configMapDataTemplate: { "a\nb": "x" } });
  expect(line).toContain("a key cannot be a key of a ConfigMap");
});

test("templates that are too large together are not compiled", async () => {
  const { engine: idle, asked } = engineThatSays();
  const half = "x".repeat(524_289);
  const findings = await validatePodConfigMapConfig(pcmc("a", { configMapDataTemplate: { a: half, b: half } }), {
    engine: idle,
  });
  expect(lines(findings)).toEqual([expect.stringContaining("hold more than 1048576 characters together")]);
  expect(asked).toEqual([]);
});

describe("metadata", () => {
  const withMetadata = async (metadata: unknown) => lines(await validate({ ...pcmc("a", {}), metadata }));

  test.each([
    ["a name and no namespace", { name: "a" }],
    ["a generated name", { generateName: "a-" }],
    ["all that users write", { name: "a.b-c", namespace: "x", labels: { a: "" }, annotations: { "a/b": "c" } }],
    ["all that the API server adds", { name: "a", uid: "u", resourceVersion: "1", managedFields: [], generation: 1 }],
  ])("may be %s", async (_, metadata) => {
    expect(await withMetadata(metadata)).toEqual([]);
  });

  test.each([
    ["is missing", undefined, "metadata: required"],
    ["has no name", {}, "metadata.name: required"],
    ["has capitals in the name", { name: "A" }, "metadata.name: is no name"],
    ["has a name that is too long", { name: "a".repeat(254) }, "metadata.name: is no name"],
    ["has a number for a name", { name: 5 }, "metadata.name: is no name"],
    ["has a dot in the namespace", { name: "a", namespace: "b.c" }, "metadata.namespace: is no namespace"],
    ["has a label key that is none", { name: "a", labels: { "-": "x" } }, "metadata.labels[-]: is not a label key"],
    ["has a label that is a number", { name: "a", labels: { x: 1 } }, "metadata.labels.x: is not a label value"],
    [
      "has an annotation that is a boolean",
      { name: "a", annotations: { x: true } },
      "metadata.annotations.x: must be of",
    ],
    ["has a list for labels", { name: "a", labels: [] }, "metadata.labels: must be of type object"],
    ["has too much in annotations", { name: "a", annotations: { x: "y".repeat(262_144) } }, "at most 262144 bytes"],
    ["has a misspelt field", { name: "a", lables: {} }, "did you mean labels?"],
  ])("that %s is an error", async (_, metadata, message) => {
    expect(await withMetadata(metadata)).toEqual([expect.stringContaining(message)]);
  });
});

test("a status is not looked at, whatever it holds", async () => {
  expect(await validate({ ...pcmc("a", {}), status: { observedGeneration: "x", y: 1 } })).toEqual([]);
});

test("another kind, another version and an unknown field beside spec are errors", async () => {
  const object = { ...pcmc("a", {}), apiVersion: "v1", kind: "ConfigMap", data: {} };
  expect((await validate(object)).map(({ path }) => fieldOf(path))).toEqual(["apiVersion", "kind", "data"]);
});

test("nothing makes it throw", async () => {
  await fc.assert(
    fc.asyncProperty(fc.anything(), fc.object(), async (anything, object) => {
      expect((await validate(anything)).length).toBeGreaterThan(0);
      await validate({ ...pcmc("a", anything), metadata: object });
      await validate(pcmc("a", { podSelector: anything, configMapDataTemplate: object, ebpfConfig: object }));
    }),
  );
});

test("what the engine throws is not taken for a template's fault", async () => {
  const broken = { compileAll: () => Promise.reject(new Error("no worker")) };
  const object = pcmc("a", { configMapDataTemplate: { a: "x" } });
  await expect(validatePodConfigMapConfig(object, { engine: broken })).rejects.toThrow("no worker");
});
