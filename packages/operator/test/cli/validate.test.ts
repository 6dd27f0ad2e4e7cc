/*
 * `pcmc validate` as far as it goes without templates.
 *
 * Invariants:
 * - One line for each finding, `FILE:LINE:COLUMN: field: message`, on standard output; nothing where all is well.
 * - Exit code 0 without an error, 1 with one, 2 where a file cannot be read.
 */
import { describe, expect, test } from "vitest";
import { Folder, pcmc, pod } from "./support.ts";

const validate = async (files: Record<string, string>, line = "-f ./c.yaml", input = "") =>
  (await Folder.with(files)).run(`validate ${line}`, { input });

const places = (stdout: string) =>
  stdout.split("\n").flatMap((line) => /^(\S+:\d+:\d+): ([^:]+): /.exec(line)?.slice(1, 3).join(" ") ?? []);

test("what would be stored gives no output", async () => {
  expect(await validate({ "c.yaml": pcmc("web") })).toEqual({ code: 0, stdout: "", stderr: "" });
});

test("findings of several documents, files and Lists are told with their places, in the order of the files", async () => {
  const list = JSON.stringify(
    { kind: "List", items: [{ kind: "PodConfigMapConfig", metadata: { name: "x" } }] },
    null,
    2,
  );
  const files = {
    "b.yaml": `${pcmc("b")}---\n${pcmc("b2", "{podSelector: 5}")}`,
    "a.yaml": pcmc("a", "\n  labelsToInclude:\n  - ok\n  - -no\n  extra: {}"),
    "l.json": list,
  };
  const { code, stdout } = await validate(files, "-f ./b.yaml ./a.yaml ./l.json");
  expect(code).toBe(1);
  expect(places(stdout)).toEqual([
    "./b.yaml:11:21 spec.podSelector",
    "./a.yaml:8:5 spec.labelsToInclude[1]",
    "./a.yaml:9:3 spec.extra",
    "./l.json:4:5 apiVersion",
  ]);
});

test("warnings are told, and count with --strict only", async () => {
  const files = { "c.yaml": pcmc("web", "{labelsToInclude: [app, app]}") };
  const lenient = await validate(files);
  expect(lenient).toMatchObject({ code: 0, stderr: "" });
  expect(lenient.stdout).toMatch(/^[.]\/c[.]yaml:5:\d+: spec[.]labelsToInclude: warning: .*\n$/);
  expect(await validate(files, "-f ./c.yaml --strict")).toEqual({ ...lenient, code: 1 });
});

test("-o json prints a list of findings", async () => {
  const { code, stdout } = await validate({ "c.yaml": pcmc("web", "{podSelector: 5}") }, "-f ./c.yaml -o json");
  expect(code).toBe(1);
  expect(JSON.parse(stdout)).toEqual([
    {
      file: "./c.yaml",
      line: 5,
      column: 21,
      severity: "error",
      field: "spec.podSelector",
      message: expect.stringContaining("must be of type object"),
    },
  ]);
  expect((await validate({ "c.yaml": pcmc("web") }, "-f ./c.yaml -o json")).stdout).toBe("[]\n");
});

describe("is told with its place", () => {
  test.each([
    ["a kind that is misspelt", pcmc("web").replace("MapConfig", "Mapconfig"), "2:7 kind"],
    ["another version", pcmc("web").replace("v1alpha1", "v1"), "1:13 apiVersion"],
    [
      "an object without a kind",
      "metadata: {name: web}\nspec: {}\napiVersion: podconfig.example.com/v1alpha1",
      "1:1 kind",
    ],
    ["a document that is no object", "hello\n", "1:1 apiVersion"],
    ["a key that stands twice", pcmc("web", "{podSelector: {}, podSelector: {}}"), "5:25 spec.podSelector"],
    ["a name that is missing", pcmc("~"), "4:9 metadata.name"],
    ["a YAML 1.1 boolean where a text belongs", pcmc("web", "{labelsToInclude: [on]}"), "5:26 spec.labelsToInclude[0]"],
  ])("%s", async (_, text, expected) => {
    const { code, stdout } = await validate({ "c.yaml": text });
    expect(code).toBe(1);
    expect(places(stdout)).toContain(`./c.yaml:${expected}`);
  });
});

test("a file that is no YAML is told with its place, the others are checked, and the exit code is 2", async () => {
  const files = { "bad.yaml": "a: [1\nb: 2\n", "c.yaml": pcmc("web", "{podSelector: 5}") };
  const { code, stdout } = await validate(files, "-f ./bad.yaml ./c.yaml");
  expect(code).toBe(2);
  expect(stdout).toMatch(/^[.]\/bad[.]yaml:2:\d+: /);
  expect(places(stdout).at(-1)).toBe("./c.yaml:5:21 spec.podSelector");
});

test("objects of other kinds are passed over with a note", async () => {
  const { code, stdout, stderr } = await validate({ "c.yaml": `${pcmc("web")}---\n${pod("a")}` });
  expect([code, stdout]).toEqual([0, ""]);
  expect(stderr).toBe("note: ./c.yaml:7:1: Pod a is passed over: it is no PodConfigMapConfig or Watcher\n");
});

test("- is standard input", async () => {
  const { code, stdout } = await validate({}, "-f -", pcmc("web", "{podSelector: 5}"));
  expect([code, stdout.split(": ")[0]]).toEqual([1, "standard input:5:21"]);
});

describe("nothing to check is exit code 2 with one line:", () => {
  test.each([
    ["no PodConfigMapConfig", "-f ./p.yaml", "no PodConfigMapConfig or Watcher in ./p.yaml\n"],
    ["no file", "-f ./no.yaml", "./no.yaml: no such file\n"],
    ["an empty file", "-f ./e.yaml", "no PodConfigMapConfig or Watcher in ./e.yaml\n"],
  ])("%s", async (_, line, stderr) => {
    expect(await validate({ "p.yaml": pod("a"), "e.yaml": "" }, line)).toEqual({ code: 2, stdout: "", stderr });
  });
});
