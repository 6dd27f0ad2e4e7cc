/*
 * Pages that are made from the code.
 *
 * Invariants:
 * - Each field of a CRD has a row with its default, but for what lies deeper in Kubernetes' own types.
 * - Each command and each flag that is no setting is on the page of commands.
 * - No text of a description becomes HTML, emphasis or another column.
 */
import { expect, test } from "vitest";
import { cliReference } from "../../../../scripts/reference-cli.ts";
import { crdReference } from "../../../../scripts/reference-crd.ts";
import { prose, row } from "../../../../scripts/reference-text.ts";
import { podConfigMapConfigResource } from "../../src/api/podconfigmapconfig.ts";
import type { SchemaNode } from "../../src/api/schema.ts";
import { watcherResource } from "../../src/api/watcher.ts";
import { defineProgram } from "../../src/cli/definitions.ts";
import { processIo } from "../../src/cli/io.ts";

interface Field {
  readonly path: string;
  readonly default: unknown;
}

const KUBERNETES_OWN = /^spec\.(container|volume)\.\w+(\.|\[)/;

const fieldsOf = (path: string, node: SchemaNode): readonly Field[] => [
  ...Object.entries(node.properties ?? {}).flatMap(([name, child]) => {
    const at = path === "" ? name : `${path}.${name}`;
    return [{ path: at, default: child.default }, ...fieldsOf(at, child)];
  }),
  ...(node.items === undefined ? [] : fieldsOf(`${path}[]`, node.items)),
];

test.each([podConfigMapConfigResource, watcherResource])("$kind has a row for each field", (resource) => {
  const page = crdReference(resource);
  const fields = fieldsOf("", resource.schema).filter(({ path }) => path.includes(".") && !KUBERNETES_OWN.test(path));
  expect(fields.length).toBeGreaterThan(20);
  for (const field of fields) {
    const [line = "", ...more] = page.split("\n").filter((one) => one.startsWith(`| \`${field.path}\` |`));
    expect([field.path, line !== "", more]).toEqual([field.path, true, []]);
    if (field.default !== undefined) expect(line).toContain(`| \`${field.default}\` |`);
    expect(line).toMatch(/ \| \d+\.\d+\.\d+ \|$/);
  }
});

test("every command is there, with its flags", () => {
  const page = cliReference();
  const program = defineProgram({ io: processIo, name: "pcmc", setExitCode: () => {} });
  expect(program.commands.length).toBeGreaterThan(8);
  for (const command of program.commands) {
    const name = command.name();
    expect(page).toContain(`## pcmc ${name}\n`);
    for (const child of command.commands) expect(page).toContain(`### pcmc ${name} ${child.name()}\n`);
    if (name === "manager" || name === "agent") continue;
    for (const { flags } of command.options) expect(page).toContain(`\`${flags}\``);
  }
});

test("what stands in a description stays text", () => {
  expect(prose("label_<key> is *not* a [link](x)")).toBe("label_&lt;key&gt; is \\*not\\* a \\[link](x)");
  expect(row(["a | b", "two\n  lines"])).toBe("| a \\| b | two lines |");
});
