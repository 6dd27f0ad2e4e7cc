/*
 * Invariants:
 * - What is printed is read by kubectl as it was, whatever a value holds: by its own reader, sigs.k8s.io/yaml.
 * - A text of several lines is a block where that reader takes it, so that people can read it too.
 */
import { createEngine, type Template } from "@pcmc/gotemplate";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { JsonList, yamlText } from "../../../src/cli/preview/configmap-text.ts";

let engine: ReturnType<typeof createEngine>;
let reader: Template;

beforeAll(async () => {
  engine = createEngine({ deadline: 10_000 });
  reader = await engine.compile("{{ (fromYaml .text).texts | toJson }}");
});
afterAll(() => engine.close());

/** Texts as kubectl reads them from what is printed. */
const read = async (texts: readonly string[]): Promise<unknown> =>
  JSON.parse(await reader.render({ text: yamlText({ texts }) }));

test.each([
  ["a tab before all else", "\tserver {\n\t}\n"],
  ["a tab behind blank lines", "\n \n\tx\n"],
  ["nothing but blanks", " \n"],
  ["a line separator", "\u2028"],
  ["a paragraph separator", "a\u2029b\n"],
  ["a next line", "\u0085"],
  ["a byte order mark", "\ufeffa\n"],
  ["control characters", "\0\u0001\u001b\u007f\u009f\n"],
  ["what is no character", "\ufffe\uffff\n"],
  ["blanks around", " a\n\n b \n\n"],
])("%s is read by kubectl as it was", async (_, text) => {
  expect(await read([text])).toEqual([text]);
});

test("half a character, which no UTF-8 can hold, is the one that stands for such", async () => {
  expect(await read(["a\ud800\n"])).toEqual(["a\ufffd\n"]);
});

test("any text is read by kubectl as it was", async () => {
  const blanks = ["\t", " ", "  ", "\n", "\r", "\u0085", "\u00a0", "\u2028", "\u2029", "\ufeff"];
  const controls = ["\0", "\u0001", "\b", "\u001b", "\u007f", "\u0080", "\u009f", "\ufffe", "\uffff"];
  const marks = [
    "a",
    "é🦊",
    "#",
    ": ",
    "- ",
    "---",
    "...",
    "%",
    "|",
    "'",
    '"',
    "\\",
    "{{",
    "~",
    "on",
    "=",
    "<<",
    "1:2",
  ];
  const part = fc.oneof(fc.constantFrom(...blanks), fc.constantFrom(...controls), fc.constantFrom(...marks));
  const text = fc.oneof(
    fc.array(part, { maxLength: 8 }).map((parts) => parts.join("")),
    fc.array(fc.constantFrom("\t", " ", "\n", "a", "#"), { maxLength: 6 }).map((parts) => parts.join("")),
    fc.string({ unit: "binary" }),
  );
  const property = fc.asyncProperty(fc.array(text, { minLength: 1, maxLength: 40 }), async (texts) => {
    expect(await read(texts)).toEqual(texts);
  });
  await fc.assert(property, { numRuns: 200 });
});

test("several as JSON are a List that holds any text as it was", () => {
  const text = fc.string({ unit: fc.constantFrom("a", "\n", "\r", "\u2028", "\u2029", "\u0085", '"', "\t") });
  fc.assert(
    fc.property(fc.array(text, { minLength: 2, maxLength: 4 }), (texts) => {
      const list = new JsonList();
      const parts = texts.map((value, n) => list.next({ metadata: { name: `n${n}` }, data: { value } }));
      const { items } = JSON.parse(`${parts.join("")}${list.end()}`);
      expect(items.map(({ data }: { data: { value: string } }) => data.value)).toEqual(texts);
    }),
  );
});

test("a text of several lines is a block, with blank lines and indents", () => {
  expect(yamlText({ text: "a:\n\n\tb # c\n  d\n" })).toBe("text: |\n  a:\n\n  \tb # c\n    d\n");
});
