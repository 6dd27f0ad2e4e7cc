import { readFileSync } from "node:fs";
import { symlink } from "node:fs/promises";
import { join } from "node:path";
import { Folder, type Said } from "../cli/support.ts";

/** The folder of the checkout. */
export const ROOT = join(import.meta.dirname, "../../../..");

/** Commands of the guide, and what they print where that is shown. */
export interface Session {
  readonly script: string;
  readonly output?: string;
}

/** A row of a table, by the names in its head. */
export type Row = Readonly<Record<string, string>>;

const guide = readFileSync(join(ROOT, "docs/how-to/write-templates.md"), "utf8");

const blocks = [...guide.matchAll(/^```(\w*)\n(.*?)^```$/gms)].map(([, language = "", text = ""]) => ({
  language,
  text,
}));

/** The languages of all blocks. */
export const languages: ReadonlySet<string> = new Set(blocks.map(({ language }) => language));

/** The files of the guide, by the name in the comment that each begins with. */
export const files: Readonly<Record<string, string>> = Object.fromEntries(
  blocks
    .filter(({ language }) => language === "yaml")
    .map(({ text }) => [/^# (\S+)\n/.exec(text)?.[1] ?? "a block without a file name", text]),
);

/** All `sh` blocks, each with the `text` block that comes next, where one does. */
export const sessions: readonly Session[] = blocks.flatMap(({ language, text }, at) => {
  if (language !== "sh") return [];
  const next = blocks[at + 1];
  return [{ script: text, ...(next?.language === "text" && { output: next.text }) }];
});

/** Whether commands need a cluster. */
export const isLive = ({ script }: Session): boolean => script.includes("kubectl");

/** Cells of a line; `\|` is a bar within one. */
const cells = (line: string): readonly string[] =>
  line
    .slice(1, -1)
    .split(/(?<!\\)\|/)
    .map((cell) => cell.trim().replaceAll("\\|", "|"));

/** The rows of all tables whose head begins with these names. */
export const rows = (...names: readonly string[]): readonly Row[] =>
  [...guide.matchAll(/(?:^\|.*\|\n)+/gm)].flatMap(([table]) => {
    const [head = [], , ...body] = table.trimEnd().split("\n").map(cells);
    if (!names.every((name, column) => head[column] === name)) return [];
    return body.map((row) => Object.fromEntries(names.map((name, column) => [name, row[column] ?? ""])));
  });

/** The files that the guide links to, from its own folder. */
export const links: readonly string[] = [...guide.matchAll(/\]\((?!https:|#)([^)#]+)/g)].map(([, link = ""]) => link);

/** The texts in backquotes. */
export const codes = (cell = ""): readonly string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, code = ""]) => code);

/** A folder with the files of the guide and the examples, as in a checkout. */
export const guideFolder = async (more: Readonly<Record<string, string>> = {}): Promise<Folder> => {
  const folder = await Folder.with({ ...files, ...more });
  await symlink(join(ROOT, "examples"), join(folder.path, "examples"));
  return folder;
};

/** Runs commands as in a terminal: what they print on both streams is in `stdout`. */
export const runIn = (folder: Folder, { script }: Session, env: Readonly<Record<string, string>> = {}): Promise<Said> =>
  folder.shell(`exec 2>&1\n${script}`, { env });
