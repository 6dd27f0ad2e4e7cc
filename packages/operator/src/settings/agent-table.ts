import { clusterSettings, nodeSettings, reportSettings, resyncSettings, retrySettings } from "./common-settings.ts";
import { listOf, type SettingsList } from "./setting.ts";

/** All settings of the node agent, in the order of `--help`; see `settingsTable`. */
export const agentSettingsTable = {
  ...clusterSettings,
  ...nodeSettings,
  ...resyncSettings,
  ...retrySettings,
  ...reportSettings,
};

/** The table as a list. */
export const agentSettingsList: SettingsList<keyof typeof agentSettingsTable> = listOf(agentSettingsTable);
