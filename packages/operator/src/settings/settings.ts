import { type Setting, type SettingKey, settingsList, type settingsTable } from "./table.ts";

/** One value for each entry of the table. */
type TableValues = {
  readonly [K in SettingKey]: (typeof settingsTable)[K] extends Setting<infer T> ? T : never;
};

/**
 * The settings of the manager; durations in milliseconds. `logFormat` and `logLevel` are what `LOG_JSON_FORMAT` and
 * `DEBUG` left of them. `kubeconfig` is the flag's: the variable is read where the cluster is looked for.
 */
export type Settings = Omit<TableValues, "logJsonFormat" | "debug" | "webhookEnabled"> & {
  readonly webhookEnabled: boolean;
};

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

/**
 * Reads the settings: flag before environment before default; an empty text counts as not given.
 *
 * @throws SettingsError with all that is wrong.
 */
export const loadSettings = ({ flags = {}, env = process.env }: SettingsSources = {}): Settings => {
  const readings = settingsList.map(({ key, setting }) => reading(key, setting, { flags, env }));
  const problems = readings.flatMap(({ problem }) => problem ?? []);
  // The list is made from the table, so each key has the value of its type.
  const values = Object.fromEntries(readings.map(({ key, value }) => [key, value])) as TableValues;
  problems.push(...leaderElectionProblems(values, readings), ...webhookProblems(values, readings));
  if (problems.length > 0) throw new SettingsError(problems);
  const { logJsonFormat, debug, ...rest } = values;
  return Object.freeze({
    ...rest,
    logFormat: logJsonFormat ? "json" : rest.logFormat,
    logLevel: debug ? "debug" : rest.logLevel,
    webhookEnabled: rest.webhookEnabled ?? (rest.webhookUrl !== undefined || isInCluster(values, env)),
    // The Lease holds whole seconds; what is in it must be what we keep to ourselves.
    leaderElectionLeaseDuration: Math.ceil(rest.leaderElectionLeaseDuration / 1000) * 1000,
  });
};

interface Reading {
  readonly key: SettingKey;
  readonly value: unknown;
  /** `VARIABLE="text"`, for messages. */
  readonly shown: string;
  readonly problem: string | undefined;
}

const reading = (key: SettingKey, setting: Setting<unknown>, { flags, env }: Required<SettingsSources>): Reading => {
  const { type, fallback } = setting;
  const flagText = textOf(flags[key]);
  const text = flagText || (setting.env === undefined ? "" : (env[setting.env] ?? ""));
  const name = flagText || setting.env === undefined ? `--${setting.flag}` : setting.env;
  // As JSON, a line break in the value leaves the message one line.
  const shown = `${name}=${JSON.stringify(text || setting.default)}`;
  if (text === "") return { key, value: fallback, shown, problem: undefined };
  const value = type.parse(text);
  if (value !== undefined) return { key, value, shown, problem: undefined };
  const variable = setting.env !== undefined && name !== setting.env ? ` (${setting.env})` : "";
  return { key, value: fallback, shown, problem: `${shown}${variable}: must be ${type.allowed}` };
};

const textOf = (flag: unknown): string => {
  if (flag === undefined || flag === null) return "";
  return String(flag);
};

/** Whether we are in a Pod, and in the cluster that we work for; see `loadClusterConfig`. */
const isInCluster = ({ kubeconfig }: TableValues, env: Required<SettingsSources>["env"]): boolean =>
  Boolean(env.KUBERNETES_SERVICE_HOST) && kubeconfig === undefined && !env.KUBECONFIG;

/** The rule of client-go's leader election. Says nothing of values that are wrong by themselves. */
const leaderElectionProblems = (values: TableValues, readings: readonly Reading[]): string[] => {
  const lease = values.leaderElectionLeaseDuration;
  const renew = values.leaderElectionRenewDeadline;
  const retry = values.leaderElectionRetryPeriod;
  const of = (key: SettingKey) => readings.find((each) => each.key === key);
  const [leaseReading, renewReading, retryReading] = [
    of("leaderElectionLeaseDuration"),
    of("leaderElectionRenewDeadline"),
    of("leaderElectionRetryPeriod"),
  ];
  const problems: string[] = [];
  const areRight = (...some: readonly (Reading | undefined)[]) => some.every((each) => each?.problem === undefined);
  if (areRight(leaseReading, renewReading) && renew >= lease) {
    problems.push(`${renewReading?.shown}: must be less than ${leaseReading?.shown}`);
  }
  // In whole numbers, since 1.2 is none that a float holds.
  if (areRight(renewReading, retryReading) && renew * 5 <= retry * 6) {
    problems.push(`${retryReading?.shown}: 1.2 times this must be less than ${renewReading?.shown}`);
  }
  return problems;
};

/** With a certificate that others make, the configuration that has its authority is theirs too: nobody would write the URL. */
const webhookProblems = ({ webhookCertDir, webhookUrl }: TableValues, readings: readonly Reading[]): string[] => {
  if (webhookCertDir === undefined || webhookUrl === undefined) return [];
  const shown = (key: SettingKey) => readings.find((each) => each.key === key)?.shown;
  return [`${shown("webhookCertDir")}: must not be given together with ${shown("webhookUrl")}`];
};
