import { defineProgram } from "../../packages/operator/src/cli/definitions.ts";
import type { Page } from "./markdown.ts";

/** A command with its flags, as commander has it. */
export type Command = ReturnType<typeof defineProgram>;

/** A command line of ours as a page has it, without the program's name. */
export interface PcmcLine {
  readonly at: string;
  readonly words: readonly string[];
  /** From a block of commands; else from running text, where what is required may be left out. */
  readonly isWhole: boolean;
}

/** Where a command begins: `kubectl get pcmc` is none of ours. */
const PROGRAM = /(?:^|[|;&(`])\s*(?:\w+=\S*\s+)*(?:kubectl |(?:\.\/)?bin\/)?pcmc((?:\s+[^\s|;&>)<#]+)*)/g;
/** What stands behind the fence of a block of commands. */
export const SHELL: ReadonlySet<string> = new Set(["sh", "bash", "shell"]);

/** All of a page's. */
export const pcmcLines = (page: Page): readonly PcmcLine[] => [
  ...page.fences
    .filter(({ info }) => SHELL.has(info))
    .flatMap(({ text, line }) =>
      joined(text).flatMap((command) =>
        [...command.matchAll(PROGRAM)].map(([, rest = ""]) => ({
          at: `${page.path}:${line}`,
          words: wordsOf(rest),
          isWhole: true,
        })),
      ),
    ),
  ...page.spans.flatMap(({ text, line }) => {
    const [, rest] = /^(?:kubectl |bin\/)?pcmc((?: .*)?)$/.exec(text) ?? [];
    const [own] = rest?.split(/[|;&<>#]/) ?? [];
    return own === undefined ? [] : [{ at: `${page.path}:${line}`, words: wordsOf(own), isWhole: false }];
  }),
];

/** Lines without comments; one that goes on behind a backslash is one. */
export const joined = (text: string): readonly string[] =>
  text
    .replaceAll(/\\\n\s*/g, " ")
    .split("\n")
    .filter((line) => !/^\s*#/.test(line));

const wordsOf = (rest: string): readonly string[] =>
  rest
    .trim()
    .split(/\s+/)
    .map((word) => word.replaceAll(/^["']|["']$/g, ""))
    .filter((word) => word !== "" && word !== "..." && word !== "…");

/** What the real definitions say against it; `undefined` = nothing. */
export const faultOf = async ({ words, isWhole }: PcmcLine): Promise<string | undefined> => {
  const program = quiet();
  const command = commandOf(program, words);
  if (typeof command === "string") return command;
  const unknown = words.map(flagOf).find((flag) => flag !== undefined && !knows(command, flag));
  if (unknown !== undefined) return `${command.name()} has no flag ${unknown}`;
  if (!isWhole) return undefined;
  try {
    await program.parseAsync([...words], { from: "user" });
    return undefined;
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    if (/^commander\.(help|helpDisplayed|version)$/.test(code)) return undefined;
    return error instanceof Error ? error.message : String(error);
  }
};

/** The commands, none of which does anything. */
const quiet = (): Command => {
  const silent = { stdout: () => {}, stderr: () => {}, env: {}, stdin: async () => Buffer.alloc(0) };
  const io = { ...silent, isTerminal: false, uptime: () => 0 };
  const program = defineProgram({ io, name: "pcmc", setExitCode: () => {} });
  for (const command of descendants(program)) command.action(() => {});
  return program;
};

/** All commands below one. */
export const descendants = (command: Command): readonly Command[] =>
  command.commands.flatMap((child) => [child, ...descendants(child)]);

const commandOf = (program: Command, words: readonly string[]): Command | string => {
  let command = program;
  for (const word of words) {
    // `pcmc COMMAND` stands for any.
    if (word.startsWith("-") || /^[A-Z]+$/.test(word) || command.commands.length === 0) break;
    const next = command.commands.find((child) => child.name() === word || child.aliases().includes(word));
    if (next === undefined) return command === program ? `there is no command ${word}` : command;
    command = next;
  }
  return command;
};

const flagOf = (word: string): string | undefined => /^-{1,2}[a-zA-Z][-\w]*/.exec(word)?.[0];

const knows = (command: Command, flag: string): boolean =>
  flag === "-h" ||
  flag === "--help" ||
  [command, ...ancestors(command)].some(({ options }) =>
    options.some(({ long, short }) => long === flag || short === flag),
  );

const ancestors = (command: Command): readonly Command[] =>
  command.parent === null ? [] : [command.parent, ...ancestors(command.parent)];
