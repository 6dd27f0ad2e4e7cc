/*
 * Invariants of conform(schema, value):
 * - The value that comes back has no findings but those of lengths and rules, and conforming it again changes nothing.
 * - A sound value comes back as it was, with defaults added.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { conform, fieldOf } from "../../src/api/conform.ts";
import { podConfigMapConfigResource } from "../../src/api/podconfigmapconfig.ts";
import { legal } from "./corpus.ts";

const { schema } = podConfigMapConfigResource;

const messy = fc.oneof(fc.string(), fc.integer(), fc.constant(null), fc.array(fc.string()), fc.object());
const messySpec = fc.record(
  {
    podSelector: messy,
    labelsToInclude: fc.oneof(messy, fc.array(fc.oneof(fc.string(), fc.integer()))),
    configMapDataTemplate: fc.oneof(messy, fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.integer()))),
    ebpfConfig: fc.record({
      onFailure: fc.oneof(fc.constant("block"), messy),
      l4Firewall: fc.record(
        { allowedPorts: fc.array(fc.oneof(fc.integer(), messy)), mode: messy },
        { requiredKeys: [] },
      ),
    }),
  },
  { requiredKeys: [] },
);

test("conforming twice is conforming once", () => {
  fc.assert(
    fc.property(messySpec, (spec) => {
      const once = conform(schema, { spec });
      expect(conform(schema, once.value).value).toEqual(once.value);
    }),
  );
});

test("sound values keep all they hold", () => {
  for (const { spec } of legal) expect(conform(schema, { spec }).value).toMatchObject({ spec });
});

test("the defaults are those of the contract, each only where its section is given", () => {
  const { value } = conform(schema, { spec: { ebpfConfig: { l4Firewall: {} } } });
  expect(value?.spec).toEqual({
    ebpfConfig: {
      onFailure: "allow",
      l4Firewall: { direction: "ingress", mode: "enforce", establishedConnections: "keep" },
    },
  });
  expect(conform(schema, { spec: {} }).value).toEqual({ spec: {} });
});

test("a part of the wrong type is left out and reported, all else stays", () => {
  const { value, findings } = conform(schema, { spec: { labelsToInclude: ["a", 1, "b"], ebpfConfig: "on" } });
  expect(value?.spec).toEqual({ labelsToInclude: ["a", "b"] });
  expect(findings.map(({ field, message }) => `${field}: ${message}`)).toEqual([
    "spec.labelsToInclude[1]: must be of type string, not number: put it in quotes",
    "spec.ebpfConfig: must be of type object, not string",
  ]);
});

test("a key named __proto__ is data like any other", () => {
  const { value } = conform(schema, JSON.parse('{"spec":{"configMapDataTemplate":{"__proto__":"x"}}}'));
  expect(Object.entries(value?.spec?.configMapDataTemplate ?? {})).toEqual([["__proto__", "x"]]);
});

test("characters are counted as the API server counts them, not in UTF-16 units", () => {
  const { findings } = conform(schema, {
    spec: { ebpfConfig: { syscallMonitoring: { syscallNames: ["😀".repeat(64)] } } },
  });
  expect(findings).toEqual([]);
});

test("a path is written as the API server writes it", () => {
  expect(fieldOf(["spec", "list", 0, "map", "example.com/key"])).toBe("spec.list[0].map[example.com/key]");
});
