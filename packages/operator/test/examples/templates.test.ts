/*
 * The files of examples/templates, through `bin/pcmc` as users run it.
 *
 * Invariants:
 * - Each makes of its Pods just what is expected, and admission has nothing to say of it.
 * - Each says first, in two lines, what it is for; the guide names it.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { Folder } from "../cli/support.ts";
import { ROOT, rows } from "./guide.ts";

const FOLDER = join(ROOT, "examples/templates");
const filesIn = (folder: string): string[] => readdirSync(folder).filter((file) => file.endsWith(".yaml"));
const read = (file: string): string => readFileSync(join(FOLDER, file), "utf8");
const examples = filesIn(FOLDER);

test("there are ten, each with Pods, with what is expected, and with a line in the guide", () => {
  expect(examples).toHaveLength(10);
  expect(filesIn(join(FOLDER, "pods"))).toEqual(examples);
  expect(filesIn(join(FOLDER, "expected"))).toEqual(examples);
  const named = rows("file", "makes", "shows").map(({ file = "" }) => /\]\((?:\.\.\/)+(.*)\)/.exec(file)?.[1]);
  expect(named).toEqual(examples.map((file) => `examples/templates/${file}`));
});

const readme = readFileSync(join(ROOT, "README.md"), "utf8");
const commands = [...readme.matchAll(/`(bin\/pcmc (?:preview|validate) [^`]+)`/g)].map(([, command = ""]) => command);

test("README.md shows a preview and a validation", () => {
  expect(commands.map((command) => command.split(" ")[1])).toEqual(["preview", "validate"]);
});

test.each(commands)("README.md: %s", async (command) => {
  const folder = await Folder.with({});
  const { code, stderr } = await folder.shell(`cd ${ROOT} && ${command}`);
  expect([code, stderr]).toEqual([0, ""]);
});

describe.each(examples)("%s", (file) => {
  test("makes of its Pods what is expected", async () => {
    const folder = await Folder.with({});
    const said = await folder.shell(`pcmc preview -f ${FOLDER}/${file} --pod ${FOLDER}/pods/${file}`);
    expect(said).toEqual({ code: 0, stdout: read(`expected/${file}`), stderr: "" });
  });

  test("is nothing that admission has to say something of", async () => {
    const folder = await Folder.with({});
    const said = await folder.shell(`pcmc validate --strict -f ${FOLDER}/${file}`);
    expect(said).toEqual({ code: 0, stdout: "", stderr: "" });
  });

  test("says in two lines what it is for", () => {
    expect(read(file)).toMatch(/^# .+\n# .+\n(?!#)/);
  });

  test("has every key of its templates among what is expected", () => {
    const [config] = parseAllDocuments(read(file)).map((document) => document.toJS());
    const made = parseAllDocuments(read(`expected/${file}`)).map((document) => document.toJS());
    expect(made).not.toEqual([]);
    for (const { data } of made)
      expect(Object.keys(data)).toEqual(expect.arrayContaining(Object.keys(config.spec.configMapDataTemplate)));
  });
});
