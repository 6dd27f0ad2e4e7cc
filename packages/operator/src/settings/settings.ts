import { logSettings } from "./common-settings.ts";
import { type Reading, readTable, SettingsError, type SettingsSources, type TableReading } from "./read-table.ts";
import type { TableValues } from "./setting.ts";
import { settingsList, type settingsTable } from "./table.ts";

export { type Flags, SettingsError, type SettingsSources } from "./read-table.ts";

type Table = typeof settingsTable;
type Values = TableValues<Table>;
type Readings = TableReading<Table>["readings"];

/**
 * The settings of the manager; durations in milliseconds. `logFormat` and `logLevel` are what `LOG_JSON_FORMAT` and
 * `DEBUG` left of them. `kubeconfig` is the flag's: the variable is read where the cluster is looked for.
 */
export type Settings = Omit<Values, "logJsonFormat" | "debug" | "webhookEnabled"> & {
  readonly webhookEnabled: boolean;
};

/**
 * Reads the settings: flag before environment before default; an empty text counts as not given.
 *
 * @throws SettingsError with all that is wrong.
 */
export const loadSettings = ({ flags = {}, env = process.env }: SettingsSources = {}): Settings => {
  const { values, readings, problems: wrong } = readTable<Table>(settingsList, { flags, env });
  const problems = [...wrong, ...leaderElectionProblems(values, readings), ...webhookProblems(values, readings)];
  if (problems.length > 0) throw new SettingsError(problems);
  const { logJsonFormat, debug, ...rest } = values;
  return Object.freeze({
    ...rest,
    ...logSettings(values),
    webhookEnabled: rest.webhookEnabled ?? (rest.webhookUrl !== undefined || isInCluster(values, env)),
    // The Lease holds whole seconds; what is in it must be what we keep to ourselves.
    leaderElectionLeaseDuration: Math.ceil(rest.leaderElectionLeaseDuration / 1000) * 1000,
  });
};

/** Whether we are in a Pod, and in the cluster that we work for; see `loadClusterConfig`. */
const isInCluster = ({ kubeconfig }: Values, env: NonNullable<SettingsSources["env"]>): boolean =>
  Boolean(env.KUBERNETES_SERVICE_HOST) && kubeconfig === undefined && !env.KUBECONFIG;

/** The rule of client-go's leader election. Says nothing of values that are wrong by themselves. */
const leaderElectionProblems = (values: Values, readings: Readings): string[] => {
  const lease = readings.leaderElectionLeaseDuration;
  const renew = readings.leaderElectionRenewDeadline;
  const retry = readings.leaderElectionRetryPeriod;
  const { leaderElectionLeaseDuration, leaderElectionRenewDeadline, leaderElectionRetryPeriod } = values;
  const problems: string[] = [];
  const areRight = (...some: readonly Reading[]) => some.every((each) => each.problem === undefined);
  if (areRight(lease, renew) && leaderElectionRenewDeadline >= leaderElectionLeaseDuration) {
    problems.push(`${renew.shown}: must be less than ${lease.shown}`);
  }
  // In whole numbers, since 1.2 is none that a float holds.
  if (areRight(renew, retry) && leaderElectionRenewDeadline * 5 <= leaderElectionRetryPeriod * 6) {
    problems.push(`${retry.shown}: 1.2 times this must be less than ${renew.shown}`);
  }
  return problems;
};

/** With a certificate that others make, the configuration that has its authority is theirs too: nobody would write the URL. */
const webhookProblems = ({ webhookCertDir, webhookUrl }: Values, readings: Readings): string[] => {
  if (webhookCertDir === undefined || webhookUrl === undefined) return [];
  return [`${readings.webhookCertDir.shown}: must not be given together with ${readings.webhookUrl.shown}`];
};
