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
  ["a: !!binary aGVsbG8=", { a: "hello" }],
  ["a: !!binary |\n  aGVs\n  bG8=\n", { a: "hello" }],
  ["!!binary Yg==: !!binary ''", { b: "" }],
  ["a: !!binary /w==", { a: "\ufffd" }],
  ["!!set {a, b}", { a: null, b: null }],
  ["a: !!omap [c: 1, b: 2]", { a: [{ c: 1 }, { b: 2 }] }],
  ["a: !!pairs [b: 1, b: 2]", { a: [{ b: 1 }, { b: 2 }] }],
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

describe("aliases", () => {
  const faultsIn = (text: string) =>
    readYaml("f.yaml", text).syntax.map(({ place, message }) => `${placeText(place)}: ${message}`);

  test("of one anchor may be many", () => {
    const items = Array.from({ length: 150 }, (_, i) => `- {name: p-${i}, labels: *l}\n`).join("");
    const [value] = valuesIn(`labels: &l {app: web, tiers: [a, b]}\nitems:\n${items}`);
    expect(value).toMatchObject({ items: Array(150).fill({ labels: { app: "web", tiers: ["a", "b"] } }) });
  });

  test("stand for keys, for maps to merge, and for the last anchor of a name", () => {
    expect(valuesIn("a: &x k\n*x : &x {b: 1}\nc: {<<: *x, d: *x}\ne: [{<<: [*x]}]")).toEqual([
      { a: "k", k: { b: 1 }, c: { b: 1, d: { b: 1 } }, e: [{ b: 1 }] },
    ]);
  });

  test("know the anchors of their own document", () => {
    expect(faultsIn("a: &x 1\n---\nb: *x\n")).toEqual(["f.yaml:3:4: no anchor &x stands before *x"]);
  });

  test("that stand for nothing are told, each at its place", () => {
    expect(faultsIn("a: &labels {}\nb: *lables\nc:\n- *later\nd: &later 1\n")).toEqual([
      "f.yaml:2:4: no anchor &lables stands before *lables",
      "f.yaml:4:3: no anchor &later stands before *later",
    ]);
  });

  test("that stand for themselves are told", () => {
    expect(faultsIn("a: &a\n  b: [*a]\n")).toEqual(["f.yaml:2:7: *a stands inside of its own anchor"]);
  });

  test("that stand for too much are told in one line", () => {
    const lines = Array.from({ length: 30 }, (_, i) => `a${i}: &a${i} [${i === 0 ? "x" : `*a${i - 1}, *a${i - 1}`}]`);
    const told = "aliases stand for more than 1000000 values in all: write fewer of them";
    expect(faultsIn(lines.join("\n"))).toEqual([expect.stringMatching(new RegExp(`^f.yaml:1[5-9]:\\d+: ${told}$`))]);
    const across = Array.from({ length: 5 }, () => lines.slice(0, 17).join("\n")).join("\n---\n");
    expect(faultsIn(across)).toEqual([expect.stringContaining(told)]);
  });
});

test("base64 that is none is told at its place", () => {
  const { syntax } = readYaml("f.yaml", "a: !!binary aGVs bG8=\n");
  expect(syntax.map(({ place, message }) => `${placeText(place)}: ${message}`)).toEqual([
    "f.yaml:1:4: !!binary needs a text in base64",
  ]);
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
