import type { Setting, SettingsList, SettingsTable, TableValues } from "./setting.ts";

/** Flags as a command line parser hands them out: by the table's keys; `true` = given without a value. */
export type Flags = Readonly<Record<string, unknown>>;

/** Settings are wrong. One line each: variable or flag, value, what is allowed. */
export class SettingsError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join("\n"));
    this.name = "SettingsError";
    this.problems = problems;
  }
}

export interface SettingsSources {
  readonly flags?: Flags;
  /** Default `process.env`. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** One setting as it was given. */
export interface Reading {
  readonly value: unknown;
  /** `VARIABLE="text"`, for messages. */
  readonly shown: string;
  readonly problem: string | undefined;
}

/** What was given for a table. */
export interface TableReading<Table extends SettingsTable> {
  /** Of what is wrong, the default. */
  readonly values: TableValues<Table>;
  readonly readings: { readonly [K in keyof Table]: Reading };
  /** All that is wrong, a line each. */
  readonly problems: readonly string[];
}

/** Reads the settings of a table: flag before environment before default; an empty text counts as not given. */
export const readTable = <Table extends SettingsTable>(
  list: SettingsList<keyof Table & string>,
  { flags = {}, env = process.env }: SettingsSources,
): TableReading<Table> => {
  const entries = list.map(({ key, setting }) => [key, reading(flags[key], setting, env)] as const);
  // The list is made from the table, so each key has the value of its type.
  return {
    values: Object.fromEntries(entries.map(([key, { value }]) => [key, value])) as TableValues<Table>,
    readings: Object.fromEntries(entries) as TableReading<Table>["readings"],
    problems: entries.flatMap(([, { problem }]) => problem ?? []),
  };
};

const reading = (flag: unknown, setting: Setting<unknown>, env: NonNullable<SettingsSources["env"]>): Reading => {
  const { type, fallback } = setting;
  const flagText = textOf(flag);
  const text = flagText || (setting.env === undefined ? "" : (env[setting.env] ?? ""));
  const name = flagText || setting.env === undefined ? `--${setting.flag}` : setting.env;
  // As JSON, a line break in the value leaves the message one line.
  const shown = `${name}=${JSON.stringify(text || setting.default)}`;
  if (text === "") return { value: fallback, shown, problem: undefined };
  const value = type.parse(text);
  if (value !== undefined) return { value, shown, problem: undefined };
  const variable = setting.env !== undefined && name !== setting.env ? ` (${setting.env})` : "";
  return { value: fallback, shown, problem: `${shown}${variable}: must be ${type.allowed}` };
};

const textOf = (flag: unknown): string => {
  if (flag === undefined || flag === null) return "";
  return String(flag);
};
