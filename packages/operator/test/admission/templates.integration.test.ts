/*
 * Invariants, with the real template engine:
 * - A template that does not compile is an error at its key, with the place in the template and a caret below it.
 * - A template that reads what no Pod has is a warning, and one that reads what there is has none.
 */
import { createEngine, type TemplateEngine } from "@pcmc/gotemplate";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { describeFinding } from "../../src/admission/finding.ts";
import { validatePodConfigMapConfig } from "../../src/admission/validate.ts";
import { pcmc } from "../api/corpus.ts";
import { lines } from "./fixtures.ts";
import { judgements } from "./judgements.ts";

let engine: TemplateEngine;

beforeAll(() => {
  engine = createEngine();
});

afterAll(async () => {
  await engine?.close();
});

const validate = (spec: unknown) => validatePodConfigMapConfig(pcmc("a", spec), { engine });
const template = (source: string) => validate({ configMapDataTemplate: { "app.conf": source } });

describe("what CEL cannot say is an error here", () => {
  test.each(judgements.filter(({ apiServer }) => apiServer !== "same"))("$name", async ({ spec, error = "" }) => {
    const errors = (await validate(spec)).filter(({ severity }) => severity === "error");
    expect(errors.map(describeFinding)).toEqual([expect.stringContaining(`${error}:1:`)]);
  });
});

test("an unknown function is told with its place, a caret, and the one that was meant", async () => {
  const [finding] = await template("# settings\nname: {{ toYml .metadata }}\n");
  expect(finding).toMatchObject({
    severity: "error",
    path: ["spec", "configMapDataTemplate", "app.conf"],
    position: { line: 2 },
  });
  expect(finding?.message).toMatch(/toYml.*did you mean toYaml\?$/);
  expect(finding?.excerpt).toMatch(/^name: {{ toYml .metadata }}\n +\^$/);
});

test("every template at fault is told, each at its key", async () => {
  const findings = await validate({ configMapDataTemplate: { a: "{{ .podName", b: "ok", c: "{{ nope }}" } });
  expect(findings.map(({ path }) => path.at(-1))).toEqual(["a", "c"]);
});

test.each([
  [
    "{{ .spec.nodename }}",
    "reads .spec.nodename, which no Pod has, so that fails or finds nothing: did you mean nodeName?",
  ],
  ["{{ .Values.x }}", "reads .Values, which no Pod has"],
  ["{{ .spec.containers.name }}", "reads .spec.containers.name, which no Pod has"],
  ["{{ .metadata.managedFields }}", "reads .metadata.managedFields, which no Pod has"],
  ["{{ .pcmc.namespace }}", "reads .pcmc.namespace, which no Pod has"],
])("%s is warned about", async (source, message) => {
  expect(lines(await template(source))).toEqual([
    expect.stringContaining(`warning spec.configMapDataTemplate[app.conf]: ${message}`),
  ]);
});

test.each([
  "plain text",
  "{{ .metadata.name }} {{ .podName }} {{ .nodeName }} {{ .phase }} {{ .namespace }} {{ .pcmc.name }}",
  '{{ index .labels "app" }} {{ .annotations.owner }} {{ .metadata.labels.app }}',
  "{{ range .spec.containers }}{{ .name }}{{ end }}",
  "{{ (index .spec.containers 0).image }}",
  "{{ toYaml . }}",
  "{{ range $key, $value := .labels }}{{ $key }}={{ $value }}{{ end }}",
  '{{ .spec.nodeSelector.disktype | default "hdd" }} {{ .status.podIP }} {{ .status.podIPs }}',
])("%s is not", async (source) => {
  expect(lines(await template(source))).toEqual([]);
});
