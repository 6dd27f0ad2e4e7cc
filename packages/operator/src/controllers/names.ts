/** The groups of controllers that `--controllers` chooses from. */
export const GROUPS = ["podconfigmap", "watcher", "podlogreader"] as const;
export type Group = (typeof GROUPS)[number];
