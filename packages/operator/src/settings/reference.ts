import { agentSettingsList } from "./agent-table.ts";
import type { SettingsList } from "./setting.ts";
import { settingsList } from "./table.ts";

/** The text of docs/reference/settings.md: all settings as Markdown tables. */
export const settingsReference = (): string =>
  [HEAD, ...tableOf(settingsList), "", AGENT_HEAD, ...tableOf(agentSettingsList), ""].join("\n");

const HEAD = `# Settings

Generated from \`packages/operator/src/settings\`.

A flag beats the environment, the environment beats the default; an empty value counts as not given. Durations are those
of Go (\`1m30s\`). Wrong values stop the start, all at once, one line each, with exit code 2.

## Of the manager (\`pcmc manager\`)

What the node agent needs counts with \`--role all\` only.
`;

const AGENT_HEAD = `## Of the node agent (\`pcmc agent\`)
`;

const tableOf = (list: SettingsList): readonly string[] => [
  row(["variable", "flag", "default", "allowed", "meaning"]),
  row(Array(5).fill("---")),
  ...list.map(({ setting: { env, flag, default: text, type, description } }) =>
    row([
      env === undefined ? "" : code(env),
      code(`--${flag}`),
      text === "" ? "" : code(text),
      type.allowed,
      description,
    ]),
  ),
];

const row = (cells: readonly string[]): string => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;

const code = (text: string): string => `\`${text}\``;
