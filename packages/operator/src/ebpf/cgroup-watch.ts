import { type FSWatcher, watch } from "node:fs";
import { codeOf } from "./error-code.ts";

/** Whether a folder's changes are told by the kernel. */
export type Watching =
  | { readonly kind: "watching"; close(): void }
  | { readonly kind: "refused"; readonly code: string };

/**
 * Calls `onChange` when an entry of the folder appears or goes, or the folder itself goes (inotify, which works on cgroup folders
 * for what is made by mkdir(2), as kubelet, runtimes and systemd do). Refused where the folder is gone (ENOENT) or the user's
 * inotify limit is reached (ENOSPC, EMFILE).
 */
export const watchFolder = (path: string, onChange: () => void): Watching => {
  let watcher: FSWatcher;
  try {
    watcher = watch(path, { persistent: false }, (event) => {
      // "change" is a write to a file of the folder: memory.max, cgroup.procs.
      if (event === "rename") onChange();
    });
  } catch (error) {
    return { kind: "refused", code: codeOf(error) ?? String(error) };
  }
  watcher.on("error", onChange);
  return { kind: "watching", close: () => watcher.close() };
};
