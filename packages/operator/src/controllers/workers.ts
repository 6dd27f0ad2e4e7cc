import { WORKERS as PODLOGREADER_WORKERS } from "../podlogreader/workers.ts";
import type { Settings } from "../settings/settings.ts";
import { WORKERS as WATCHER_WORKERS } from "../watcher/workers.ts";
import type { Group } from "./names.ts";

/** Pods worked on at a time with `auto`: past this the API server's two busiest cores are full, and latency only grows. */
const AUTO_WORKERS = 32;

export const podWorkers = ({ controllerPodWorkers }: Pick<Settings, "controllerPodWorkers">): number =>
  controllerPodWorkers === "auto" ? AUTO_WORKERS : controllerPodWorkers;

type WorkerSettings = Pick<Settings, "controllers" | "controllerPodWorkers" | "controllerPcmcWorkers">;

/** Reconciles that a group has under way at the most. */
const workers: Readonly<Record<Group, (settings: WorkerSettings) => number>> = {
  podconfigmap: (settings) => podWorkers(settings) + settings.controllerPcmcWorkers,
  watcher: () => WATCHER_WORKERS,
  podlogreader: () => PODLOGREADER_WORKERS,
};

/** Reconciles that all chosen controllers have under way at the most: each can be at one request at a time. */
export const allWorkers = (settings: WorkerSettings): number =>
  settings.controllers.reduce((sum, group) => sum + workers[group](settings), 0);
