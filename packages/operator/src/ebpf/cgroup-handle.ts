import { closeSync, constants, fstatSync, openSync, statSync } from "node:fs";
import { foldersIn } from "./cgroup-tops.ts";
import { codeOf } from "./error-code.ts";

/** An open cgroup: what is attached to `fd` is attached to this cgroup, whatever the path names by then. */
export interface CgroupHandle extends Disposable {
  readonly path: string;
  readonly fd: number;
  /** What programs see as its id: the inode number of the folder (since Linux 5.5). */
  readonly id: bigint;
}

/** `undefined` where there is no such cgroup (any more). */
export const openCgroup = (path: string): CgroupHandle | undefined => {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
  const id = fstatSync(fd, { bigint: true }).ino;
  return { path, fd, id, [Symbol.dispose]: () => closeSync(fd) };
};

/** The id of the cgroup that the path names now; `undefined` where there is none. */
export const cgroupId = (path: string): bigint | undefined =>
  statSync(path, { bigint: true, throwIfNoEntry: false })?.ino;

/** A cgroup and all below it, those above before those below. One that is removed meanwhile is left out. */
export function* cgroupsIn(path: string): Generator<{ readonly path: string; readonly id: bigint }> {
  const id = cgroupId(path);
  if (id === undefined) return;
  yield { path, id };
  // Read after the caller has dealt with this one: what is made below it from then on is the kernel side's to see.
  for (const name of foldersIn(path)) yield* cgroupsIn(`${path}/${name}`);
}
