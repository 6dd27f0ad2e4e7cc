import { constants } from "node:os";
import { getSystemErrorMap } from "node:util";

/** An errno that only the kernel has: an operation that this kind of object does not support. */
export const ENOTSUPP = 524;

export const {
  EPERM,
  EROFS,
  ENOENT,
  ENOMEM,
  EEXIST,
  EINVAL,
  ENOSPC,
  E2BIG,
  EBADF,
  EMFILE,
  ENFILE,
  ESRCH,
  EOPNOTSUPP,
  EAGAIN,
} = constants.errno;
/** Not in `os.constants`: a link that lost what it was attached to. */
export const ENOLINK = 67;

// Of two names for one number (EAGAIN, EWOULDBLOCK) the first stays.
const names = new Map<number, string>([
  [ENOTSUPP, "ENOTSUPP"],
  [ENOLINK, "ENOLINK"],
]);
for (const [name, number] of Object.entries(constants.errno)) if (!names.has(number)) names.set(number, name);

/** `EPERM` for 1; the bare number for one that has no name. */
export const errnoName = (errno: number): string => names.get(errno) ?? `errno ${errno}`;

/** `operation not permitted` for 1. */
export const errnoText = (errno: number): string =>
  getSystemErrorMap().get(-errno)?.[1] ?? (errno === ENOTSUPP ? "operation not supported by the kernel" : "");
