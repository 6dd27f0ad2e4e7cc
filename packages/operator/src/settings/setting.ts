import type { ValueType } from "./value-types.ts";

/** One setting. */
export interface Setting<T> {
  /** The environment variable; undefined = a flag only. */
  readonly env: string | undefined;
  /** Without the dashes: the variable in lower case, with `-`. */
  readonly flag: string;
  readonly type: ValueType<T>;
  /** As one would write it; empty where no text says it. */
  readonly default: string;
  /** What `default` means. */
  readonly fallback: T;
  /** For `--help` and the docs. */
  readonly description: string;
}

/** The settings of a program by key, in the order of `--help`. A key is its flag in camel case. */
export type SettingsTable = Readonly<Record<string, Setting<unknown>>>;

/** One value for each entry of a table. */
export type TableValues<Table extends SettingsTable> = {
  readonly [K in keyof Table]: Table[K] extends Setting<infer T> ? T : never;
};

/** A table as a list. */
export type SettingsList<Key extends string = string> = readonly {
  readonly key: Key;
  readonly setting: Setting<unknown>;
}[];

const flagOf = (env: string): string => env.toLowerCase().replaceAll("_", "-");

/** A setting whose default is a text. */
export const setting = <T>(env: string, type: ValueType<T>, text: string, description: string): Setting<T> => {
  const fallback = type.parse(text);
  if (fallback === undefined) throw new Error(`${env}: the default ${text} is not allowed`);
  return { env, flag: flagOf(env), type, default: text, fallback, description };
};

/** A setting that is `fallback` where it is not given. */
export const unsetAs = <T, U>(fallback: U, env: string, type: ValueType<T>, description: string): Setting<T | U> => ({
  env,
  flag: flagOf(env),
  type,
  default: "",
  fallback,
  description,
});

/** The same, without a variable. */
export const flagOnly = <T>({ env, ...rest }: Setting<T>): Setting<T> => ({ ...rest, env: undefined });

/** The entries of a table in their order. */
export const listOf = <Table extends SettingsTable>(table: Table): SettingsList<keyof Table & string> =>
  Object.entries(table).map(([key, value]) => ({ key: key as keyof Table & string, setting: value }));
