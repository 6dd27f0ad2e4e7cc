/**
 * Invariants:
 * - rendering from data pruned to what a template reads gives the same output, or the same error, as from all of it;
 * - what is read is as small as the template lets one see;
 * - paths are sorted, and none is the beginning of another.
 */
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import type { JsonValue } from "../src/data.ts";
import { createEngine, prune, type Template, TemplateError } from "../src/index.ts";
import { union } from "../src/reads.ts";
import { generatedData, generatedPairs, generatedTemplate } from "./generated.ts";

const engine = createEngine({ deadline: 5_000 });
afterAll(() => engine.close());

/** Paths joined by dots; `*` is the whole. */
const readsOf = async (source: string): Promise<string[]> => {
  const { reads } = await engine.compile(source);
  return reads.kind === "whole" ? ["*"] : reads.paths.map((path) => path.join("."));
};

describe("what a template reads", () => {
  const examples: readonly (readonly [string, readonly string[]])[] = [
    ["text", []],
    ["{{ .a.b }}", ["a.b"]],
    ["{{ .a.b }}{{ .a.c.d }}{{ .a.b.e }}", ["a.b", "a.c.d"]],
    ["{{ $.a.b }}", ["a.b"]],
    ["{{ . }}", ["*"]],
    ["{{ toJson . }}", ["*"]],
    ["{{ .a | toYaml }}", ["a"]],
    ["{{ $x := .a }}{{ $x.b }}", ["a.b"]],
    ["{{ $x := . }}{{ $x.a.b }}", ["a.b"]],
    ["{{ $x := .a.b }}", ["a.b"]],
    ["{{ $x := .a }}{{ $x = .b }}{{ $x.c }}", ["a.c", "b.c"]],
    ["{{ with .a }}{{ .b }}{{ $.c }}{{ else }}{{ .d }}{{ end }}", ["a", "c", "d"]],
    ["{{ if .a.b }}{{ .c }}{{ end }}", ["a.b", "c"]],
    ["{{ range .a.b }}{{ .c }}{{ $.d }}{{ end }}", ["a.b", "d"]],
    ["{{ range $k, $v := .a }}{{ $k }}{{ $v.b }}{{ end }}", ["a"]],
    [`{{ define "t" }}{{ .b }}{{ $.c }}{{ end }}{{ template "t" .a }}`, ["a.b", "a.c"]],
    [`{{ define "t" }}{{ .b }}{{ end }}{{ template "t" .a }}{{ template "t" .x.y }}`, ["a.b", "x.y.b"]],
    [`{{ define "t" }}{{ .b }}{{ template "t" .c }}{{ end }}{{ template "t" .a }}`, ["*"]],
    [`{{ define "unused" }}{{ . }}{{ end }}{{ .a }}`, ["a"]],
    [`{{ index .a "b" "c" }}`, ["a.b.c"]],
    [`{{ (index .a "b/c").d }}`, ["a.b/c.d"]],
    [`{{ "b" | index .a }}`, ["a.b"]],
    [`{{ index .a .k }}`, ["a", "k"]],
    [`{{ index .a "b" .k }}`, ["a.b", "k"]],
    [`{{ index .a 0 }}`, ["a"]],
    [`{{ get .a "b" }}{{ (get .a "c").d }}`, ["a.b", "a.c.d"]],
    [`{{ hasKey .a "b" }}{{ pick .a "c" "d" }}{{ pluck "e" .a .b }}`, ["a.b", "a.c", "a.d", "a.e", "b.e"]],
    [`{{ dig "a" "b" "none" . }}`, ["a.b"]],
    [`{{ .x | dig "a" "b" .none }}`, ["none", "x.a.b"]],
    ["{{ omit .a `b` }}{{ keys .c }}", ["a", "c"]],
    ["{{ default .a .b }}", ["a", "b"]],
    ["{{ set .a `b` .c }}", ["a", "c"]],
    ["{{ $_ := set . `a` 1 }}", ["*"]],
    [`{{ index . "a\\x00b" }}`, ["*"]],
  ];

  test.each(examples)("%s", async (source, expected) => {
    expect(await readsOf(source)).toEqual(expected);
  });
});

