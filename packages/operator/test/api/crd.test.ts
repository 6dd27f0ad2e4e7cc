import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { crdYaml } from "../../src/api/crd.ts";
import { podConfigMapConfigResource } from "../../src/api/podconfigmapconfig.ts";

const committed = readFileSync(new URL("../../../../crd/podconfigmapconfig_crd.yaml", import.meta.url), "utf8");

test("the committed CRD is the one that the schema gives", () => {
  expect(committed).toBe(crdYaml(podConfigMapConfigResource));
});

test("the names that users rely on stand", () => {
  const { metadata, spec } = parse(committed);
  expect(metadata.name).toBe("podconfigmapconfigs.podconfig.example.com");
  expect(spec).toMatchObject({ group: "podconfig.example.com", scope: "Namespaced" });
  expect(spec.names).toMatchObject({ kind: "PodConfigMapConfig", plural: "podconfigmapconfigs", shortNames: ["pcmc"] });
  expect(spec.versions).toHaveLength(1);
  expect(spec.versions[0]).toMatchObject({
    name: "v1alpha1",
    served: true,
    storage: true,
    subresources: { status: {} },
  });
  expect(spec.versions[0].additionalPrinterColumns.map(({ name }: { name: string }) => name)).toEqual([
    "ObservedGeneration",
    "PodSelectorMatchLabels",
    "Matched",
    "Ready",
    "Failed",
    "Reason",
    "Age",
  ]);
});

/** Every field of a schema that has no description, as `kubectl explain` would show it. */
const undescribed = (schema: { properties?: object }, path: string): string[] =>
  Object.entries(schema.properties ?? {}).flatMap(([name, property]) => [
    ...("description" in property ? [] : [`${path}.${name}`]),
    ...undescribed(property, `${path}.${name}`),
    ...undescribed(property.items ?? {}, `${path}.${name}[]`),
  ]);

test("kubectl explain has something to say of every field", () => {
  const { openAPIV3Schema } = parse(committed).spec.versions[0].schema;
  expect(undescribed(openAPIV3Schema, "")).toEqual([".metadata"]);
});

test("every rule says in one line what is wrong", () => {
  const messages = [...committed.matchAll(/rule: /g)];
  expect(messages.length).toBeGreaterThan(10);
  const walk = (value: unknown): void => {
    if (typeof value !== "object" || value === null) return;
    if ("rule" in value && "message" in value) expect(value.message).toMatch(/^[^\n]+$/);
    Object.values(value).forEach(walk);
  };
  walk(parse(committed));
});
