import fc from "fast-check";
import type { JsonValue } from "../src/data.ts";

/** Keys are few, so that templates meet what is there. */
const KEYS = ["a", "b", "c", "d"];

const key = fc.constantFrom(...KEYS);

const scalar: fc.Arbitrary<JsonValue> = fc.oneof(
  fc.constantFrom("", "x", "Grüße 👋", "a b", '"<&>'),
  fc.integer({ min: -3, max: 12 }),
  fc.constantFrom(0.5, 1e21, -1e-7, 4_294_967_296),
  fc.boolean(),
  fc.constant(null),
);

/** Values to a depth; maps have some of the keys, or all. */
const valueTo = (depth: number): fc.Arbitrary<JsonValue> => {
  if (depth === 0) return scalar;
  const inner = valueTo(depth - 1);
  const some: fc.Arbitrary<JsonValue> = fc.dictionary(key, inner, { maxKeys: 3, noNullPrototype: true });
  const all: fc.Arbitrary<JsonValue> = fc.record({ a: inner, b: inner, c: inner, d: inner });
  const list: fc.Arbitrary<JsonValue> = fc.array(inner, { maxLength: 3 });
  return fc.oneof(
    { arbitrary: scalar, weight: 2 },
    { arbitrary: some, weight: 2 },
    { arbitrary: all, weight: 3 },
    { arbitrary: list, weight: 1 },
  );
};

/** Data of nested maps; the root has all keys. */
export const generatedData: fc.Arbitrary<JsonValue> = fc.record({
  a: valueTo(3),
  b: valueTo(3),
  c: valueTo(2),
  d: valueTo(1),
});

const path = fc
  .oneof(
    { arbitrary: fc.array(key, { minLength: 1, maxLength: 1 }), weight: 3 },
    { arbitrary: fc.array(key, { minLength: 2, maxLength: 3 }), weight: 2 },
  )
  .map((keys) => keys.join("."));
const quoted = key.map((text) => `"${text}"`);
const variable = fc.constantFrom("$x", "$y");

/** Expressions, as arguments: those that are more than a word are in parentheses. */
const { expression } = fc.letrec<{ expression: string; call: string }>((tie) => {
  const argument = tie("expression");
  const calls: fc.Arbitrary<string>[] = [
    fc.tuple(argument, quoted).map(([map, k]) => `index ${map} ${k}`),
    fc.tuple(argument, quoted, quoted).map(([map, k, l]) => `index ${map} ${k} ${l}`),
    fc.tuple(argument, argument).map(([map, k]) => `index ${map} ${k}`),
    fc.tuple(argument, quoted).map(([map, k]) => `get ${map} ${k}`),
    fc.tuple(argument, quoted).map(([map, k]) => `hasKey ${map} ${k}`),
    fc.tuple(argument, quoted, quoted).map(([map, k, l]) => `dig ${k} ${l} "none" ${map}`),
    fc.tuple(argument, argument, quoted).map(([map, d, k]) => `dig ${k} ${d} ${map}`),
    fc.tuple(argument, quoted, quoted).map(([map, k, l]) => `pick ${map} ${k} ${l}`),
    fc.tuple(argument, quoted).map(([map, k]) => `omit ${map} ${k}`),
    fc.tuple(argument, argument, quoted).map(([one, other, k]) => `pluck ${k} ${one} ${other}`),
    fc.tuple(argument, argument).map(([d, v]) => `default ${d} ${v}`),
    fc.tuple(argument, argument).map(([one, other]) => `or ${one} ${other}`),
    fc.tuple(argument, argument).map(([one, other]) => `and ${one} ${other}`),
    fc.tuple(argument, argument).map(([one, other]) => `coalesce ${one} ${other}`),
    fc.tuple(argument, quoted, argument).map(([map, k, v]) => `set ${map} ${k} (deepCopy ${v})`),
    fc.tuple(argument, quoted).map(([map, k]) => `unset ${map} ${k}`),
    fc.tuple(argument, argument).map(([one, other]) => `merge ${one} (deepCopy ${other})`),
    fc.tuple(argument, argument).map(([one, other]) => `list ${one} ${other}`),
    fc.tuple(quoted, argument).map(([k, v]) => `dict ${k} ${v}`),
    ...["toJson", "toYaml", "len", "keys", "values", "first", "quote", "not", "kindOf", "deepCopy", "toString"].map(
      (name) => argument.map((v) => `${name} ${v}`),
    ),
  ];
  return {
    call: fc.oneof(...calls),
    expression: fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      path.map((p) => `.${p}`),
      path.map((p) => `$.${p}`),
      fc.constantFrom(".", "$", '"a"', "1", "true"),
      variable,
      fc.tuple(variable, path).map(([v, p]) => `${v}.${p}`),
      tie("call").map((call) => `(${call})`),
      fc.tuple(tie("call"), path).map(([call, p]) => `(${call}).${p}`),
    ),
  };
});

