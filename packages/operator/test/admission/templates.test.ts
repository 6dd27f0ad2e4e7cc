/*
 * Invariants:
 * - What the engine says of a template reaches the finding with key, position and the line at fault.
 * - Templates are compiled in one round trip; only to name the one that reads what no Pod has it takes more, and where one reads
 *   everything, which hides what the others read.
 * - A template that could not be parsed in time is not called wrong.
 */
import { type AbortSource, startDeadline, systemClock } from "@pcmc/controller-runtime";
import { expect, test } from "vitest";
import { templateFindings } from "../../src/admission/templates.ts";
import { engineThatSays } from "./fixtures.ts";

test("an error has the template's key, the position, the line with a caret, and what was meant", async () => {
  const source = "first\nname: {{ toYml .metadata }}\n";
  const detail = 'function "toYml" not defined';
  const { engine } = engineThatSays({ [source]: { error: { line: 2, column: 10, detail, suggestion: "toYaml" } } });
  expect(await templateFindings({ "app.conf": source }, { engine })).toEqual([
    {
      severity: "error",
      path: ["spec", "configMapDataTemplate", "app.conf"],
      message: 'function "toYml" not defined: did you mean toYaml?',
      position: { line: 2, column: 10 },
      excerpt: "name: {{ toYml .metadata }}\n         ^",
    },
  ]);
});

test("a message is one line, whatever the engine says", async () => {
  const { engine } = engineThatSays({ x: { error: { line: 1, column: 1, detail: "two\n  lines" } } });
  const [finding] = await templateFindings({ a: "x" }, { engine });
  expect(finding?.message).toBe("two lines");
});

test("several templates that are sound take one round trip", async () => {
  const { engine, asked } = engineThatSays({ x: { reads: [["metadata", "name"]] }, y: { reads: [["spec"]] } });
  expect(await templateFindings({ a: "x", b: "y" }, { engine })).toEqual([]);
  expect(asked).toEqual([["a", "b"]]);
});

test("no templates, no question", async () => {
  const { engine, asked } = engineThatSays();
  expect(await templateFindings({}, { engine })).toEqual([]);
  expect(asked).toEqual([]);
});

test("a field that no Pod has is a warning at the template that reads it, with what was meant", async () => {
  const { engine } = engineThatSays({
    sound: { reads: [["status", "podIP"]] },
    misspelt: { reads: [["spec", "nodename"]] },
    foreign: { reads: [["Values", "x"]] },
  });
  const findings = await templateFindings({ a: "sound", b: "misspelt", c: "foreign" }, { engine });
  expect(findings.map(({ severity, path, message }) => `${severity} ${path.at(-1)}: ${message}`)).toEqual([
    "warning b: reads .spec.nodename, which no Pod has, so that fails or finds nothing: did you mean nodeName?",
    "warning c: reads .Values, which no Pod has, so that fails or finds nothing: there are metadata, spec, status, pcmc, labels, annotations, namespace, podName, nodeName, phase",
  ]);
});

test("a template that reads everything hides no missing field of another", async () => {
  const { engine } = engineThatSays({
    everything: { reads: "whole" },
    misspelt: { reads: [["spec", "nodename"]] },
  });
  const findings = await templateFindings({ a: "everything", b: "misspelt" }, { engine });
  expect(findings.map(({ path }) => path.at(-1))).toEqual(["b"]);
});

test("what could not be parsed in time says so, and is not called wrong", async () => {
  const late = { line: 1, column: 1, detail: "took longer than 900 ms", reason: "deadline" } as const;
  const { engine } = engineThatSays({ slow: { error: late } });
  expect(await templateFindings({ a: "slow" }, { engine })).toEqual([
    {
      severity: "error",
      path: ["spec", "configMapDataTemplate", "a"],
      message: "could not be parsed in time: try again, or make it smaller (took longer than 900 ms)",
      isUnjudged: true,
    },
  ]);
});

test("what is wrong is told also where warnings take more time than there is", async () => {
  const { engine } = engineThatSays({
    everything: { reads: "whole" },
    wrong: { error: { line: 1, column: 4, detail: "no such function" } },
  });
  let calls = 0;
  const compileAll: typeof engine.compileAll = (sources, options) => {
    calls++;
    if (calls === 1) return engine.compileAll(sources, options);
    const { signal } = options ?? {};
    return new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason)));
  };
  const sources = { a: "everything", b: "everything", c: "wrong" };
  using end = startDeadline({ clock: systemClock, milliseconds: 50, what: "the review" });
  const findings = await templateFindings(sources, { engine: { compileAll }, end });
  expect(findings.map(({ path, severity }) => `${severity} ${path.at(-1)}`)).toEqual(["error c"]);
  expect(calls).toBe(3);
});

test("the engine gets the time that there is", async () => {
  const deadlines: unknown[] = [];
  const { engine } = engineThatSays();
  const compileAll: typeof engine.compileAll = (sources, options) => {
    deadlines.push(options?.deadline);
    return engine.compileAll(sources, options);
  };
  await templateFindings({ a: "x" }, { engine: { compileAll }, parseTime: 700 });
  expect(deadlines).toEqual([700]);
});

test("of very many missing fields of a template the first ten are told", async () => {
  const { engine } = engineThatSays({
    x: { reads: Array.from({ length: 500 }, (_, index) => ["spec", `no${index}`]) },
  });
  expect(await templateFindings({ a: "x" }, { engine })).toHaveLength(10);
});

test("what is not parsed when the time is over is not judged, whatever it waits for", async () => {
  using end = startDeadline({ clock: systemClock, milliseconds: Number.POSITIVE_INFINITY, what: "the review" });
  const engine = {
    compileAll: (_: unknown, { signal: heard }: { readonly signal?: AbortSource | undefined } = {}) =>
      new Promise<never>((_, reject) => heard?.addEventListener("abort", () => reject(heard.reason))),
  };
  setImmediate(() => end.end(new Error("over")));
  expect(await templateFindings({ a: "x", b: "y" }, { engine, end })).toEqual(
    ["a", "b"].map((key) => ({
      severity: "error",
      path: ["spec", "configMapDataTemplate", key],
      message: "could not be parsed in time: try again, or make it smaller (it was not looked at)",
      isUnjudged: true,
    })),
  );
});

test("a fault of the engine is thrown, with time left or without a limit", async () => {
  const engine = { compileAll: () => Promise.reject(new Error("no worker")) };
  using end = startDeadline({ clock: systemClock, milliseconds: Number.POSITIVE_INFINITY, what: "the review" });
  await expect(templateFindings({ a: "x" }, { engine })).rejects.toThrow("no worker");
  await expect(templateFindings({ a: "x" }, { engine, end })).rejects.toThrow("no worker");
});
