import { type Capability, missingCapabilities } from "./capabilities.ts";
import {
  E2BIG,
  EBADF,
  EEXIST,
  EINVAL,
  EMFILE,
  ENFILE,
  ENOENT,
  ENOLINK,
  ENOMEM,
  ENOSPC,
  ENOTSUPP,
  EOPNOTSUPP,
  EPERM,
  EROFS,
  ESRCH,
} from "./errno.ts";

/** Which capabilities an operation asks for; the kernel says no more than EPERM. */
const needs: Readonly<Record<string, readonly Capability[]>> = {
  "load program": ["BPF", "NET_ADMIN", "PERFMON"],
  "load object": ["BPF", "NET_ADMIN", "PERFMON"],
  "attach to cgroup": ["BPF", "NET_ADMIN"],
  "attach to raw tracepoint": ["BPF", "PERFMON"],
};

const permissionHint = (operation: string): string => {
  if (operation === "enable run statistics")
    return "it needs CAP_SYS_ADMIN; without, an administrator sets sysctl kernel.bpf_stats_enabled=1 on the node";
  const missing = missingCapabilities(needs[operation] ?? ["BPF"]);
  if (missing.length > 0) return `this process lacks ${missing.map((name) => `CAP_${name}`).join(" and ")}`;
  if (operation === "pin") return "a pin's name must not contain a dot";
  if (operation === "update link") return "the link no longer runs the program that was expected";
  return "all capabilities are there: look at seccomp, kernel lockdown, RLIMIT_MEMLOCK (before Linux 5.11), and whether this is a user namespace";
};

const byErrno: Readonly<Record<number, string>> = {
  [ENOMEM]: "the kernel has no memory for it, or the cgroup's limit does not allow it: fewer max_entries",
  [EMFILE]: "this process has too many open files: close handles (openHandles()), or raise RLIMIT_NOFILE",
  [ENFILE]: "the machine has too many open files",
  [EROFS]: "the file system is mounted read-only",
  [ENOLINK]: "what the link was attached to is gone",
};

const loading: Readonly<Record<number, string>> = {
  [ESRCH]:
    "the kernel has no BTF, which CO-RE needs: /sys/kernel/btf/vmlinux (CONFIG_DEBUG_INFO_BTF), or the option btfPath",
  [EINVAL]: "the kernel does not know a program type, map type or helper of the object: see probeFeatures()",
  [E2BIG]: "the kernel's limit of instructions, map size or entries is exceeded",
};

const byOperation: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  "load object": loading,
  // Of a program without a log: the kernel refused it before the verifier looked at it.
  "load program": loading,
  "attach to cgroup": {
    [EBADF]: "not a folder of a cgroup v2 hierarchy",
    [EINVAL]: "BPF links need Linux 5.7, and the program the attach type that it was loaded for",
    [E2BIG]: "64 programs of this type are attached to the cgroup already",
    [ENOENT]: "the cgroup is gone",
  },
  "attach to raw tracepoint": { [ENOENT]: "the kernel has no tracepoint of that name" },
  "update link": {
    [EINVAL]:
      "this kind of link cannot change its program (raw tracepoints cannot): attach the new one, then detach the old",
  },
  "detach link": { [EOPNOTSUPP]: "this kind of link cannot be detached: unpin and close it" },
  "update map": {
    [E2BIG]: "the map is full, or the index is beyond its max_entries",
    [ENOSPC]: "the map is full",
    [EEXIST]: "the key is there already",
    [ENOENT]: "the key is not there",
    [EINVAL]: "the flags do not fit the map, or an inner map differs from the outer map's template",
  },
  "create map": {
    [EINVAL]: "sizes, flags or type do not fit together, or the kernel does not know the type: see probeFeatures()",
    [E2BIG]: "key, value or entries are larger than the kernel allows",
  },
  pin: { [EEXIST]: "something is pinned there already: the option replace takes its place" },
  "test run": { [ENOTSUPP]: "programs of this type cannot be run by BPF_PROG_TEST_RUN" },
  "lookup batch": { [ENOTSUPP]: "this map type has no batches on this kernel: see probeFeatures()" },
};

/** What to do about an errno in an operation, where that is known. */
export const hintFor = (operation: string, errno: number): string | undefined => {
  if (errno === EPERM) return permissionHint(operation);
  return byOperation[operation]?.[errno] ?? byErrno[errno];
};
