/**
 * Invariants:
 * - whatever a template does, it ends in a typed error with a position, soon after its deadline at the latest;
 * - what others render meanwhile is not touched by it;
 * - after a thousand of them, no worker, handle or listener is left.
 */
import { getActiveResourcesInfo } from "node:process";
import { afterAll, describe, expect, test } from "vitest";
import { createEngine, TemplateError, type TemplateErrorReason } from "../src/index.ts";
import { hostile } from "./hostile.ts";

const engine = createEngine({ deadline: 500, maxWorkers: 2 });
// So that what ends by itself does so, however busy the machine is.
const patient = createEngine({ deadline: 60_000, maxWorkers: 2 });
afterAll(() => Promise.all([engine.close(), patient.close()]));

const failureOf = async (source: string, from = engine): Promise<TemplateError> => {
  try {
    const template = await from.compile(source);
    await template.render({ a: "b" });
  } catch (error) {
    if (error instanceof TemplateError) return error;
    throw error;
  }
  throw new Error("it did not fail");
};

const GENTLE: readonly TemplateErrorReason[] = ["size", "encoding", "execution"];

describe("a typed error comes of", () => {
  test.each(hostile)("$name", async ({ source, reasons }) => {
    const error = await failureOf(source, reasons.includes("deadline") ? engine : patient);
    expect(reasons, String(error)).toContain(error.reason);
    expect(error.line).toBeGreaterThan(0);
    expect(error.column).toBeGreaterThan(0);
  });
});

test("the error says which action did not end", async () => {
  const source = "a\n{{ .a }} é {{ range 100000000000 }}{{ end }}\n{{ .a }}";
  const error = await failureOf(source);
  expect(error).toMatchObject({ reason: "deadline", line: 2, column: 21 });
});

test("of many templates, each hostile one fails for itself, and all others are rendered", async () => {
  const sources = {
    first: "{{ .a }}",
    loop: "{{ range 100000000000 }}{{ end }}",
    middle: "{{ .a }}{{ .a }}",
    memory: "{{ $s := repeat 16000000 `x` }}{{ print $s $s $s $s }}",
    deep: "{{ $_ := set . `x` . }}{{ . }}",
    wrong: "{{ nope }}",
    last: "{{ .a }}!",
  };
  const set = await engine.compileAll(sources, { deadline: 60_000 });
  const { values, errors } = await set.render({ a: "b" }, { deadline: 4_000 });
  expect(values).toEqual({ first: "b", middle: "bb", last: "b!" });
  expect(errors.map(({ key, reason }) => [key, reason])).toEqual([
    ["loop", "deadline"],
    ["memory", "memory"],
    ["deep", "depth"],
    ["wrong", "syntax"],
  ]);
});

test("one that breaks its worker while it is compiled costs only itself", async () => {
  const set = await patient.compileAll({
    good: "{{ .a }}",
    deep: `${"{{if 1}}".repeat(40_000)}${"{{end}}".repeat(40_000)}`,
    fine: "{{ .a }}?",
  });
  expect(set.errors.map(({ key, reason }) => [key, reason])).toEqual([["deep", "depth"]]);
  const { values, errors } = await set.render({ a: "b" });
  expect(values).toEqual({ good: "b", fine: "b?" });
  expect(errors).toEqual(set.errors);
});

test("ten thousand templates are compiled and rendered in one round trip each", async () => {
  const sources = Object.fromEntries(
    Array.from({ length: 10_000 }, (_, index) => [`key-${index}`, `{{ .a }}${index}`]),
  );
  const set = await patient.compileAll(sources);
  expect(set.errors).toEqual([]);
  const { values, errors } = await set.render({ a: "b" });
  expect(errors).toEqual([]);
  expect(Object.keys(values)).toHaveLength(10_000);
  expect(values["key-9999"]).toBe("b9999");
});

test("all together may put out no more than one may", async () => {
  const set = await patient.compileAll({ one: '{{ repeat 600000 "x" }}', two: '{{ repeat 600000 "y" }}', three: "z" });
  const { values, errors } = await set.render({});
  expect(Object.keys(values)).toEqual(["one", "three"]);
  expect(errors).toMatchObject([{ key: "two", reason: "size", detail: "the output is larger than 1048576 bytes" }]);
});

test("others go on while one is stuck", async () => {
  const innocent = await engine.compile("{{ .n }}");
  const stuck = Promise.all([
    failureOf("{{ range 100000000000 }}{{ end }}"),
    failureOf("{{ range 100000000001 }}{{ end }}"),
  ]);
  const outputs = await Promise.all(Array.from({ length: 200 }, (_, n) => innocent.render({ n })));
  expect(outputs).toEqual(Array.from({ length: 200 }, (_, n) => String(n)));
  expect((await stuck).map(({ reason }) => reason)).toEqual(["deadline", "deadline"]);
});

test("after a thousand of them nothing is left", async () => {
  const own = createEngine({ deadline: 30, maxWorkers: 2, idleTimeout: 10 });
  // Of ten, nine that Go itself ends, and one that costs the worker: of all kinds, one after another.
  const gentle = hostile.filter(({ reasons }) => reasons.every((reason) => GENTLE.includes(reason)));
  const next = (index: number): string => {
    const kinds = index % 10 === 0 ? hostile : gentle;
    return kinds[(index % 10 === 0 ? index / 10 : index) % kinds.length]?.source ?? "";
  };
  const innocent = await own.compile("{{ .a }}", { deadline: 60_000 });
  const before = getActiveResourcesInfo().filter((name) => name !== "Timeout").length;
  let left = 1_000;
  const attack = async (): Promise<void> => {
    while (left-- > 0) {
      const error = await failureOf(next(left), own);
      expect(error).toBeInstanceOf(TemplateError);
    }
  };
  await Promise.all([attack(), attack(), attack(), attack()]);
  expect(await innocent.render({ a: "still here" }, { deadline: 60_000 })).toBe("still here");
  await own.close();
  expect(getActiveResourcesInfo().filter((name) => name !== "Timeout").length).toBeLessThanOrEqual(before);
}, 300_000);
