import { defineProgram } from "../packages/operator/src/cli/definitions.ts";
import { type Example, examples } from "../packages/operator/src/cli/examples.ts";
import { processIo } from "../packages/operator/src/cli/io.ts";
import { agentSettingsList } from "../packages/operator/src/settings/agent-table.ts";
import { settingsList } from "../packages/operator/src/settings/table.ts";
import { code, prose, table } from "./reference-text.ts";

type Command = ReturnType<typeof defineProgram>;
type Option = Command["options"][number];

const HEAD = `# Commands

Generated from the definitions of the commands, which make their help and their completion too.

\`bin/pcmc\` runs them from a checkout, and images have \`pcmc\` as their entry point. With \`bin/\` in \`PATH\` each of them is also \`kubectl pcmc COMMAND\`. \`--help\` shows the same as this page.

| exit code | of all commands |
| --- | --- |
| 0 | done; of \`manager\` and \`agent\`: stopped by SIGTERM or SIGINT, with nothing left half done |
| 1 | something failed that was asked for: a Pod, a file, a check; or a fatal error. Standard error says what |
| 2 | flags, settings or input cannot be used: nothing was done |
`;

/** Commands whose flags are the settings, which have a page of their own. */
const WITH_SETTINGS = new Set(["manager", "agent"]);
const SETTINGS = new Set([...settingsList, ...agentSettingsList].map(({ setting: { flag } }) => `--${flag}`));

/** The text of docs/reference/cli.md. */
export const cliReference = (): string => {
  const program = defineProgram({ io: processIo, name: "pcmc", setExitCode: () => {} });
  const sections = program.commands.flatMap((command) => [
    sectionOf(command, "pcmc", 2),
    ...command.commands.map((child) => sectionOf(child, `pcmc ${command.name()}`, 3)),
  ]);
  return `${HEAD}\n${sections.join("\n")}`;
};

const sectionOf = (command: Command, parent: string, level: number): string => {
  const name = `${parent} ${command.name()}`;
  const usage = `\`\`\`text\n${name} ${command.usage()}\n\`\`\`\n`;
  const lines: readonly Example[] | undefined = new Map<string, readonly Example[]>(Object.entries(examples)).get(
    command.name(),
  );
  const shown = level === 2 ? (lines ?? []) : [];
  return [
    `${"#".repeat(level)} ${name}\n`,
    `${prose(command.description())}\n`,
    usage,
    ...argumentsOf(command),
    ...flagsOf(command),
    ...(shown.length === 0 ? [] : [`${table(["example", "what it does"], shown.map(exampleRow))}\n`]),
  ].join("\n");
};

const exampleRow = ({ line, does }: Example): readonly string[] => [code(line), prose(does)];

const argumentsOf = (command: Command): readonly string[] => {
  const rows = command.registeredArguments.map((argument) => [
    code(argument.required ? `<${argument.name()}>` : `[${argument.name()}]`),
    prose([argument.description, ...choicesOf(argument.argChoices)].filter(Boolean).join("; ")),
  ]);
  return rows.length === 0 ? [] : [`${table(["argument", "meaning"], rows)}\n`];
};

const flagsOf = (command: Command): readonly string[] => {
  const own = command.options.filter(({ long }) => !WITH_SETTINGS.has(command.name()) || !SETTINGS.has(long ?? ""));
  const settings =
    own.length === command.options.length ? [] : ["Every setting is a flag: see [settings](settings.md).\n"];
  if (own.length === 0) return settings;
  const rows = own.map((option) => [code(option.flags), defaultOf(option), meaningOf(option)]);
  return [...settings, `${table(["flag", "default", "meaning"], rows)}\n`];
};

const defaultOf = ({ defaultValue, defaultValueDescription, mandatory }: Option): string => {
  if (mandatory && defaultValue === undefined) return "required";
  const text: unknown = defaultValueDescription ?? defaultValue;
  return text === undefined || text === false ? "" : code(String(text));
};

const meaningOf = ({ description, argChoices, variadic }: Option): string =>
  prose([description, ...choicesOf(argChoices), ...(variadic ? ["may be given several times"] : [])].join("; "));

const choicesOf = (choices: readonly string[] | undefined): readonly string[] =>
  choices === undefined ? [] : [`one of ${choices.join(", ")}`];
