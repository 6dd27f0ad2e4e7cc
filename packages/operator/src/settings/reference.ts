import { settingsList } from "./table.ts";

/** The text of docs/settings.md: all settings as a Markdown table. */
export const settingsReference = (): string => {
  const rows = settingsList.map(({ setting: { env, flag, default: text, type, description } }) =>
    row([
      env === undefined ? "" : code(env),
      code(`--${flag}`),
      text === "" ? "" : code(text),
      type.allowed,
      description,
    ]),
  );
  return [
    HEAD,
    row(["variable", "flag", "default", "allowed", "meaning"]),
    row(Array(5).fill("---")),
    ...rows,
    "",
  ].join("\n");
};

const HEAD = `# Settings of the manager

Generated from \`packages/operator/src/settings/table.ts\`.

A flag beats the environment, the environment beats the default; an empty value counts as not given. Durations are those
of Go (\`1m30s\`). Wrong values stop the start, all at once, one line each, with exit code 2.
`;

const row = (cells: readonly string[]): string => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;

const code = (text: string): string => `\`${text}\``;
