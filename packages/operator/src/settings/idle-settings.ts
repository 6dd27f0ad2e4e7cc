import type { Settings } from "./settings.ts";
import { settingsTable } from "./table.ts";

/** Settings that only concern podlogreader. */
const OF_PODLOGREADER = ["createSaAndRolebinding", "allowPodGet"] as const;

/**
 * What is turned on and has no effect, one line each: nothing is wrong by that, but whoever asked for it may wait for it.
 *
 * @example ["--allow-pod-get has no effect: podlogreader is not among --controllers"]
 */
export const idleSettings = (
  settings: Pick<Settings, "controllers" | "role" | "ebpfRunStats" | (typeof OF_PODLOGREADER)[number]>,
): string[] => [
  ...(settings.controllers.includes("podlogreader")
    ? []
    : OF_PODLOGREADER.filter((key) => settings[key]).map(
        (key) => `--${settingsTable[key].flag} has no effect: podlogreader is not among --controllers`,
      )),
  ...(settings.ebpfRunStats && settings.role !== "all"
    ? [`--${settingsTable.ebpfRunStats.flag} has no effect: without --role all no programs are run`]
    : []),
];
