import { rmdirSync } from "node:fs";
import { dirname } from "node:path";
import { codeOf } from "./error-code.ts";
import { removePodFolder } from "./held-pod.ts";
import { checkBpffs, isPinned, namesIn, pinPaths, removeLeftProbe } from "./pin-dir.ts";
import { removeLeftGuard, takePinDir } from "./pin-lock.ts";
import { removeNodeFolder } from "./syscalls.ts";
import { EbpfUnavailable } from "./unavailable.ts";

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
  const counter = removeNodeFolder(node);
  if (isPinned(pods)) rmdirSync(pods);
  removeLeftGuard(pinDir);
  removeLeftProbe(pinDir);
  lock[Symbol.dispose]();
  removePinDir(pinDir);
  removeEmpty(dirname(pinDir));
  return { pods: uids, node: counter };
};

/** From the end of the lock on another agent can take the folder; what it has made there stays. */
const removePinDir = (pinDir: string): void => {
  try {
    rmdirSync(pinDir);
  } catch (error) {
    if (codeOf(error) !== "ENOTEMPTY") throw error;
    throw new EbpfUnavailable({ reason: "PinDirInUse", message: NOT_EMPTY(pinDir) }, { cause: error });
  }
};

const NOT_EMPTY = (pinDir: string) =>
  `All that agents had left in ${pinDir} was removed, but something else is there: ${namesIn(pinDir).join(", ")}. If an agent ` +
  "has started meanwhile, end it, and uninstall again.";

/** Up to the mount itself, which is busy, or a folder that holds something of others. */
const removeEmpty = (path: string): void => {
  try {
    rmdirSync(path);
  } catch {
    return;
  }
  removeEmpty(dirname(path));
};
