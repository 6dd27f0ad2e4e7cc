import { rmdirSync } from "node:fs";
import { dirname } from "node:path";
import { removePodFolder } from "./held-pod.ts";
import { checkBpffs, isPinned, namesIn, pinPaths } from "./pin-dir.ts";
import { removeLock, takePinDir } from "./pin-lock.ts";
import { removeSyscallCounter } from "./syscalls.ts";

/** What `uninstall` removed. */
export interface Uninstalled {
  /** UIDs of the Pods whose programs and counters were removed. */
  readonly pods: readonly string[];
  /** Whether the system call counter of the node was removed. */
  readonly node: boolean;
}

/**
 * Detaches and unpins everything below `pinDir`, and removes the folder, and those above it that are empty then. A folder that
 * does not exist is an empty result.
 *
 * @throws EbpfUnavailable where the folder is no bpffs, or an agent still works on it.
 */
export const uninstall = (pinDir: string): Uninstalled => {
  if (!isPinned(pinDir)) return { pods: [], node: false };
  checkBpffs(pinDir);
  const { node, pods } = pinPaths(pinDir);
  using lock = takePinDir(pinDir);
  const uids = namesIn(pods);
  for (const uid of uids) removePodFolder(`${pods}/${uid}`);
  const counter = removeSyscallCounter(node);
  if (isPinned(pods)) rmdirSync(pods);
  lock[Symbol.dispose]();
  removeLock(pinDir);
  rmdirSync(pinDir);
  removeEmpty(dirname(pinDir));
  return { pods: uids, node: counter };
};

/** Up to the mount itself, which is busy, or a folder that holds something of others. */
const removeEmpty = (path: string): void => {
  try {
    rmdirSync(path);
  } catch {
    return;
  }
  removeEmpty(dirname(path));
};
