/*
 * Invariants:
 * - What is stored may be anything: reading it never throws.
 * - A selector that cannot be read is never taken for a wider one.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { parsePodConfigMapConfig } from "../../src/podconfigmap/config.ts";
import { config } from "./fixtures.ts";

test("nothing that is stored makes the parser throw", () => {
  fc.assert(
    fc.property(fc.anything(), (anything) => {
      parsePodConfigMapConfig(anything);
      parsePodConfigMapConfig({ metadata: anything, spec: anything });
      config("a", { podSelector: anything, labelsToInclude: anything, configMapDataTemplate: anything });
    }),
  );
});

test.each([
  ["an invalid operator", { podSelector: { matchExpressions: [{ key: "a", operator: "Foo" }] } }],
  [
    "a requirement without key beside a sound one",
    { podSelector: { matchExpressions: [{ operator: "Exists" }, { key: "a", operator: "Exists" }] } },
  ],
  ["a selector of the wrong type", { podSelector: "app=web" }],
  ["a misspelt field in the selector", { podSelector: { matchLabel: { app: "web" } } }],
  ["a spec of the wrong type", "all"],
])("%s leaves no usable selector", (_, spec) => {
  const { spec: read, findings } = config("a", spec);
  expect(read.selector.ok).toBe(false);
  expect(findings.length).toBeGreaterThan(0);
});

test("a spec that is null, which no API server stores, selects nothing rather than everything", () => {
  expect(config("a", null).spec.selector.ok).toBe(false);
});

test("two label keys that collide are both left out, whatever the Pod has, and named", () => {
  const { spec, problems } = config("a", { labelsToInclude: ["x/y", "app", "x_y"] });
  expect(spec.labels).toEqual([{ source: "app", dataKey: "label_app" }]);
  expect(problems).toEqual([
    {
      reason: "KeyCollision",
      message:
        'labelsToInclude: "x/y" and "x_y" both become the data key label_x_y, which is not written: remove all but one',
    },
  ]);
});

test("duplicates in a list are one key and no problem", () => {
  const { spec, problems, findings } = config("a", { annotationsToInclude: ["x/y", "x/y"] });
  expect(spec.annotations).toEqual([{ source: "x/y", dataKey: "annotation_x_y" }]);
  expect([...problems, ...findings]).toEqual([]);
});

test("a key that no ConfigMap takes is left out and named, in labels and templates alike", () => {
  const long = "k".repeat(248);
  const { spec, problems } = config("a", {
    labelsToInclude: [long, "b c"],
    configMapDataTemplate: { "..a": "x", ok: "y" },
  });
  expect(spec.labels).toEqual([]);
  expect([...spec.templates]).toEqual([["ok", "y"]]);
  expect(problems.map(({ reason }) => reason)).toEqual(["InvalidDataKey", "InvalidDataKey", "InvalidDataKey"]);
  expect(problems[2]?.message).toContain('"..a"');
});
