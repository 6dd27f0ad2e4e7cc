/*
 * Invariants:
 * - A template sees the Pod under the names of `templateData`, and nothing else.
 * - One template that fails is no ConfigMap: never values beside faults.
 */
import { type TemplateData, TemplateError, type TemplateSet } from "@pcmc/gotemplate";
import { expect, test } from "vitest";
import { renderingOf, renderPod } from "../../src/podconfigmap/render.ts";
import { templateData } from "../../src/podconfigmap/template-data.ts";

const pod = { metadata: { name: "web-0", namespace: "shop", labels: { app: "web" } } };

test("the templates are given the Pod's data and the caller's limits", async () => {
  const asked: unknown[] = [];
  const templates: TemplateSet = {
    errors: [],
    reads: { kind: "whole" },
    render: async (data: TemplateData, options) => {
      asked.push(data, options);
      return { values: { greeting: "hello" }, errors: [] };
    },
  };
  const { signal } = new AbortController();
  const rendered = await renderPod(pod, "app", templates, { signal, deadline: 50 });
  expect(rendered.values).toEqual({ greeting: "hello" });
  expect(asked).toEqual([templateData(pod, "app"), { signal, deadline: 50 }]);
});

test("values without an error are the data", () => {
  const values = { greeting: "hello" };
  expect(renderingOf({ values, errors: [] })).toEqual({ ok: true, data: values });
});

test("one error among values is a failure that names key, line, column and what was meant", () => {
  const error = { reason: "execution", line: 2, column: 7, detail: "no entry" } as const;
  const errors = [
    new TemplateError({ ...error, key: "a" }),
    new TemplateError({ ...error, key: "b", line: 1, column: 1, detail: "no function", suggestion: "upper" }),
  ];
  expect(renderingOf({ values: { greeting: "hello" }, errors })).toEqual({
    ok: false,
    faults: [
      { key: "a", line: 2, column: 7, message: "no entry" },
      { key: "b", line: 1, column: 1, message: 'no function (did you mean "upper"?)' },
    ],
  });
});
