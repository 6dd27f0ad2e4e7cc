import { ON_BOTH, ON_X86_64_ALONE } from "./syscall-names.ts";

export const ARCHITECTURES = ["x86_64", "arm64"] as const;
export type Architecture = (typeof ARCHITECTURES)[number];

/**
 * A system call, and those that have taken its place: whoever asks for the old one means what programs do by either. From
 * what the C libraries call today where the old call was (`fork` is `clone`, `exit` is `exit_group`), and from what the
 * kernel added with a flags argument. arm64 was made without most of the old ones.
 */
const VARIANTS: Readonly<Record<string, readonly string[]>> = {
  accept: ["accept4"],
  access: ["faccessat", "faccessat2"],
  chmod: ["fchmodat", "fchmodat2"],
  chown: ["fchownat"],
  clone: ["clone3"],
  creat: ["openat", "openat2"],
  dup2: ["dup3"],
  epoll_create: ["epoll_create1"],
  epoll_pwait: ["epoll_pwait2"],
  epoll_wait: ["epoll_pwait", "epoll_pwait2"],
  eventfd: ["eventfd2"],
  execve: ["execveat"],
  exit: ["exit_group"],
  faccessat: ["faccessat2"],
  fchmodat: ["fchmodat2"],
  fork: ["clone", "clone3"],
  fstat: ["newfstatat", "statx"],
  futimesat: ["utimensat"],
  getdents: ["getdents64"],
  getpgrp: ["getpgid"],
  getrlimit: ["prlimit64"],
  getxattr: ["getxattrat"],
  inotify_init: ["inotify_init1"],
  lchown: ["fchownat"],
  link: ["linkat"],
  listxattr: ["listxattrat"],
  lstat: ["newfstatat", "statx"],
  mkdir: ["mkdirat"],
  mknod: ["mknodat"],
  mlock: ["mlock2"],
  nanosleep: ["clock_nanosleep"],
  newfstatat: ["statx"],
  open: ["openat", "openat2"],
  openat: ["openat2"],
  pipe: ["pipe2"],
  poll: ["ppoll"],
  preadv: ["preadv2"],
  pwritev: ["pwritev2"],
  readlink: ["readlinkat"],
  removexattr: ["removexattrat"],
  rename: ["renameat", "renameat2"],
  renameat: ["renameat2"],
  rmdir: ["unlinkat"],
  select: ["pselect6"],
  setrlimit: ["prlimit64"],
  setxattr: ["setxattrat"],
  signalfd: ["signalfd4"],
  stat: ["newfstatat", "statx"],
  symlink: ["symlinkat"],
  unlink: ["unlinkat"],
  utime: ["utimensat"],
  utimes: ["utimensat"],
  vfork: ["clone", "clone3"],
};

/** Whether a kernel of this architecture has a system call of just this name. */
const exists = (name: string, architecture: Architecture): boolean =>
  ON_BOTH.has(name) || (architecture === "x86_64" && ON_X86_64_ALONE.has(name));

/**
 * What a name in `syscallNames` counts on an architecture: the call itself where there is one, and its modern variants.
 * Empty: the name is unknown there.
 *
 * @example syscallsOf("open", "arm64") // ["openat", "openat2"]
 */
export const syscallsOf = (name: string, architecture: Architecture): readonly string[] => {
  const variants = Object.hasOwn(VARIANTS, name) ? (VARIANTS[name] ?? []) : [];
  return [name, ...variants].filter((call) => exists(call, architecture));
};

/** All names that count something on some architecture. */
export const SYSCALL_NAMES: ReadonlySet<string> = ON_BOTH.union(ON_X86_64_ALONE);
