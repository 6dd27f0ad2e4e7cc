/*
 * Invariants:
 * - A place inside a text leads to the very character in the file, in every style that YAML has for a text.
 * - A place of a field leads to its value where that begins on its line, else to its key; where there is none, to what would
 *   hold it.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Document, Scalar } from "yaml";
import type { Manifest, Path } from "../../../src/cli/input/manifest.ts";
import { readYaml } from "../../../src/cli/input/read-yaml.ts";

const only = (text: string): Manifest => {
  const { manifests, syntax } = readYaml("f.yaml", text);
  const [manifest, ...more] = manifests;
  if (manifest === undefined || more.length > 0 || syntax.length > 0) throw new Error(JSON.stringify(syntax));
  return manifest;
};

const at = (text: string, path: Path, position?: { line: number; column: number }) => {
  const { line, column } = only(text).place(path, position);
  return `${line}:${column}`;
};

/** Line and column of the first `mark`, in characters from 1. */
const placeOf = (text: string, mark: string) => {
  const before = text.slice(0, text.indexOf(mark)).split("\n");
  return { line: before.length, column: [...(before.at(-1) ?? "")].length + 1 };
};

describe("the place of a field", () => {
  const text = [
    "apiVersion: v1 # why not",
    "spec:",
    "  podSelector:",
    "    matchExpressions:",
    "      - key: app",
    '        "operator": &a Like',
    "      - {key: tier, operator: *a}",
    "  template: |",
    "    text",
    "  1: x",
  ].join("\n");

  test.each<[Path, string]>([
    [["apiVersion"], "1:13"],
    [["spec", "podSelector"], "3:3"],
    [["spec", "podSelector", "matchExpressions", 0, "operator"], "6:24"],
    [["spec", "podSelector", "matchExpressions", 1], "7:9"],
    [["spec", "podSelector", "matchExpressions", 1, "key"], "7:15"],
    [["spec", "podSelector", "matchExpressions", 1, "operator"], "6:24"],
    [["spec", "template"], "8:3"],
    [["spec", "1"], "10:6"],
  ])("%j is %s", (path, expected) => {
    expect(at(text, path)).toBe(expected);
  });

  test("that is missing is the key of what would hold it", () => {
    expect(at(text, ["spec", "podSelector", "matchExpressions", 0, "values", 3])).toBe("5:9");
    expect(at(text, ["spec", "podSelector", "matchLabels", "app"])).toBe("3:3");
    expect(at(text, ["metadata", "name"])).toBe("1:1");
  });

  test("counts columns in characters", () => {
    expect(at('{"🦊é": {"a": 1}}', ["🦊é", "a"])).toBe("1:14");
  });

  test("of a later document, and of an item of a List, is that of the whole file", () => {
    const file = "kind: A\n---\nkind: List\nitems:\n- kind: B\n- kind: C\n  spec: {a: 1}\n";
    const [, , third] = readYaml("f.yaml", file).manifests;
    expect(third?.value).toEqual({ kind: "C", spec: { a: 1 } });
    expect(third?.place(["spec", "a"])).toEqual({ file: "f.yaml", line: 7, column: 13 });
  });
});

describe("the place inside a text", () => {
  test.each([
    ["literal", "a: |\n  one\n    two {{ x\n", 2, 6, "3:8"],
    ["literal with indicators and a comment", "a: |2+ # c\n    one\n  two\n", 2, 1, "3:3"],
    ["folded", "a: >\n  one\n  two\n\n  three\n", 2, 2, "5:4"],
    ["plain over lines", "a: one\n  two\n\n  three\n", 2, 3, "4:5"],
    ["single quotes", "a: 'it''s x'\n", 1, 6, "1:11"],
    ["double quotes", 'a: "\\u00e9\\t\\n\\"x"\n', 2, 2, "1:17"],
    ["double quotes over lines", 'a: "one\\\n   two\n\n   x"\n', 2, 1, "4:4"],
    ["CRLF", "a: |\r\n  one\r\n  two\r\n", 2, 2, "3:4"],
    ["an anchored text, where it is used", "b: &t |\n  one\na: *t\n", 1, 3, "2:5"],
    ["a character beyond 16 bits", 'a: "🦊x"\n', 1, 2, "1:6"],
    ["a blank", "a: |\n  one two\n", 1, 4, "2:6"],
    ["the end of a line", "a: |\n  one\n  two\n", 1, 4, "2:6"],
  ])("of %s", (_style, text, line, column, expected) => {
    expect(at(text, ["a"], { line, column })).toBe(expected);
  });

  test("that the text does not have is the key's", () => {
    expect(at("a: |\n  one\n", ["a"], { line: 7, column: 1 })).toBe("1:1");
    expect(at("a: 5\n", ["a"], { line: 1, column: 1 })).toBe("1:4");
  });

  // One character: a writer may break the line anywhere in a quoted word.
  const MARK = "§";
  const STYLES = [
    Scalar.BLOCK_LITERAL,
    Scalar.BLOCK_FOLDED,
    Scalar.QUOTE_DOUBLE,
    Scalar.QUOTE_SINGLE,
    Scalar.PLAIN,
  ] as const;
  const piece = fc.constantFrom(
    "{{ .a }}",
    " ",
    "  ",
    "\n",
    "\n\n",
    "\t",
    "'",
    '"',
    "\\",
    "#",
    ": ",
    "é",
    "🦊",
    "word",
  );
  const texts = fc.tuple(fc.array(piece, { maxLength: 40 }), fc.array(piece, { maxLength: 40 }));

  test("leads to the mark in the file, in every style, at every depth", () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(texts, fc.constantFrom(...STYLES), fc.nat(4), (pieces, style, depth) => {
        const [before, after] = pieces.map((some) => some.join(""));
        const value = `${before}${MARK}${after}`;
        const path = ["spec", ...Array.from({ length: depth }, (_, i) => (i % 2 === 0 ? `k${i}` : 0))];
        const document = new Document({ kind: "X" });
        const scalar = new Scalar(value);
        scalar.type = style;
        document.setIn(path, scalar);
        const file = `# é\n${document.toString({ lineWidth: 30 })}`;
        seen.add(style);
        const manifest = only(file);
        // As it is read: where a long line is folded, the writer does not always give back the text it was given.
        const read = path.reduce<unknown>((held, step) => Object(held)[step], manifest.value);
        const position = placeOf(String(read), MARK);
        expect(manifest.place(path, position)).toEqual({ file: "f.yaml", ...placeOf(file, MARK) });
      }),
      { numRuns: 1_000 },
    );
    expect(seen.size).toBe(STYLES.length);
  });
});
