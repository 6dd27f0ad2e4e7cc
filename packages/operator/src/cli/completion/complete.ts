import type { Command, Option } from "commander";

/** What a word can be completed to. */
export interface Candidate {
  readonly value: string;
  readonly description: string;
}

/** What can stand where the cursor is. */
export interface Completion {
  readonly candidates: readonly Candidate[];
  /** Whether the name of a file can stand there. */
  readonly files: boolean;
}

/** Where a command line has got to. */
interface Progress {
  readonly command: Command;
  /** The flag whose value comes next. */
  readonly pending: Option | undefined;
  /** Whether that flag has had a value, and may have more. */
  readonly isRepeated: boolean;
  /** How many arguments the command has had. */
  readonly args: number;
}

const NOTHING: Completion = { candidates: [], files: false };

/**
 * What the last of `words` can be completed to; the program's own name is not among them. It is read off the definition of the
 * commands, so it knows what they know.
 *
 * @example complete(program, ["preview", "-o", "j"]) // { candidates: [{ value: "json", ... }], files: false }
 */
export const complete = (program: Command, words: readonly string[]): Completion => {
  const last = words.at(-1) ?? "";
  const before = words.slice(0, -1);
  if (before.includes("--")) return NOTHING;
  const start: Progress = { command: program, pending: undefined, isRepeated: false, args: 0 };
  const progress = before.reduce(step, start);
  const [flag, value] = splitFlag(last);
  if (value !== undefined) return valuesOf(optionOf(progress.command, flag), value);
  const mayBeFlag = progress.pending === undefined || progress.isRepeated;
  if (last.startsWith("-") && mayBeFlag) return flagsOf(progress.command, last);
  if (progress.pending !== undefined) return valuesOf(progress.pending, last);
  const words_ = wordsOf(progress, last);
  return words_.candidates.length > 0 || last !== "" ? words_ : flagsOf(progress.command, last);
};

const step = (progress: Progress, word: string): Progress => {
  const { command, pending, args } = progress;
  const isValue = pending !== undefined && (!word.startsWith("-") || word === "-");
  if (isValue) return { ...progress, pending: pending.variadic ? pending : undefined, isRepeated: pending.variadic };
  if (word.startsWith("-")) {
    const [flag, value] = splitFlag(word);
    const option = optionOf(command, flag);
    return { ...progress, pending: value === undefined && option?.required ? option : undefined, isRepeated: false };
  }
  const subcommand = command.commands.find((one) => one.name() === word);
  if (subcommand !== undefined) return { command: subcommand, pending: undefined, isRepeated: false, args: 0 };
  return { ...progress, args: args + 1 };
};

const splitFlag = (word: string): readonly [flag: string, value: string | undefined] => {
  const at = word.startsWith("--") ? word.indexOf("=") : -1;
  return at < 0 ? [word, undefined] : [word.slice(0, at), word.slice(at + 1)];
};

const optionsOf = (command: Command): readonly Option[] => command.createHelp().visibleOptions(command);

const optionOf = (command: Command, flag: string): Option | undefined =>
  optionsOf(command).find(({ long, short }) => long === flag || short === flag);

const startingWith = (prefix: string, candidates: readonly Candidate[], files = false): Completion => ({
  candidates: candidates.filter(({ value }) => value.startsWith(prefix)),
  files,
});

const flagsOf = (command: Command, prefix: string): Completion => {
  const flags = optionsOf(command).flatMap(({ long, short, description }) =>
    [long, short].filter((flag) => flag !== undefined).map((value) => ({ value, description })),
  );
  return startingWith(
    prefix,
    flags.filter(({ value }) => value.startsWith("--") || prefix === "-"),
  );
};

/** The placeholder in the flag's help says what its value is. */
const valuesOf = (option: Option | undefined, prefix: string): Completion => {
  if (option === undefined) return NOTHING;
  const isBoolean = option.flags.includes("[boolean]");
  const values = option.argChoices ?? (isBoolean ? ["true", "false"] : []);
  return startingWith(
    prefix,
    values.map((value) => ({ value, description: "" })),
    /<file(\.{3})?>/.test(option.flags),
  );
};

const wordsOf = ({ command, args }: Progress, prefix: string): Completion => {
  const choices = command.registeredArguments[args]?.argChoices ?? [];
  const commands = args > 0 ? [] : command.createHelp().visibleCommands(command);
  return startingWith(prefix, [
    ...commands.map((one) => ({ value: one.name(), description: one.description() })),
    ...choices.map((value) => ({ value, description: "" })),
  ]);
};

/**
 * The form in which kubectl asks its plugins, and in which our own scripts do: a candidate a line, its description behind a tab,
 * then what else may stand there: 0 files, 4 nothing.
 *
 * Source: `ShellCompDirective` of https://pkg.go.dev/github.com/spf13/cobra
 */
export const completionText = ({ candidates, files }: Completion): string => {
  const lines = candidates.map(({ value, description }) => (description === "" ? value : `${value}\t${description}`));
  return `${[...lines, files ? ":0" : ":4"].join("\n")}\n`;
};
