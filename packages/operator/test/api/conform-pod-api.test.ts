/*
 * Invariants of conform(schema, value) for what only the Pod API's schemas have:
 * - Integers or strings, bounds from formats, lists with keys, open objects and nulls are judged as the API server does.
 */
import { expect, test } from "vitest";
import { conform } from "../../src/api/conform.ts";
import type { SchemaNode } from "../../src/api/schema.ts";

const told = (node: SchemaNode, value: unknown) => {
  const { value: kept, findings } = conform<unknown>({ type: "object", properties: { x: node } }, { x: value });
  return { kept, messages: findings.map(({ field, message }) => `${field}: ${message}`) };
};
const kept = (value: unknown) => ({ kept: { x: value }, messages: [] });
const refused = (field: string, message: string) =>
  expect.objectContaining({ messages: [expect.stringContaining(`${field}: ${message}`)] });

test("an integer or string is either, and no fraction", () => {
  const node: SchemaNode = { "x-kubernetes-int-or-string": true, pattern: "^[0-9]+$" };
  expect(told(node, 5)).toEqual(kept(5));
  expect(told(node, "5")).toEqual(kept("5"));
  expect(told(node, "x")).toEqual(refused("x", "must match"));
  expect(told(node, 0.5)).toEqual(refused("x", "must be an integer or a string: put a fraction in quotes"));
  expect(told(node, true)).toEqual(refused("x", "must be of type integer or string, not boolean"));
});

test("an int32 ends where it ends in the API server", () => {
  const node: SchemaNode = { type: "integer", format: "int32" };
  expect(told(node, 2_147_483_647)).toEqual(kept(2_147_483_647));
  expect(told(node, 2_147_483_648)).toEqual(refused("x", "must be from -2147483648 to 2147483647"));
});

test.each(["YQ==", "YWJj"])("%j is a byte", (text) => {
  expect(told({ type: "string", format: "byte" }, text)).toEqual(kept(text));
});

test("no bytes at all are no byte", () => {
  expect(told({ type: "string", format: "byte" }, "")).toEqual(refused("x", "is empty"));
});

test.each(["YQ", "YQ=", "Y", "YW-_", "YW Jj", "YWJj\n"])("%j is no byte", (text) => {
  expect(told({ type: "string", format: "byte" }, text)).toEqual(refused("x", "is not base64"));
});

test.each(["2026-01-31T15:04:05Z", "2026-01-31T15:04:05.123+02:00"])("%s is a time", (text) => {
  expect(told({ type: "string", format: "date-time" }, text)).toEqual(kept(text));
});

test.each(["2026-01-31", "2026-13-31T15:04:05Z", "now"])("%s is no time", (text) => {
  expect(told({ type: "string", format: "date-time" }, text)).toEqual(refused("x", "is no time"));
});

test("a second item with the keys of one before it is told", () => {
  const items: SchemaNode = {
    type: "object",
    properties: { port: { type: "integer" }, protocol: { type: "string", default: "TCP" } },
  };
  const node: SchemaNode = {
    type: "array",
    items,
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": ["port", "protocol"],
  };
  expect(told(node, [{ port: 1 }, { port: 1, protocol: "UDP" }]).messages).toEqual([]);
  expect(told(node, [{ port: 1 }, { port: 1, protocol: "TCP" }])).toEqual(refused("x[1]", "has the port and protocol"));
});

test("a set holds nothing twice", () => {
  const node: SchemaNode = { type: "array", items: { type: "string" }, "x-kubernetes-list-type": "set" };
  expect(told(node, ["a", "b"])).toEqual(kept(["a", "b"]));
  expect(told(node, ["a", "a"])).toEqual(refused("x[1]", "has the value"));
});

test("an open object keeps what it does not know", () => {
  const node: SchemaNode = { type: "object", "x-kubernetes-preserve-unknown-fields": true };
  expect(told(node, { any: [1] })).toEqual(kept({ any: [1] }));
});

test("objects and lists have as many parts as they must", () => {
  const one: SchemaNode = { type: "object", minProperties: 1, properties: { a: { type: "string" } } };
  expect(told(one, {})).toEqual(refused("x", "must have at least 1 fields"));
  expect(told({ type: "array", minItems: 1, items: { type: "string" } }, [])).toEqual(
    refused("x", "must have at least 1 items"),
  );
});

test("null is nothing, where it is not allowed", () => {
  const map: SchemaNode = { type: "object", additionalProperties: { type: "string" } };
  expect(told({ type: "string" }, null)).toEqual({ kept: {}, messages: [] });
  expect(told({ type: "string", nullable: true }, null)).toEqual(kept(null));
  expect(told({ type: "string", default: "d" }, null)).toEqual(kept("d"));
  expect(told(map, { a: null, b: "x" })).toEqual(kept({ b: "x" }));
  expect(told({ type: "array", items: { type: "string" } }, [null])).toEqual(refused("x[0]", "must be of type string"));
  const required: SchemaNode = { type: "object", required: ["a"], properties: { a: { type: "string" } } };
  expect(told(required, { a: null })).toEqual(refused("x.a", "required"));
});
