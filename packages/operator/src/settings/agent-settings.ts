import { agentSettingsList, type agentSettingsTable } from "./agent-table.ts";
import { logSettings } from "./common-settings.ts";
import { readTable, SettingsError, type SettingsSources } from "./read-table.ts";
import type { TableValues } from "./setting.ts";

/** The settings of the node agent; durations in milliseconds. See `Settings` of the manager. */
export type AgentSettings = Omit<TableValues<typeof agentSettingsTable>, "logJsonFormat" | "debug">;

/**
 * Reads the settings of the node agent: flag before environment before default; an empty text counts as not given.
 *
 * @throws SettingsError with all that is wrong.
 */
export const loadAgentSettings = (sources: SettingsSources = {}): AgentSettings => {
  const { values, problems } = readTable<typeof agentSettingsTable>(agentSettingsList, sources);
  if (problems.length > 0) throw new SettingsError(problems);
  const { logJsonFormat, debug, ...rest } = values;
  return Object.freeze({ ...rest, ...logSettings(values) });
};
