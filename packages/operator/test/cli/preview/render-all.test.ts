/*
 * Invariants:
 * - Each template is rendered once for each Pod that is selected, and for no other.
 * - Whatever templates do, when the time is up all that is not rendered has failed, and nothing waits.
 * - A fault of the engine's own is never told as one of a template.
 */
import { DataError, TemplateError, type TemplateSet } from "@pcmc/gotemplate";
import { expect, test } from "vitest";
import type { NamedPod } from "../../../src/cli/preview/pods.ts";
import { renderAll } from "../../../src/cli/preview/render-all.ts";
import { type Scene, viewOf } from "../../../src/cli/preview/scene.ts";
import { config } from "../../podconfigmap/fixtures.ts";

const pod = (name: string, app = "web"): NamedPod => ({
  metadata: { name, namespace: "shop", uid: `uid-of-${name}`, labels: { app } },
});

const scene = (pods: readonly NamedPod[], configs: Scene["configs"]): Scene => ({
  namespace: "shop",
  pods,
  configs,
  shown: new Set(configs.map(({ name }) => name)),
});

const webOnly = config("web", {
  podSelector: { matchLabels: { app: "web" } },
  configMapDataTemplate: { a: "x", b: "y" },
});

/** An engine whose sets render as told. */
const engineOf = (render: TemplateSet["render"], errors: readonly TemplateError[] = []) => ({
  compileAll: async (): Promise<TemplateSet> => ({ errors, reads: { kind: "whole" }, render }),
});

const { signal } = new AbortController();

test("the Pods that are selected are rendered, once each", async () => {
  const rendered: unknown[] = [];
  const engine = engineOf(async (data) => {
    const { podName } = Object(data);
    rendered.push(podName);
    return { values: { a: `${podName}` }, errors: [] };
  });
  const pods = Array.from({ length: 100 }, (_, i) => pod(`p-${i}`, i % 2 === 0 ? "web" : "db"));
  const where = scene(pods, [webOnly, config("plain")]);
  const { renderings } = await renderAll([where], { engine, signal });
  expect(rendered.sort()).toEqual(
    pods
      .filter((_, i) => i % 2 === 0)
      .map(({ metadata }) => metadata.name)
      .sort(),
  );
  expect(renderings(where)(webOnly, viewOf(pod("p-4")))).toEqual({ ok: true, data: { a: "p-4" } });
});

test("templates that do not parse are told without a Pod", async () => {
  const errors = [new TemplateError({ key: "a", reason: "syntax", line: 1, column: 2, detail: "unexpected" })];
  const engine = engineOf(async () => ({ values: {}, errors }), errors);
  const { syntax } = await renderAll([scene([], [webOnly])], { engine, signal });
  expect(syntax.get(webOnly)).toEqual([{ key: "a", line: 1, column: 2, message: "unexpected" }]);
});

test("when the time is up, what is not rendered has failed with every key", async () => {
  const end = new AbortController();
  const engine = engineOf((data, options) => {
    if (Object(data).podName === "quick") return Promise.resolve({ values: { a: "1" }, errors: [] });
    return new Promise((_, reject) => {
      options?.signal?.addEventListener("abort", () => reject(options.signal?.reason));
      end.abort(new Error("the time is up"));
    });
  });
  const where = scene([pod("quick"), pod("endless"), pod("more")], [webOnly]);
  const { renderings } = await renderAll([where], { engine, signal: end.signal });
  const of = (name: string) => renderings(where)(webOnly, viewOf(pod(name)));
  expect(of("quick")).toMatchObject({ ok: true });
  const message = "the time is up";
  expect(of("endless")).toEqual({ ok: false, faults: ["a", "b"].map((key) => ({ key, message })) });
  expect(of("more")).toMatchObject({ ok: false });
});

test("a compile that does not end in time fails every Pod", async () => {
  const end = AbortSignal.abort(new Error("the time is up"));
  const engine = { compileAll: () => Promise.reject(end.reason) };
  const where = scene([pod("web-0")], [webOnly]);
  const { renderings } = await renderAll([where], { engine, signal: end });
  expect(renderings(where)(webOnly, viewOf(pod("web-0")))).toMatchObject({
    ok: false,
    faults: [{ key: "a" }, { key: "b" }],
  });
});

test("a Pod that cannot be given to a template has failed; the others are rendered", async () => {
  const engine = engineOf(async (data) => {
    if (Object(data).podName === "bad") throw new DataError("size", "5 MiB, at most 4");
    return { values: { a: "1" }, errors: [] };
  });
  const where = scene([pod("bad"), pod("good")], [webOnly]);
  const { renderings } = await renderAll([where], { engine, signal });
  expect(renderings(where)(webOnly, viewOf(pod("good")))).toMatchObject({ ok: true });
  expect(renderings(where)(webOnly, viewOf(pod("bad")))).toMatchObject({
    ok: false,
    faults: [{ message: "the Pod cannot be given to a template: 5 MiB, at most 4" }, {}],
  });
});

test("an engine at fault is not a template at fault", async () => {
  const engine = { compileAll: () => Promise.reject(new Error("no such file: gotemplate.wasm")) };
  await expect(renderAll([scene([pod("a")], [webOnly])], { engine, signal })).rejects.toThrow("gotemplate.wasm");
});