const pipeline = fc.oneof(
  expression,
  fc
    .tuple(expression, fc.constantFrom("toJson", "default 1", "quote", "kindOf", "get .a", "index .b", "dig `a` `z`"))
    .map(([from, to]) => `${from} | ${to}`),
);

/** Actions that may call these templates. */
const bodyWith = (templates: readonly string[]): fc.Arbitrary<string> =>
  fc.letrec<{ body: string; action: string }>((tie) => ({
    body: fc.array(tie("action"), { maxLength: 3 }).map((actions) => actions.join("")),
    action: fc.oneof(
      { depthSize: "xsmall", withCrossShrink: true },
      pipeline.map((p) => `{{ ${p} }}`),
      fc.constantFrom(" text\n", "é"),
      fc.tuple(variable, pipeline).map(([v, p]) => `{{ ${v} = ${p} }}`),
      fc.tuple(variable, pipeline).map(([v, p]) => `{{ ${v} := ${p} }}`),
      fc.tuple(pipeline, tie("body"), tie("body")).map(([p, yes, no]) => `{{ if ${p} }}${yes}{{ else }}${no}{{ end }}`),
      fc
        .tuple(pipeline, tie("body"), tie("body"))
        .map(([p, yes, no]) => `{{ with ${p} }}${yes}{{ else }}${no}{{ end }}`),
      fc.tuple(variable, pipeline, tie("body")).map(([v, p, yes]) => `{{ with ${v} := ${p} }}${yes}{{ end }}`),
      fc
        .tuple(pipeline, tie("body"), tie("body"))
        .map(([p, each, none]) => `{{ range ${p} }}${each}{{ else }}${none}{{ end }}`),
      fc.tuple(pipeline, tie("body")).map(([p, each]) => `{{ range $x, $y = ${p} }}${each}{{ end }}`),
      fc.tuple(pipeline, tie("body")).map(([p, each]) => `{{ range $y := ${p} }}${each}{{ end }}`),
      ...templates.map((name) => expression.map((e) => `{{ template "${name}" ${e} }}`)),
    ),
  })).body;

const VARIABLES = "{{ $x := . }}{{ $y := .a }}";

/** Templates over that data: most are short, so that not all of them end in an error. */
export const generatedTemplate: fc.Arbitrary<string> = fc.oneof(
  { arbitrary: bodyWith([]).map((main) => `${VARIABLES}${main}`), weight: 4 },
  {
    arbitrary: fc
      .tuple(bodyWith(["one", "two"]), bodyWith(["two"]), bodyWith([]))
      .map(
        ([main, one, two]) =>
          `{{ define "one" }}${VARIABLES}${one}{{ end }}{{ define "two" }}{{ $x := 1 }}{{ $y := $ }}${two}{{ end }}${VARIABLES}${main}`,
      ),
    weight: 1,
  },
);

/** A template, data, and what a missing key means. */
export const generatedPairs = fc.record({ source: generatedTemplate, data: generatedData, zero: fc.boolean() });
