/*
 * Invariants:
 * - A schema is the same however its keys are ordered and whatever its descriptions say.
 * - Each field of ours that is taken out is found to lack, each that is put in to be more, at its path; not its parts.
 * - What the API server adds to a definition (conversion None, false flags) is no difference.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { podConfigMapConfigResource } from "../../../src/api/podconfigmapconfig.ts";
import { watcherResource } from "../../../src/api/watcher.ts";
import { builtInSchema, compareSchemas } from "../../../src/cli/doctor/crd-schema.ts";
import {
  type DefinitionFacts,
  judgeEstablished,
  judgePresent,
  judgeSchema,
  judgeVersions,
} from "../../../src/cli/doctor/crds.ts";
import { seen } from "../../../src/cli/doctor/seen.ts";
import { FORBIDDEN, stored, told } from "./fixtures.ts";

const SAME = { lacks: [], more: [], rulesDiffer: false };

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** The same JSON with its keys in another order, and other words for people. */
const shuffled = (value: Json, order: () => number): Json => {
  if (Array.isArray(value)) return value.map((each) => shuffled(each, order));
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([key, child]): [string, Json] =>
    key === "description" && typeof child === "string" ? [key, "other words"] : [key, shuffled(child, order)],
  );
  return Object.fromEntries(entries.sort(() => order() - 0.5));
};

describe("schemas", () => {
  test.each([podConfigMapConfigResource, watcherResource])("$kind: order and descriptions do not count", (resource) => {
    const ours = builtInSchema(resource);
    fc.assert(
      fc.property(fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })), (stream) => {
        const theirs = shuffled(JSON.parse(JSON.stringify(ours)), () => stream.next().value ?? 0);
        expect(compareSchemas(ours, theirs)).toEqual(SAME);
      }),
      { numRuns: 5 },
    );
  });

  const spec = (properties: object) => ({ type: "object", properties: { spec: { type: "object", properties } } });

  test.each([
    ["a field", spec({ a: {}, b: {} }), spec({ a: {} }), ["spec.b"]],
    ["an object with its fields", spec({ a: { properties: { b: { properties: { c: {} } } } } }), spec({}), ["spec.a"]],
    ["a field of items", spec({ a: { items: { properties: { b: {} } } } }), spec({ a: { items: {} } }), ["spec.a[].b"]],
    [
      "a field of values",
      spec({ a: { additionalProperties: { properties: { b: {} } } } }),
      spec({ a: {} }),
      ["spec.a{}.b"],
    ],
    ["everything", spec({ a: {} }), undefined, ["spec"]],
  ])("%s that is missing is found by its path", (_, ours, theirs, lacks) => {
    expect(compareSchemas(ours, theirs)).toEqual({ ...SAME, lacks });
    expect(compareSchemas(theirs, ours)).toEqual({ ...SAME, more: lacks });
  });

  test("the same fields with another bound are other rules", () => {
    expect(compareSchemas(spec({ a: { maximum: 1 } }), spec({ a: { maximum: 2 } }))).toEqual({
      ...SAME,
      rulesDiffer: true,
    });
    expect(compareSchemas(spec({ a: { nullable: false } }), spec({ a: {} }))).toEqual(SAME);
  });
});

describe("a definition", () => {
  const schema = { openAPIV3Schema: builtInSchema(podConfigMapConfigResource) as object };
  const version = { name: "v1alpha1", served: true, storage: true, schema };
  const condition = (type: string, status = "True", message = "") => ({ type, status, message });
  const definition = ({
    versions = [version],
    conditions = [condition("NamesAccepted"), condition("Established")],
    conversion = "None",
    storedVersions = ["v1alpha1"],
  } = {}) =>
    stored("a", {
      spec: {
        group: "g",
        names: { kind: "K", plural: "ks" },
        scope: "Namespaced",
        versions,
        conversion: { strategy: conversion },
      },
      status: { acceptedNames: { kind: "K", plural: "ks" }, conditions, storedVersions },
    });
  const facts = (found: ReturnType<typeof definition> | undefined): DefinitionFacts => ({
    name: "podconfigmapconfigs.podconfig.example.com",
    resource: podConfigMapConfigResource,
    group: "podconfigmap",
    file: "crd/a.yaml",
    stored: seen(found),
  });
  const statuses = (found: ReturnType<typeof definition> | undefined) =>
    [
      judgePresent(facts(found), ["podconfigmap"]),
      judgeEstablished(facts(found)),
      judgeVersions(facts(found)),
      judgeSchema(facts(found)),
    ].map((verdicts) => verdicts.map(({ status }) => status));

  test("that is as it should be is fine", () => {
    expect(statuses(definition())).toEqual([["ok"], ["ok"], ["ok"], ["ok"]]);
  });

  test("that is missing fails once, and only where its controller runs", () => {
    expect(statuses(undefined)).toEqual([["failed"], [], [], []]);
    expect(judgePresent(facts(undefined), ["watcher"])).toMatchObject([{ status: "ok" }]);
  });

  test("whose names are taken says why", () => {
    const conditions = [
      condition("NamesAccepted", "False", '"pcmc" is already in use'),
      condition("Established", "False"),
    ];
    expect(told(judgeEstablished(facts(definition({ conditions }))))).toEqual([
      expect.stringContaining('NamesAccepted is False: "pcmc" is already in use'),
    ]);
    expect(judgeEstablished(facts(definition({ conditions: [] })))).toMatchObject([{ status: "failed" }]);
  });

  test.each([
    ["not served", { versions: [{ ...version, served: false }] }, "failed"],
    ["not stored", { versions: [{ ...version, storage: false }] }, "failed"],
    ["another version alone", { versions: [{ ...version, name: "v1" }] }, "failed"],
    ["converted by a webhook", { conversion: "Webhook" }, "failed"],
    ["once stored otherwise", { storedVersions: ["v1alpha0", "v1alpha1"] }, "warning"],
  ])("%s", (_, wish, status) => {
    expect(judgeVersions(facts(definition(wish)))).toMatchObject([{ status }]);
  });

  test("that may not be read is skipped once, with the rule", () => {
    const unread: DefinitionFacts = { ...facts(undefined), stored: FORBIDDEN };
    expect(judgePresent(unread, [])).toMatchObject([{ status: "skipped", remedy: "get the right to list things" }]);
    expect([...judgeEstablished(unread), ...judgeVersions(unread), ...judgeSchema(unread)]).toEqual([]);
  });
});
