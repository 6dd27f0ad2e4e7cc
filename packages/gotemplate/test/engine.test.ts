/**
 * Invariants:
 * - integers up to 64 bits are exact, whether the data is a value or JSON text; what cannot be given to Go is refused,
 *   never changed;
 * - each template has its own view of the data;
 * - an abort, or closing the engine, ends every wait;
 * - the same templates are parsed once, and a worker that does not have them gets them again.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import {
  caret,
  createEngine,
  DataError,
  EngineClosedError,
  excludedFunctions,
  functionNames,
  type JsonValue,
  jsonText,
  TemplateError,
} from "../src/index.ts";
import { Instance } from "../src/instance.ts";
import { loadModule } from "../src/module.ts";

const engine = createEngine();
afterAll(() => engine.close());

const render = async (source: string, data: JsonValue = {}): Promise<string> =>
  (await engine.compile(source)).render(data);

const failure = async (promise: Promise<unknown>): Promise<unknown> => {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("it did not fail");
};

describe("data", () => {
  test("integers stay exact as text, and as bigint", async () => {
    const template = await engine.compile("{{ .n }} {{ add .n 0 }} {{ toJson .n }} {{ toYaml .n }}");
    const exact = "9007199254740993 9007199254740993 9007199254740993 9007199254740993";
    expect(await template.render({ n: 9_007_199_254_740_993n })).toBe(exact);
    expect(await template.render(jsonText('{"n":9007199254740993}'))).toBe(exact);
    expect(await render("{{ .n }}", { n: 2n ** 63n - 1n })).toBe("9223372036854775807");
    expect(await render("{{ .n | kindOf }}", { n: 2n ** 63n })).toBe("float64");
    expect(await render("{{ .n | kindOf }} {{ .m | kindOf }}", { n: 1, m: 1.5 })).toBe("int64 float64");
  });

  test("any JSON arrives as it is", async () => {
    const template = await engine.compile("{{ mustToRawJson . }}");
    await fc.assert(
      fc.asyncProperty(fc.jsonValue({ noUnicodeString: false }), async (value) => {
        const data = value as JsonValue;
        if (!JSON.stringify(data).isWellFormed()) return;
        expect(JSON.parse(await template.render(data))).toEqual(JSON.parse(JSON.stringify(data)));
      }),
      { numRuns: 200 },
    );
  });

  test("JSON text may have white space and escapes", async () => {
    const text = ' { "a" : [ 1 , -0 , 2e3 , "\\u00e9\\ud83d\\udc4b\\n\\/" ] , "b" : { } , "a2":null }\n';
    expect(await (await engine.compile("{{ toRawJson . }}")).render(jsonText(text))).toBe(
      '{"a":[1,0,2000,"é👋\\n/"],"a2":null,"b":{}}',
    );
  });

  test.each([
    ["nothing", "", "syntax"],
    ["half a value", '{"a":', "syntax"],
    ["more than a value", "{} {}", "syntax"],
    ["a comma too many", '{"a":1,}', "syntax"],
    ["a word", "undefined", "syntax"],
    ["a bad number", '{"a":01}', "syntax"],
    ["a number that is too large", "1e999", "syntax"],
    ["a line end in a string", '"a\nb"', "syntax"],
    ["a bad escape", '"\\x"', "syntax"],
    ["half a surrogate pair, escaped", '"\\ud800"', "encoding"],
    ["the halves in the wrong order", '"\\udc00\\ud800"', "encoding"],
    ["half a surrogate pair", '"\ud800"', "encoding"],
    ["too many levels", `${"[".repeat(600)}${"]".repeat(600)}`, "depth"],
    ["too much", `"${"x".repeat(5_000_000)}"`, "size"],
  ] as const)("JSON text is refused that is %s", async (_, text, reason) => {
    const template = await engine.compile("{{ . }}");
    const error = await failure(template.render(jsonText(text)));
    expect(error).toBeInstanceOf(DataError);
    expect(error).toMatchObject({ reason });
  });

  test("values are refused that are no JSON", async () => {
    const template = await engine.compile("{{ . }}");
    const deep = Array.from({ length: 600 }).reduce<JsonValue>((inner) => [inner], 1);
    expect(await failure(template.render(Number.NaN))).toMatchObject({ name: "DataError", reason: "syntax" });
    expect(await failure(template.render("\ud800"))).toMatchObject({ name: "DataError", reason: "encoding" });
    expect(await failure(template.render(deep))).toMatchObject({ name: "DataError", reason: "depth" });
    expect(await failure(template.render("x".repeat(5_000_000)))).toMatchObject({ name: "DataError", reason: "size" });
  });
});

describe("templates", () => {
  test("a missing key is an error, or nothing", async () => {
    expect(await failure(render("{{ .a }}"))).toMatchObject({ reason: "execution", line: 1, column: 4 });
    const template = await engine.compile("{{ .a }}|{{ .b.c | default 1 }}", { missingKey: "zero" });
    expect(await template.render({ b: {} })).toBe("<no value>|1");
  });

  test("what one template sets, no other sees, nor the same one the next time", async () => {
    const set = await engine.compileAll({
      one: "{{ $_ := set . `a` 2 }}{{ $_ := set .m `x` 2 }}{{ .a }}{{ .m }}",
      two: "{{ .a }}{{ .m }}",
      three: "{{ $_ := unset . `a` }}{{ hasKey . `a` }}{{ $_ := merge .m (dict `y` 1) }}{{ .m }}",
    });
    const expected = { one: "2map[x:2]", two: "1map[x:1]", three: "falsemap[x:1 y:1]" };
    const data = { a: 1, m: { x: 1 } };
    expect((await set.render(data)).values).toEqual(expected);
    expect((await set.render(data)).values).toEqual(expected);
    expect(data).toEqual({ a: 1, m: { x: 1 } });
  });

  test("a set has a value or an error for each key, those of parsing included", async () => {
    const set = await engine.compileAll({
      good: "{{ .a }}",
      parse: "x\n{{ if }}",
      run: "\n {{ .b }}",
      "": "empty key",
    });
    expect(set.errors.map(String)).toEqual(["TemplateError: parse:2:1: missing value for if"]);
    expect(set.reads).toEqual({ kind: "paths", paths: [["a"], ["b"]] });
    const { values, errors } = await set.render({ a: 1 });
    expect(values).toEqual({ good: "1", "": "empty key" });
    expect(errors.map(String)).toEqual([
      "TemplateError: parse:2:1: missing value for if",
      'TemplateError: run:2:5: at <.b>: map has no entry for key "b"',
    ]);
    expect(await (await engine.compileAll({})).render({})).toEqual({ values: {}, errors: [] });
  });

  test("keys such as __proto__ are keys", async () => {
    const set = await engine.compileAll(
      JSON.parse('{"__proto__":"{{ .__proto__ }}","constructor":"{{ .constructor }}"}'),
    );
    const { values } = await set.render(jsonText('{"__proto__":1,"constructor":2}'));
    expect(Object.entries(values)).toEqual([
      ["__proto__", "1"],
      ["constructor", "2"],
    ]);
  });

  test("a function that does not exist is answered with one that does", async () => {
    expect(await failure(engine.compile("{{ .a | uper }}"))).toMatchObject({ suggestion: "upper" });
    expect(await failure(engine.compile("{{ toYAML . }}"))).toMatchObject({ suggestion: "toYaml" });
    expect(String(await failure(engine.compile("{{ defualt 1 . }}")))).toContain('(did you mean "default"?)');
    expect(await failure(engine.compile("{{ xyzzyplugh }}"))).not.toHaveProperty("suggestion");
  });

  test.each(excludedFunctions)("$name is not there, and the error says why", async ({ name, why }) => {
    const error = await failure(engine.compile(`{{ ${name} }}`));
    expect(error).toMatchObject({ reason: "syntax", detail: `function "${name}" not defined: it ${why}` });
  });

  test("the functions are those that Go has", async () => {
    const instance = new Instance(await loadModule(67_108_864), { softLimit: 50_000_000, mark: () => {} });
    const { functions, excluded } = JSON.parse(instance.names().text);
    expect(functionNames).toEqual(functions);
    expect(excludedFunctions.map(({ name }) => name).sort()).toEqual(Object.values(excluded).flat().sort());
  });

  test("an error can be shown in its line", async () => {
    const source = "first\n\tname: é {{ .a.b }}\r\nlast";
    const error = await failure(render(source, { a: {} }));
    if (!(error instanceof TemplateError)) throw error;
    expect(caret(source, error)).toBe(
      "\tname: é {{ .a.b }}\n\t              ^".replace("              ^", "             ^"),
    );
    expect(caret("", { line: 1, column: 1 })).toBe("\n^");
    const long = caret("x".repeat(500), { line: 1, column: 250 });
    expect(long.split("\n").map((line) => line.length)).toEqual([120, 60]);
  });

  test("a template can be rendered again when no worker has it any more", async () => {
    const small = createEngine({ memoryLimit: 16 * 1_048_576, maxWorkers: 1 });
    // More than a worker keeps.
    const templates = await Promise.all(
      Array.from({ length: 300 }, (_, index) => small.compile(`{{ .a }}${index}${"x".repeat(1_000)}`)),
    );
    for (const pass of [1, 2]) {
      const outputs = await Promise.all(templates.map((template) => template.render({ a: pass })));
      expect(outputs.map((output) => output.replace(/x+$/, ""))).toEqual(
        templates.map((_, index) => `${pass}${index}`),
      );
    }
    await small.close();
  });
});

describe("the end", () => {
  const ENDLESS = "{{ range 100000000000 }}{{ end }}";

  test("an abort ends the wait with its reason", async () => {
    const controller = new AbortController();
    const template = await engine.compile(ENDLESS);
    const rendering = failure(template.render({}, { signal: controller.signal }));
    controller.abort(new Error("enough"));
    expect(await rendering).toMatchObject({ message: "enough" });
    expect(await failure(engine.compile("{{ 1 }}", { signal: controller.signal }))).toMatchObject({
      message: "enough",
    });
    expect(await render("{{ 1 }}")).toBe("1");
  });

  test("closing ends what is in flight, what waits, and what comes after", async () => {
    const own = createEngine({ maxWorkers: 1 });
    const template = await own.compile(ENDLESS);
    const renderings = Array.from({ length: 30 }, () => failure(template.render({})));
    await own.close();
    await own.close();
    for (const error of await Promise.all(renderings)) expect(error).toBeInstanceOf(EngineClosedError);
    expect(await failure(template.render({}))).toBeInstanceOf(EngineClosedError);
    expect(await failure(own.compile(""))).toBeInstanceOf(EngineClosedError);
  });

  test("an engine that was closed while it started leaves nothing behind", async () => {
    const own = createEngine();
    const compiling = failure(own.compile("{{ 1 }}"));
    await own[Symbol.asyncDispose]();
    expect(await compiling).toBeInstanceOf(EngineClosedError);
  });

  test("an engine that nobody closes lets the process end", async () => {
    const index = new URL("../src/index.ts", import.meta.url).href;
    const script = `const { createEngine } = await import(${JSON.stringify(index)});
      console.log(await (await createEngine().compile("{{ .a }}")).render({ a: "done" }));`;
    const child = spawn(process.execPath, ["--input-type=module", "--eval", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [output] = await Promise.all([child.stdout.toArray(), once(child, "close")]);
    expect(Buffer.concat(output).toString()).toBe("done\n");
    expect(child.exitCode).toBe(0);
  });
});

describe("options", () => {
  test.each([
    ["maxWorkers", 0],
    ["minWorkers", -1],
    ["deadline", 0],
    ["deadline", Number.NaN],
    ["memoryLimit", 1_000_000],
    ["idleTimeout", Number.POSITIVE_INFINITY],
  ] as const)("%s may not be %d", (name, value) => {
    expect(() => createEngine({ [name]: value })).toThrow(new RegExp(`^${name} must be between`));
  });

  test("a module that is not built is one line that says what to do", async () => {
    const files = { worker: new URL("file:///nowhere/worker.ts"), module: new URL("file:///nowhere/gotemplate.wasm") };
    const own = createEngine({ files });
    expect(await failure(own.compile("{{ 1 }}"))).toMatchObject({
      message: '/nowhere/gotemplate.wasm is not built: run "make build", which needs Go 1.26 or newer',
    });
    await own.close();
  });

  test("a worker that cannot start fails what waits for it", async () => {
    const module = new URL("../dist/gotemplate.wasm", import.meta.url);
    const own = createEngine({ files: { worker: new URL("file:///nowhere/worker.mjs"), module } });
    expect(await failure(own.compile("{{ 1 }}"))).toMatchObject({
      message: expect.stringContaining("Cannot find module"),
    });
    await own.close();
  });
});
