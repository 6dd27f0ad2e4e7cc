/*
 * `pcmc preview` and `pcmc validate` with templates, rendered by the engine that the manager has.
 *
 * Invariants:
 * - A template's fault is told with Pod, key, line and column of the template and of the file, and with a caret.
 * - A Pod with a fault has no ConfigMap; the others have theirs.
 * - Whatever templates do, the command ends in time.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Document, parseAllDocuments, Scalar } from "yaml";
import { Folder, pcmc, pod } from "../support.ts";

const TEMPLATES = `
  configMapDataTemplate:
    greeting: |
      Hello {{ .podName }} of {{ .namespace }},
        you run in {{ .labels.zone }}.
    app.conf: "name={{ .pcmc.name }}"`;

const dataOf = (stdout: string): Record<string, Record<string, string>> =>
  Object.fromEntries(
    parseAllDocuments(stdout).map((document) => {
      const { metadata, data } = document.toJS();
      return [metadata.name, data];
    }),
  );

test("what templates give is among the data, and wins over a default key", async () => {
  const folder = await Folder.with({
    "c.yaml": pcmc("web", '{configMapDataTemplate: {hi: "Hello {{ .podName | upper }}", phase: "{{ .spec.x }}"}}'),
    "p.yaml": pod("a", "spec: {x: 9223372036854775807}\n"),
  });
  const { code, stdout, stderr } = await folder.run("preview -f ./c.yaml --pod ./p.yaml");
  expect([code, stderr]).toEqual([0, ""]);
  expect(dataOf(stdout)["pod-a-from-web-cfg"]).toMatchObject({
    hi: "Hello A",
    phase: "9223372036854775807",
    podName: "a",
  });
});

test("a Pod whose template fails is told with key, line, column, file and caret; the others are printed", async () => {
  const folder = await Folder.with({
    "c.yaml": pcmc("web", TEMPLATES),
    "p.yaml": `${pod("good", "  labels: {zone: z1}\n")}---\n${pod("bad")}`,
  });
  const { code, stdout, stderr } = await folder.run("preview -f ./c.yaml --pod ./p.yaml");
  expect(code).toBe(1);
  expect(Object.keys(dataOf(stdout))).toEqual(["pod-good-from-web-cfg"]);
  const [head, ...excerpt] = stderr.split("\n");
  expect(head).toMatch(/^Pod default\/bad, PodConfigMapConfig web: greeting:2:\d+: .*"zone" \(\.\/c\.yaml:9:\d+\)$/);
  expect(excerpt[0]).toBe("      you run in {{ .labels.zone }}.");
  expect(excerpt[1]).toMatch(/^ +\^$/);
});

test("every key that fails is told, for every Pod; the caret only once", async () => {
  const spec = '{configMapDataTemplate: {a: "{{ .labels.x }}", b: "{{ .labels.y }}"}}';
  const folder = await Folder.with({ "c.yaml": pcmc("web", spec), "p.yaml": `${pod("one")}---\n${pod("two")}` });
  const { code, stdout, stderr } = await folder.run("preview -f ./c.yaml --pod ./p.yaml");
  expect([code, stdout]).toEqual([1, ""]);
  const heads = stderr.split("\n").filter((line) => line.startsWith("Pod "));
  expect(heads.map((line) => /^Pod default\/(\w+), .*?: (\w+):1:\d+: /.exec(line)?.slice(1))).toEqual([
    ["one", "a"],
    ["one", "b"],
    ["two", "a"],
    ["two", "b"],
  ]);
  expect(stderr.match(/\^/g)).toHaveLength(2);
});

test("a template that does not parse is told once, though no Pod is selected", async () => {
  const spec = '{podSelector: {matchLabels: {no: pod}}, configMapDataTemplate: {a: "x {{ upperr .podName }}"}}';
  const folder = await Folder.with({ "c.yaml": pcmc("web", spec), "p.yaml": pod("one") });
  const { code, stderr } = await folder.run("preview -f ./c.yaml --pod ./p.yaml");
  expect(code).toBe(1);
  expect(stderr).toMatch(
    /^PodConfigMapConfig web: a:1:\d+: .*"upperr".*did you mean "upper".* \(\.\/c\.yaml:5:\d+\)$/m,
  );
});

describe("in time", () => {
  const endless = '{configMapDataTemplate: {a: "{{ range 100000000000 }}{{ end }}", b: "x"}}';

  test("a template that does not end fails its Pods, however many there are", async () => {
    const pods = Array.from({ length: 200 }, (_, i) => pod(`p-${i}`)).join("---\n");
    const folder = await Folder.with({ "c.yaml": pcmc("web", endless), "p.yaml": pods });
    const { code, stdout, stderr } = await folder.run("preview -f ./c.yaml --pod ./p.yaml --timeout 1500ms");
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toContain("Pod default/p-0, PodConfigMapConfig web: a:");
    expect(stderr).toContain("Pod default/p-199, PodConfigMapConfig web: a: not done within 1.5s: ");
  });

  test("what standard input takes to come is not counted", async () => {
    const folder = await Folder.with({ "p.yaml": pod("a") });
    const around = { input: pcmc("web", '{configMapDataTemplate: {a: "x"}}'), inputTakes: 6_000 };
    const { code, stdout, stderr } = await folder.run("preview -f - --pod ./p.yaml", around);
    expect([code, stderr, Object.keys(dataOf(stdout))]).toEqual([0, "", ["pod-a-from-web-cfg"]]);
  });

  test("the whole process ends", async () => {
    const folder = await Folder.with({ "c.yaml": pcmc("web", endless), "p.yaml": pod("a") });
    const { code, stderr } = await folder.shell("timeout 20 pcmc preview -f c.yaml --pod p.yaml --timeout 1s");
    expect(code).toBe(1);
    expect(stderr).toContain("Pod default/a, PodConfigMapConfig web: a:");
  });
});

describe("validate", () => {
  test("tells faults of templates with their place in the file, and the line with a caret in JSON", async () => {
    const folder = await Folder.with({
      "c.yaml": pcmc("web", TEMPLATES.replace(".namespace }}", ".namespace | nope }}")),
    });
    const { code, stdout } = await folder.run("validate -f ./c.yaml");
    expect(code).toBe(1);
    expect(stdout).toMatch(/^\.\/c\.yaml:8:\d+: spec\.configMapDataTemplate\.greeting: .*"nope" not defined.*\n$/);
    const [finding] = JSON.parse((await folder.run("validate -f ./c.yaml -o json")).stdout);
    expect(finding).toMatchObject({ line: 8, field: "spec.configMapDataTemplate.greeting", severity: "error" });
    expect(finding.excerpt).toContain("\n");
  });

  const FAULT = "{{ 1 | nosuchfunction }}";
  const line = fc.array(fc.constantFrom("word", " ", "  ", "é", "🦊", "{{ .podName }}", "'", '"', "\\", "#", ": "));
  const lines = fc.array(line, { maxLength: 6 }).map((parts) => parts.map((some) => some.join("")).join("\n"));
  const template = fc.record({
    before: lines,
    after: lines,
    style: fc.constantFrom(Scalar.BLOCK_LITERAL, Scalar.BLOCK_FOLDED, Scalar.QUOTE_DOUBLE, Scalar.QUOTE_SINGLE),
    key: fc.constantFrom("a", "app.conf"),
  });

  type TemplateWish = typeof template extends fc.Arbitrary<infer T> ? T : never;

  const documentWith = ({ before, after, style, key }: TemplateWish, index: number) => {
    const scalar = new Scalar(`${before}${FAULT}${after}`);
    scalar.type = style;
    const document = new Document({ metadata: { name: `web-${index}` } });
    document.set("apiVersion", "podconfig.example.com/v1alpha1");
    document.set("kind", "PodConfigMapConfig");
    document.setIn(["spec", "configMapDataTemplate", key], scalar);
    return document.toString({ lineWidth: 0 });
  };

  /** Where the fault stands, each time, in characters. */
  const faultsIn = (text: string) =>
    text.split("\n").flatMap((one, index) => {
      const at = one.indexOf(FAULT);
      return at < 0 ? [] : [`${index + 1}:${[...one.slice(0, at)].length + 1}`];
    });

  test("a fault anywhere in a template is told at that very place of the file, in every style", async () => {
    const files = fc.array(template, { minLength: 5, maxLength: 40 });
    const property = fc.asyncProperty(files, async (templates) => {
      const text = templates.map(documentWith).join("---\n");
      const { code, stdout } = await (await Folder.with({ "c.yaml": text })).run("validate -f ./c.yaml");
      expect(code).toBe(1);
      const told = [...stdout.matchAll(/^\.\/c\.yaml:(\d+:\d+): /gm)].map(([, place]) => place);
      expect(told).toEqual(faultsIn(text));
    });
    await fc.assert(property, { numRuns: 10 });
  });
});
