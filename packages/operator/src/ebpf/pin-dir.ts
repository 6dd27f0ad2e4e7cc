import { lstatSync, mkdirSync, readdirSync, rmdirSync, statfsSync, unlinkSync } from "node:fs";
import { dirname } from "node:path";
import { codeOf } from "./error-code.ts";
import { EbpfUnavailable } from "./unavailable.ts";

/** `BPF_FS_MAGIC` of linux/magic.h. */
const BPF_FS_MAGIC = 0xcafe4a11;

const NOT_MOUNTED = (path: string) =>
  `${path} is not on a bpffs. On the node: mount -t bpf bpf /sys/fs/bpf (systemd does so); in the DaemonSet: give /sys/fs/bpf to ` +
  "the container by hostPath. A bpffs mounted in the container would take the rules with it when the container ends.";

const READ_ONLY = (path: string) => `${path} is on a bpffs that is mounted read-only. Mount it writable.`;

const NOT_PERMITTED = (path: string) =>
  `${path} cannot be written. The agent has to run as uid 0: a bpffs keeps the owner and mode of its folders.`;

/** Where the programs, links and maps of this node are pinned: `node/` for all Pods, `pods/<uid>/` for one. */
export interface PinDir {
  readonly path: string;
  readonly node: string;
  readonly pods: string;
}

/** The places below a pin directory; nothing is made or checked. */
export const pinPaths = (path: string): PinDir => ({ path, node: `${path}/node`, pods: `${path}/pods` });

/** A uid becomes the name of a folder. The API server only gives out such ones; a name with a dot is refused by bpffs. */
export const isFolderName = (uid: string): boolean => /^[0-9A-Za-z_-]{1,253}$/.test(uid);

const isOnBpffs = (path: string): boolean => statfsSync(path).type === BPF_FS_MAGIC;

/** Makes a folder for root alone. One that exists is taken. */
export const makeFolder = (path: string): void => {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error;
  }
};

/**
 * Makes the folder and those above it, on a bpffs only: anywhere else pins are refused one by one, and making folders in
 * other kernel file systems can hang.
 *
 * @throws EbpfUnavailable where there is no bpffs, or it cannot be written.
 */
export const openPinDir = (path: string): PinDir => {
  const paths = pinPaths(path);
  try {
    for (const folder of [path, paths.node, paths.pods]) makeOnBpffs(folder);
    probeWritable(path);
  } catch (error) {
    throw unavailable(path, error);
  }
  return paths;
};

/** @throws EbpfUnavailable where the folder, which exists, is on no bpffs. */
export const checkBpffs = (path: string): void => {
  if (!isOnBpffs(path)) throw notOnBpffs(path);
};

const makeOnBpffs = (path: string): void => {
  if (path === dirname(path)) throw notOnBpffs(path);
  try {
    checkBpffs(path);
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
    // Above it first: nothing is made before a folder is known to be on a bpffs.
    makeOnBpffs(dirname(path));
    makeFolder(path);
  }
};

const notOnBpffs = (path: string) => new EbpfUnavailable({ reason: "BpffsNotMounted", message: NOT_MOUNTED(path) });

const probePath = (path: string): string => `${path}/probe`;

/** Folders that exist already say nothing of whether more can be made. */
const probeWritable = (path: string): void => {
  makeFolder(probePath(path));
  removeLeftProbe(path);
};

/** Removes the folder that a process left which was killed while it probed; of two that probe, one finds nothing to remove. */
export const removeLeftProbe = (path: string): void => {
  try {
    rmdirSync(probePath(path));
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
  }
};

const unavailable = (path: string, error: unknown): unknown => {
  const code = codeOf(error);
  if (code === "EROFS")
    return new EbpfUnavailable({ reason: "BpffsReadOnly", message: READ_ONLY(path) }, { cause: error });
  if (code !== "EACCES" && code !== "EPERM") return error;
  return new EbpfUnavailable({ reason: "NotPermitted", message: NOT_PERMITTED(path) }, { cause: error });
};

/** Whether something was there to remove. */
export const unpin = (path: string): boolean => {
  try {
    unlinkSync(path);
    return true;
  } catch (error) {
    if (codeOf(error) === "ENOENT") return false;
    throw error;
  }
};

/** Names in a folder, sorted; none where there is no such folder. */
export const namesIn = (folder: string): readonly string[] => {
  try {
    return readdirSync(folder).sort();
  } catch (error) {
    if (codeOf(error) === "ENOENT") return [];
    throw error;
  }
};

/**
 * Unpins all that is in a folder, what `first` names first, and removes the folder. An end in the middle leaves a smaller
 * folder, which the next call finishes.
 */
export const removeFolder = (folder: string, first: readonly string[] = []): boolean => {
  const names = namesIn(folder);
  const ordered = [...names.filter((name) => first.includes(name)), ...names.filter((name) => !first.includes(name))];
  for (const name of ordered) unpin(`${folder}/${name}`);
  try {
    rmdirSync(folder);
    return true;
  } catch (error) {
    if (codeOf(error) === "ENOENT") return false;
    throw error;
  }
};

/** Whether there is a pin. Its opening can still fail. */
export const isPinned = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false }) !== undefined;
