/*
 * Invariants of unknownFields(value, type, schemas):
 * - What the schemas have is never named, at any depth; what they lack is, once, by its whole path and nothing below it.
 * - Keys of maps are no fields.
 */
import { expect, test } from "vitest";
import { coreType, type OpenApiSchema, type OpenApiSchemas } from "../../src/api/pod/open-api.ts";
import { podApiSchemas } from "../../src/api/pod/pod-api.ts";
import { unknownFields } from "../../src/api/pod/unknown-fields.ts";
import { fullContainer, fullVolumes } from "./pod-parts.ts";

const CONTAINER = coreType("Container");
const VOLUME = coreType("Volume");

/** The schemas without a field, as an older version has them. */
const without = (type: string, field: string): OpenApiSchemas => {
  const { properties = {}, ...schema }: OpenApiSchema = podApiSchemas[type] ?? {};
  const { [field]: gone, ...kept } = properties;
  expect(gone).toBeDefined();
  return { ...podApiSchemas, [type]: { ...schema, properties: kept } };
};

test("nothing is unknown to the version that the schemas are of", () => {
  expect(unknownFields(fullContainer, CONTAINER, podApiSchemas)).toEqual([]);
  for (const volume of fullVolumes) expect(unknownFields(volume, VOLUME, podApiSchemas)).toEqual([]);
});

test("a field of the container that an older version lacks is named", () => {
  const container = { name: "c", restartPolicyRules: [{ action: "Restart", exitCodes: { operator: "In" } }] };
  expect(unknownFields(container, CONTAINER, without(CONTAINER, "restartPolicyRules"))).toEqual(["restartPolicyRules"]);
});

test("a field deep inside is named by its path", () => {
  const container = { env: [{ name: "A" }, { name: "B", valueFrom: { fileKeyRef: { key: "k" } } }] };
  expect(unknownFields(container, CONTAINER, without(coreType("EnvVarSource"), "fileKeyRef"))).toEqual([
    "env[1].valueFrom.fileKeyRef",
  ]);
});

test("a volume source that an older version lacks is named", () => {
  const schemas = without(VOLUME, "image");
  expect(unknownFields({ name: "v", image: { reference: "r" } }, VOLUME, schemas)).toEqual(["image"]);
});

test("a field of no version is named", () => {
  expect(unknownFields({ name: "c", constructor: 1 }, CONTAINER, podApiSchemas)).toEqual(["constructor"]);
});

test("keys of maps are no fields", () => {
  const container = { resources: { limits: { "example.com/gpu": "1", constructor: 1 } } };
  expect(unknownFields(container, CONTAINER, podApiSchemas)).toEqual([]);
});

test("of an API server that does not publish the type nothing is said", () => {
  expect(unknownFields({ anything: 1 }, CONTAINER, {})).toEqual([]);
});
