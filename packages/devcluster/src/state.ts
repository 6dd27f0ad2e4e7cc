import { lstatSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { identify, isAlive, killIdentified, type ProcessIdentity } from "./process-identity.ts";
import { removeNode, sweepNodes } from "./real-node/leftovers.ts";

/** What a state folder says about who looks after it: enough for a later start to clean up after a dead keeper. */
export interface KeeperRecord {
  readonly keeper: ProcessIdentity;
  readonly processes: Readonly<Record<string, ProcessIdentity>>;
}

const RECORD = "keeper.json";

/** A folder without a record is one that is being made, unless it is older than this. Milliseconds. */
const UNCLAIMED_AGE = 60_000;

/**
 * The folder that holds the state folders of this user's clusters. They contain private keys, so nobody else may
 * look in, and a folder that another user put in its place is refused.
 *
 * @param parent - default `os.tmpdir()`
 */
export const stateRoot = (parent = tmpdir()): string => {
  const uid = process.getuid?.() ?? 0;
  const root = join(resolve(parent), `pcmc-devcluster-${uid}`);
  mkdirSync(root, { recursive: true, mode: 0o700 });
  const stat = lstatSync(root);
  if (!stat.isDirectory() || (process.getuid && stat.uid !== uid) || (stat.mode & 0o077) !== 0) {
    throw new Error(`${root} must be a folder that only this user can enter: remove it, or set TMPDIR`);
  }
  return root;
};

/** Makes a state folder that no other cluster uses, claimed by this process until its keeper takes it over. */
export const createState = async (root: string): Promise<string> => {
  const folder = await mkdtemp(join(root, "run-"));
  claim(folder);
  return folder;
};

/**
 * Makes the state folder of the cluster called `name`.
 *
 * @throws an error with code EEXIST when there is one, also when two ask at once.
 */
export const createNamedState = async (root: string, name: string): Promise<string> => {
  const folder = namedState(root, name);
  await mkdir(folder, { mode: 0o700 });
  claim(folder);
  return folder;
};

/** Where the state of the cluster called `name` is, if it is up. */
export const namedState = (root: string, name: string): string => join(root, `up-${name}`);

const claim = (folder: string) => {
  const self = identify(process.pid);
  if (self) writeRecord(folder, { keeper: self, processes: {} });
};

/** Replaces the record in one step: a reader sees the old one or the new one. */
export const writeRecord = (folder: string, record: KeeperRecord): void => {
  const file = join(folder, RECORD);
  writeFileSync(`${file}.new`, JSON.stringify(record));
  renameSync(`${file}.new`, file);
};

/** The record of a state folder; undefined when there is none. */
export const readRecord = (folder: string): KeeperRecord | undefined => {
  try {
    return JSON.parse(readFileSync(join(folder, RECORD), "utf8")) as KeeperRecord;
  } catch {
    return undefined;
  }
};

/** Ends what the record of a folder names, then removes the folder. For a folder whose keeper is gone. */
export const discardState = async (folder: string): Promise<void> => {
  const record = readRecord(folder);
  for (const identity of Object.values(record?.processes ?? {})) killIdentified(identity);
  if (record) await removeNode(record.keeper);
  await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
};

/**
 * Discards the state folders below `root` whose keeper is gone: it was killed, or the machine was restarted. Also what
 * the real nodes of such keepers left on this machine, wherever their folders were.
 * Two sweeps at once do each other no harm.
 */
export const sweepStates = async (root: string): Promise<void> => {
  await sweepNodes();
  const names = await readdir(root);
  const stale = names.map((name) => join(root, name)).filter(isStale);
  // A folder that cannot be removed now is left to the next start: it must not keep this one from starting.
  await Promise.allSettled(stale.map(discardState));
};

const isStale = (folder: string): boolean => {
  const record = readRecord(folder);
  if (record) return !isAlive(record.keeper);
  const modified = statSync(folder, { throwIfNoEntry: false })?.mtimeMs;
  return modified !== undefined && Date.now() - modified > UNCLAIMED_AGE;
};