/** An outcome, in a form that can be compared. */
const outcome = async (template: Template, data: JsonValue): Promise<string> => {
  try {
    return await template.render(data);
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    // Of less data there is less to do.
    const unlike = error.reason === "deadline" || error.reason === "memory" || error.reason === "size";
    return unlike ? "too much" : String(error);
  }
};

test("a template renders the same from no more than what it reads", async () => {
  const counts = { all: 0, smaller: 0, rendered: 0 };
  const check = async (source: string, data: JsonValue, zero: boolean): Promise<void> => {
    const template = await engine.compile(source, { missingKey: zero ? "zero" : "error" });
    const pruned = prune(data, template.reads);
    const expected = await outcome(template, data);
    if (expected === "too much") return;
    expect({ source, output: await outcome(template, pruned) }).toEqual({ source, output: expected });
    counts.all++;
    if (JSON.stringify(pruned) !== JSON.stringify(data)) counts.smaller++;
    if (!expected.startsWith("TemplateError")) counts.rendered++;
  };
  const templates = fc.array(generatedTemplate, { minLength: 40, maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(templates, generatedData, fc.boolean(), async (sources, data, zero) => {
      await Promise.all(sources.map((source) => check(source, data, zero)));
    }),
    { numRuns: 60, endOnFailure: true },
  );
  // Else it says nothing.
  expect(counts.smaller).toBeGreaterThan(counts.all / 3);
  expect(counts.rendered).toBeGreaterThan(counts.all / 4);
});

test("paths are sorted, and none is the beginning of another", async () => {
  await fc.assert(
    fc.asyncProperty(generatedPairs, async ({ source }) => {
      const { reads } = await engine.compile(source);
      if (reads.kind === "paths") expect(union([reads])).toEqual(reads);
    }),
    { numRuns: 200 },
  );
});

test("what one or another template reads is what either reads", () => {
  const path = fc.array(fc.constantFrom("a", "ab", "b"), { maxLength: 3 });
  const paths = fc.array(path, { maxLength: 6 }).map((all) => ({ kind: "paths", paths: all }) as const);
  fc.assert(
    fc.property(paths, paths, path, (one, other, asked) => {
      const covers = (all: readonly (readonly string[])[]) => all.some((p) => p.every((key, i) => asked[i] === key));
      const both = union([one, other]);
      if (both.kind !== "paths") throw new Error("paths make no whole");
      expect(covers(both.paths)).toBe(covers(one.paths) || covers(other.paths));
      for (const [i, p] of both.paths.entries()) {
        for (const q of both.paths.slice(i + 1)) expect(p.every((key, k) => q[k] === key)).toBe(false);
      }
    }),
  );
  expect(union([{ kind: "whole" }, { kind: "paths", paths: [["a"]] }])).toEqual({ kind: "whole" });
});

test("pruning keeps what is there instead of a map, and never changes the data", () => {
  const data = Object.freeze({ a: Object.freeze({ b: 1, c: 2 }), list: [1], text: "x", nothing: null, other: 3 });
  const paths = [
    ["a", "b"],
    ["list", "x"],
    ["text", "x"],
    ["nothing", "x"],
    ["absent", "x"],
    ["a", "constructor"],
  ];
  expect(prune(data, { kind: "paths", paths })).toEqual({ a: { b: 1 }, list: [1], text: "x", nothing: null });
  expect(prune(data, { kind: "paths", paths: [["a", "z"]] })).toEqual({ a: {} });
  expect(prune(data, { kind: "paths", paths: [] })).toEqual({});
  expect(prune(data, { kind: "whole" })).toBe(data);
});
