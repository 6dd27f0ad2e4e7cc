/*
 * Invariants:
 * - A command loads what it needs and nothing else: the client for a cluster and the template engine take longer to load than a
 *   small preview takes to run.
 */
import { expect, test } from "vitest";
import { Folder, pcmc, pod } from "./support.ts";

/** Says on standard error what is loaded. */
const TELL = `import { registerHooks } from "node:module";
registerHooks({ load(url, context, next) { process.stderr.write(url + "\\n"); return next(url, context); } });`;

const loadedBy = async (line: string): Promise<string> => {
  const folder = await Folder.with({
    "tell.mjs": TELL,
    "plain.yaml": pcmc("c"),
    "pod.yaml": pod("a"),
  });
  const { code, stderr } = await folder.shell(line, { env: { NODE_OPTIONS: `--import=${folder.path}/tell.mjs` } });
  expect(code).toBe(0);
  expect(stderr).toContain("operator/src/cli/main.ts");
  return stderr;
};

const CLIENT = "packages/controller-runtime/";
const ENGINE = "packages/gotemplate/";
const YAML = "node_modules/yaml/";
/** Loads the native library. */
const LIBBPF = "packages/libbpf/";

test.each([
  ["pcmc --help", [CLIENT, ENGINE, YAML, LIBBPF]],
  ["pcmc version", [CLIENT, ENGINE, YAML]],
  ["pcmc completion bash", [CLIENT, ENGINE, YAML]],
  ["pcmc __complete preview -o ''", [CLIENT, ENGINE, YAML]],
  ["pcmc preview -f plain.yaml --pod pod.yaml", [CLIENT, ENGINE, LIBBPF]],
  ["pcmc validate -f plain.yaml", [CLIENT, LIBBPF]],
])("%s loads none of %j", async (line, parts) => {
  const loaded = await loadedBy(line);
  for (const part of parts) expect(loaded).not.toContain(part);
});
