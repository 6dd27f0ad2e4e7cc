import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { validatePodConfigMapConfig } from "../../src/admission/validate.ts";
import { parsePodConfigMapConfig } from "../../src/podconfigmap/config.ts";
import { contentEngine as engine } from "../admission/fixtures.ts";

interface Example {
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
}

const read = (file: string): readonly Example[] =>
  parseAllDocuments(readFileSync(new URL(`../../../../examples/${file}`, import.meta.url), "utf8")).map((document) =>
    document.toJS(),
  );

const pods = read("pods.yaml");

describe.each(["podconfigmapconfig.yaml", "ebpf-config.yaml"])("examples/%s", (file) => {
  const configs = read(file);

  test("is valid, and admission has nothing to say of it", async () => {
    expect(configs).not.toEqual([]);
    for (const config of configs) expect(await validatePodConfigMapConfig(config, { engine })).toEqual([]);
  });

  test("selects some of the Pods of examples/pods.yaml, and not all", () => {
    for (const config of configs) {
      const { selector } = parsePodConfigMapConfig(config).spec;
      const selected = pods.filter(({ metadata }) => selector.ok && selector.selector.matches(metadata.labels));
      expect(selected.map(({ metadata }) => metadata.name)).toEqual(["web-0", "web-1"]);
    }
  });
});
