import { closeSync, existsSync, mkdirSync, readlinkSync, renameSync, statfsSync, unlinkSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { EINVAL } from "./errno.ts";
import { attempt, BpfError, check, NotBpffsError } from "./errors.ts";
import { native } from "./native.ts";

/** `f_type` of a BPF file system (linux/magic.h). */
const BPF_FS_MAGIC = 0xcafe_4a11;

export interface PinOptions {
  /** Take the place of what is pinned there, in one step. Default: that is an error (`EEXIST`). */
  readonly replace?: boolean;
}

/** What can be pinned. */
export type PinKind = "map" | "prog" | "link";

const hasCode = (error: unknown, code: string): boolean =>
  error instanceof Error && "code" in error && error.code === code;

const isMissing = (error: unknown): boolean => hasCode(error, "ENOENT") || hasCode(error, "ENOTDIR");

/** Of a path, or of the nearest folder above it that exists. */
const fileSystemType = (path: string): number => {
  for (let folder = path; ; folder = dirname(folder)) {
    try {
      return statfsSync(folder).type;
    } catch (error) {
      // EPERM is bpffs's word for a name with a dot in it.
      if (!(isMissing(error) || hasCode(error, "EPERM")) || folder === dirname(folder)) throw error;
    }
  }
};

/** Whether a path, or the nearest folder above it that exists, is on a BPF file system. */
export const isOnBpffs = (path: string): boolean => fileSystemType(resolve(path)) === BPF_FS_MAGIC;

/** @throws NotBpffsError */
export const assertBpffs = (path: string): void => {
  if (!isOnBpffs(path)) throw new NotBpffsError(path);
};

/** `false`: its parent is missing. */
const makeOne = (path: string): boolean => {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if (hasCode(error, "ENOENT")) return false;
    if (!hasCode(error, "EEXIST")) throw error;
  }
  return true;
};

/** Not Node's `recursive`, which takes every failure for a parent that is missing. */
const makeFolder = (path: string): void => {
  if (makeOne(path)) return;
  makeFolder(dirname(path));
  makeOne(path);
};

/** Makes a folder for pins, with its parents, for its owner only. @throws NotBpffsError, before anything is made */
export const makePinFolder = (path: string): void => {
  assertBpffs(path);
  attempt("make pin folder", path, () => makeFolder(resolve(path)));
};

let temporaries = 0;

/** Gives a descriptor's map, program or link a name that keeps it alive. */
export const pin = (fd: number, path: string, { replace = false }: PinOptions = {}): void => {
  assertBpffs(path);
  const { libbpf } = native();
  if (!replace) {
    check(libbpf.bpf_obj_pin(fd, path), "pin", path);
    return;
  }
  // bpffs has no way to pin over a name, but renames: there is no moment without a pin. No dots: it refuses them.
  const temporary = `${path}~${process.pid}~${temporaries++}`;
  check(libbpf.bpf_obj_pin(fd, temporary), "pin", path);
  try {
    attempt("pin", path, () => renameSync(temporary, path));
  } catch (error) {
    unlinkSync(temporary);
    throw error;
  }
};

/** Takes a pin away; what it named lives on while something else holds it. `false`: there was none. */
export const unpin = (path: string): boolean => {
  assertBpffs(path);
  if (!existsSync(path)) return false;
  attempt("unpin", path, () => unlinkSync(path));
  return true;
};

// struct bpf_obj_get_opts { size_t sz; u32 file_flags; }; BPF_F_RDONLY.
const readOnly = Buffer.from([16, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0]);
const readWrite = Buffer.from([16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);

/** What a descriptor is: the kernel tells only by the name of its inode. */
const kindOf = (fd: number): string =>
  readlinkSync(`/proc/self/fd/${fd}`).replace(/^anon_inode:\[?bpf[-_](\w+)\]?$/, "$1");

/** Opens what is pinned at a path and must be of a kind. @throws BpfError (`ENOENT`: nothing is pinned there) */
export const openPin = (path: string, kind: PinKind, access: "read" | "write" = "write"): number => {
  assertBpffs(path);
  const fd = check(
    native().libbpf.bpf_obj_get_opts(path, access === "read" ? readOnly : readWrite),
    "open pinned",
    path,
  );
  const found = kindOf(fd);
  if (found === kind) return fd;
  closeSync(fd);
  throw new BpfError({
    operation: "open pinned",
    subject: path,
    errno: EINVAL,
    hint: `it is a ${found}, not a ${kind}`,
  });
};
