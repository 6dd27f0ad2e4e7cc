/**
 * Invariants:
 * - output and errors are those of Go itself, byte for byte, whatever the host's zone and language;
 * - where Go gives a line and column, ours are the same place: from 1, in characters;
 * - where Go gives only a line, ours is that line.
 */
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { errorOf } from "../src/faults.ts";
import { createEngine, excludedFunctions, jsonText, TemplateError } from "../src/index.ts";
import { corpus } from "./corpus/index.ts";
import { generatedPairs } from "./generated.ts";
import { type NativeAnswer, type Question, renderNatively } from "./native.ts";

const engine = createEngine({ deadline: 10_000 });
afterAll(() => engine.close());

/** An outcome, in a form that can be compared. */
const ours = async ({ source, data, zero }: Question): Promise<unknown> => {
  try {
    const template = await engine.compile(source, { missingKey: zero ? "zero" : "error" });
    return await template.render(jsonText(data));
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    return summary(error);
  }
};

const theirs = ({ output, error }: NativeAnswer): unknown => (error ? summary(errorOf(error, undefined)) : output);

const summary = ({ reason, line, column, detail, suggestion }: TemplateError) => ({
  reason,
  line,
  column,
  detail,
  suggestion,
});

/** The place that Go names, as line and column from 1, the column in characters. */
const placeOf = (raw: string, source: string): { line: number; column: number | undefined } | undefined => {
  const [, lineText, columnText] = /^template: :(\d+):(?:(\d+):)? /.exec(raw) ?? [];
  if (lineText === undefined) return undefined;
  const line = Number(lineText);
  if (columnText === undefined) return { line, column: undefined };
  const before = Buffer.from(source.split("\n")[line - 1] ?? "").subarray(0, Number(columnText));
  return { line, column: [...before.toString()].length + 1 };
};

describe("on the corpus", () => {
  const answers = renderNatively(corpus.map((pair) => ({ ...pair, ours: true })));

  test("there are at least 300 pairs, of which many fail", () => {
    expect(corpus.length).toBeGreaterThan(300);
    expect(answers).toHaveLength(corpus.length);
    expect(answers.filter(({ error }) => error).length).toBeGreaterThan(100);
    expect(answers.filter(({ error }) => !error).length).toBeGreaterThan(150);
  });

  test("output and errors are those of native Go", async () => {
    const results = await Promise.all(corpus.map(ours));
    const pairs = results.map((result, index) => ({ ...corpus[index], data: index, result }));
    expect(pairs).toEqual(answers.map((answer, index) => ({ ...corpus[index], data: index, result: theirs(answer) })));
  });

  test("errors are where Go says that they are", () => {
    for (const [index, { error, raw }] of answers.entries()) {
      const source = corpus[index]?.source ?? "";
      const place = raw === undefined ? undefined : placeOf(raw, source);
      if (!error || !place) continue;
      expect({ source, line: error.line, column: place.column === undefined ? undefined : error.column }).toEqual({
        source,
        ...place,
      });
    }
  });
});

describe("of what we change nothing", () => {
  // What is changed on purpose: see the README. And what is only ever the same by chance.
  const CHANGED = new RegExp(
    [
      /\b(keys|values|date|htmlDate|htmlDateInZone|dateInZone|date_in_zone|durationRound)\b/,
      /printf `%[pd]`/,
      // Larger than we allow.
      /999999999/,
      // What Go puts out, although it is not UTF-8.
      /\\xff|\\xc3|w==|substr 0|trunc 5/,
      // Outside of int64, where processors differ.
      /huge|big/,
    ]
      .map(({ source }) => source)
      .join("|"),
  );

  test("output and errors are those of text/template and sprig, without anything of ours", () => {
    const excluded = new RegExp(`\\b(${excludedFunctions.map(({ name }) => name).join("|")})\\b`);
    const left = corpus.filter(({ source }) => !CHANGED.test(source) && !excluded.test(source));
    expect(left.length).toBeGreaterThan(1_000);
    const results = renderNatively(left).map(({ output, raw = "" }) => ({ output, error: raw }));
    const plain = renderNatively(left).map(({ plain }) => plain);
    expect(left.map((pair, index) => ({ ...pair, ...results[index] }))).toEqual(
      left.map((pair, index) => ({ ...pair, ...plain[index] })),
    );
  });
});

test("output and errors of generated templates are those of native Go", async () => {
  const questions = fc.sample(generatedPairs, 1_000).map(({ source, data, zero }) => ({
    source,
    data: JSON.stringify(data),
    zero,
    ours: true,
  }));
  const rendered = await Promise.all(questions.map(async (question) => ({ question, result: await ours(question) })));
  // What is too much for us would take Go, which knows no limits, for ever.
  const bounded = rendered.filter(({ result }) => !isTooMuch(result));
  expect(bounded.length).toBeGreaterThan(0.98 * questions.length);
  expect(bounded.filter(({ result }) => typeof result === "string").length).toBeGreaterThan(0.25 * questions.length);
  const answers = renderNatively(bounded.map(({ question }) => question));
  expect(bounded).toEqual(answers.map((answer, index) => ({ ...bounded[index], result: theirs(answer) })));
});

const isTooMuch = (result: unknown): boolean =>
  typeof result === "object" &&
  result !== null &&
  "reason" in result &&
  ["deadline", "memory", "size", "depth"].includes(String(result.reason));
