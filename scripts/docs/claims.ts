import { existsSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import type { Block } from "./blocks.ts";
import { joined } from "./pcmc-lines.ts";

/** Blocks whose `run by` is not so: `FILE:LINE: what`. */
export const brokenClaims = (blocks: readonly Block[], root: string): readonly string[] =>
  blocks.flatMap((block) => {
    if (block.treatment.kind !== "run by") return [];
    const fault = claimFault(block, block.treatment.test, root);
    return fault === undefined ? [] : [`${block.page}:${block.fence.line}: ${fault}`];
  });

/**
 * A test that runs a page's commands names the page; that of a package's README may say `../README.md`. Either it takes the page's
 * blocks out of the page, or each command of this one is in it, or in its support files: that is as much as can be seen without
 * running it.
 */
const claimFault = ({ page, fence }: Block, test: string, root: string): string | undefined => {
  if (!existsSync(join(root, test))) return `run by ${test}, which is not there`;
  const own = readFileSync(join(root, test), "utf8");
  const texts = [...withSupport(join(root, test))].map((file) => readFileSync(file, "utf8"));
  const isNamed = (text: string) =>
    text.includes(page) || (/(^|\/)README\.md$/.test(page) && text.includes("README.md"));
  if (!isNamed(own)) return `run by ${test}, which does not name ${page}`;
  if (texts.some((text) => isNamed(text) && BLOCKS_READ.test(text))) return undefined;
  const missing = commandsOf(fence.text).filter((command) => !texts.some((text) => says(text, command)));
  return missing.length === 0 ? undefined : `run by ${test}, which has no ${missing.map(textOf).join(", no ")}`;
};

/** The expression by which a test finds blocks of commands in a page: for `sh`, or for a language that it captures or is given. */
const BLOCKS_READ = /(?:\\?`){3}(?:sh|\(\\w\*\)|\$\{\w+\})\\+n/;

/** Where tests and what supports them are: what they test is no part of them. */
const OF_TESTS = /\/(?:test|e2e|scripts)\//;

/** A test and what it imports from beside it, and so on. */
const withSupport = (file: string, seen: Set<string> = new Set()): ReadonlySet<string> => {
  if (seen.has(file) || !existsSync(file)) return seen;
  seen.add(file);
  for (const [, path = ""] of readFileSync(file, "utf8").matchAll(/from "(\.[^"]+)"/g)) {
    const imported = normalize(join(dirname(file), path));
    if (OF_TESTS.test(imported)) withSupport(imported, seen);
  }
  return seen;
};

interface Command {
  readonly program: string;
  /** `upgrade` of `helm upgrade`; none where a flag or a path comes first. */
  readonly verb: string | undefined;
}

/** Words of the shell, behind which a command may come, or another word. */
const KEYWORDS = new Set(["while", "until", "for", "if", "then", "do", "done", "fi", "read", "source", "true", "EOF"]);

/** What a block runs. */
const commandsOf = (text: string): readonly Command[] =>
  joined(text)
    .flatMap((line) => line.replace(/\s#.*$/, "").split(/[|;&()<]+|\b(?:do|then)\b/))
    .flatMap((part) => {
      const [program, verb] = part
        .trim()
        .replace(/^(?:\w+=\S*\s+)+/, "")
        .split(/\s+/);
      if (program === undefined || !/^[a-z][\w./-]*$/.test(program) || KEYWORDS.has(program)) return [];
      return [{ program, verb: verb !== undefined && /^[a-z][a-z-]*$/.test(verb) ? verb : undefined }];
    });

const textOf = ({ program, verb }: Command): string => [program, verb].filter((word) => word !== undefined).join(" ");

/** Both as in a line of commands, or the program by its name and what it is to do as the beginning of a text. */
const says = (text: string, { program, verb }: Command): boolean => {
  if (verb === undefined) return hasWord(text, program);
  return text.includes(`${program} ${verb}`) || new RegExp(`["'\`]${verb}(?=["'\`\\s])`).test(text);
};

const hasWord = (text: string, word: string): boolean =>
  new RegExp(`(?<![\\w-])${word.replaceAll(".", "\\.")}(?![\\w-])`).test(text);
