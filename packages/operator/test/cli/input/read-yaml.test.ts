/*
 * Invariants:
 * - A scalar means here what it means to kubectl.
 * - Nothing that a file holds makes the reader throw.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { placeText } from "../../../src/cli/input/manifest.ts";
import { readYaml } from "../../../src/cli/input/read-yaml.ts";

const valuesIn = (text: string) => readYaml("f.yaml", text).manifests.map(({ value }) => value);

test.each<[string, unknown]>([
  ["[y, Yes, on, TRUE]", [true, true, true, true]],
  ["[n, No, off, False]", [false, false, false, false]],
  ["[~, null, NULL]", [null, null, null]],
  ["[0777, 0o17, 0x1F, 0b11, 1_000, -0x1, 08]", [511, 15, 31, 3, 1000, -1, 8]],
  ["[1e3, .5, +.5, 1., 1_0.5]", [1000, 0.5, 0.5, 1, 10.5]],
  ["[12:30:45, 2001-12-14, 2001-12-14T10:00:00Z]", ["12:30:45", "2001-12-14", "2001-12-14T10:00:00Z"]],
  ["[TrUe, 1.2.3, '1', !!str 5]", ["TrUe", "1.2.3", "1", "5"]],
  ["[9007199254740992, 9223372036854775807]", [9007199254740992n, 9223372036854775807n]],
  ["[18446744073709551615]", [2 ** 64]],
  ["on: 1", { true: 1 }],
  ["{<<: {a: 1}, b: 2}", { a: 1, b: 2 }],
])("%s is what kubectl makes of it", (text, expected) => {
  expect(valuesIn(text)).toEqual([expected]);
});

test("documents that are empty are passed over", () => {
  expect(valuesIn("---\n# nothing\n---\na: 1\n---\n...\n")).toEqual([{ a: 1 }]);
  expect(valuesIn("")).toEqual([]);
});

test("the items of Lists are objects of their own, however deep", () => {
  const list = { kind: "List", items: [{ kind: "A" }, { kind: "List", items: [{ kind: "B" }] }, 5] };
  expect(valuesIn(JSON.stringify(list, null, "\t"))).toEqual([{ kind: "A" }, { kind: "B" }, 5]);
});

test("the items of a typed list are of its kind", () => {
  const list = { kind: "PodList", apiVersion: "v1", items: [{ spec: {} }] };
  expect(valuesIn(JSON.stringify(list))).toEqual([{ kind: "Pod", apiVersion: "v1", spec: {} }]);
});

test("what is no YAML says where, and gives no object", () => {
  const { manifests, syntax } = readYaml("f.yaml", "a: 1\n---\nb: [1, 2\nc: 3\n");
  expect(manifests).toEqual([]);
  expect(syntax[0]).toMatchObject({ place: { file: "f.yaml", line: 4 }, message: expect.stringMatching(/^\S.*$/) });
});

test("a key that stands twice says which and where, and the rest is read", () => {
  const text = "spec:\n  list:\n    - {}\n    - a.b: 1\n      a.b: 2\n";
  const { manifests, duplicates } = readYaml("f.yaml", text);
  expect(duplicates.map(({ field, place }) => [field, placeText(place)])).toEqual([
    ["spec.list[1][a.b]", "f.yaml:5:7"],
  ]);
  expect(manifests).toHaveLength(1);
});

describe("never throws", () => {
  test.each([
    ["nesting without end", "[".repeat(100_000)],
    [
      "a bomb of aliases",
      `${Array.from({ length: 30 }, (_, i) => `a${i}: &a${i} [${i === 0 ? "x" : `*a${i - 1}, *a${i - 1}`}]`).join("\n")}\n`,
    ],
    ["an alias of nothing", "a: *b"],
    ["an alias of itself", "a: &a [*a]"],
    ["an unknown tag", "a: !Ref x"],
    ["a tag that the text contradicts", "a: !!int x"],
    ["NUL", "a: \0"],
  ])("%s", (_, text) => {
    expect(() => readYaml("f.yaml", text)).not.toThrow();
  });

  test("any text at all", () => {
    const text = fc.array(
      fc.constantFrom("a", ": ", "\n", "  ", "- ", "[", "}", "&x ", "*x", "|", ">", "'", '"', "<<", "? "),
    );
    fc.assert(
      fc.property(text, (parts) => {
        readYaml("f.yaml", parts.join(""));
      }),
      { numRuns: 2_000 },
    );
  });
});
