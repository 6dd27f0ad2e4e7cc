import { BpfError, LibbpfMissingError, NotBpffsError, VerifierError, type VerifierRefusal } from "@pcmc/libbpf";
import { EbpfError } from "./ebpf-error.ts";
import { codeOf } from "./error-code.ts";
import type { EbpfFailure, EbpfFailureReason } from "./failure.ts";
import { EbpfUnavailable } from "./unavailable.ts";

/** What can be done about a failure, by its reason. */
const ADVICE: Partial<Readonly<Record<EbpfFailureReason, string>>> = {
  NotPermitted:
    "Run the agent as uid 0 with the capabilities BPF, NET_ADMIN and PERFMON (before Linux 5.8: SYS_ADMIN and NET_ADMIN).",
  NoMemory:
    "Raise the memory limit of the agent's container; before Linux 5.11 the limit of locked memory (RLIMIT_MEMLOCK) too.",
  BpffsFull: "The bpffs takes no more: look for what others have pinned there.",
  BpffsReadOnly: "Mount the bpffs writable.",
  BpffsNotMounted: "On the node: mount -t bpf bpf /sys/fs/bpf; in the DaemonSet: give it to the container by hostPath.",
  NoBtf: "Use a kernel that is built with CONFIG_DEBUG_INFO_BTF=y.",
  KernelTooOld:
    "The kernel lacks something that the programs need; docs/EBPF_FEATURES.md has the floor of each feature.",
  TooManyPods: "A map is full: select fewer Pods.",
  CgroupBusy:
    "A program of others on the Pod's cgroup, or on one above it, was attached alone (without BPF_F_ALLOW_MULTI), or there are " +
    "64 already: `bpftool cgroup tree` shows them; detach what is not needed.",
  CgroupGone: "The Pod ended while its programs were attached; nothing is left to do.",
  VerifierRefused: "Report it, with the version of the kernel.",
  KernelError: "It is tried again.",
};

/** What the kernel means by its answers to bpf(2) and to calls on a bpffs. */
const BY_CODE: Readonly<Record<string, EbpfFailureReason>> = {
  EPERM: "NotPermitted",
  EACCES: "NotPermitted",
  ENOMEM: "NoMemory",
  ENOSPC: "BpffsFull",
  EDQUOT: "BpffsFull",
  EROFS: "BpffsReadOnly",
  E2BIG: "TooManyPods",
  ENOSYS: "KernelTooOld",
  EOPNOTSUPP: "KernelTooOld",
  ENOTSUPP: "KernelTooOld",
};

/** The same code has another meaning here. */
const BY_OPERATION: Readonly<Record<string, Readonly<Record<string, EbpfFailureReason>>>> = {
  "attach to cgroup": {
    EBADF: "CgroupGone",
    ENOENT: "CgroupGone",
    ENODEV: "CgroupGone",
    EINVAL: "KernelTooOld",
    EPERM: "CgroupBusy",
    E2BIG: "CgroupBusy",
  },
  "update link": { ENOLINK: "CgroupGone" },
  "load object": { ESRCH: "NoBtf", EINVAL: "KernelTooOld", E2BIG: "KernelTooOld" },
  // Of a program without a log: refused before the verifier looked at it.
  "load program": { ESRCH: "NoBtf", EINVAL: "KernelTooOld", E2BIG: "KernelTooOld" },
  "attach to raw tracepoint": { ENOENT: "KernelTooOld" },
  "create map": { EINVAL: "KernelTooOld", E2BIG: "KernelTooOld" },
};

/** What an error means to who runs the agent: a reason for conditions and metrics, and a line that says what to do. */
export const failureOf = (error: unknown): EbpfFailure => {
  if (error instanceof EbpfError || error instanceof EbpfUnavailable)
    return { reason: error.reason, message: error.message };
  const reason = reasonOf(error);
  return { reason, message: [`${textOf(error)}.`, ADVICE[reason]].filter((part) => part !== undefined).join(" ") };
};

/** The verifier was broken off before it came to a verdict: by a signal (such as a profiler's), or for want of memory. */
const NO_VERDICTS: ReadonlySet<string> = new Set(["EAGAIN", "EINTR", "ENOMEM"]);

/** What the kernel does not know it is too old for; anything else our programs were never to be refused for. */
const BY_REFUSAL: Readonly<Record<VerifierRefusal, EbpfFailureReason>> = {
  unknownHelper: "KernelTooOld",
  unknownField: "KernelTooOld",
  tooComplex: "VerifierRefused",
  other: "VerifierRefused",
};

const reasonOf = (error: unknown): EbpfFailureReason => {
  if (error instanceof LibbpfMissingError) return "LibraryMissing";
  if (error instanceof NotBpffsError) return "BpffsNotMounted";
  const code = codeOf(error) ?? "";
  if (error instanceof VerifierError && !NO_VERDICTS.has(code)) return BY_REFUSAL[error.refusal];
  const special = error instanceof BpfError ? BY_OPERATION[error.operation]?.[code] : undefined;
  return special ?? BY_CODE[code] ?? "KernelError";
};

/** One line: a condition has no room for the verifier's log, which is in the agent's. */
const textOf = (error: unknown): string => {
  if (error instanceof VerifierError && !NO_VERDICTS.has(error.code))
    return `the kernel refused ${error.program}: ${verdictOf(error.log)}`;
  if (error instanceof BpfError)
    return `cannot ${error.operation}${error.subject === undefined ? "" : ` ${error.subject}`}: ${error.code}`;
  return (error instanceof Error ? error.message : String(error)).split("\n", 1)[0]?.replace(/[.]$/, "") ?? "";
};

/** The verifier says last what it stumbled over, but for its statistics. */
const verdictOf = (log: string): string =>
  log
    .trimEnd()
    .split("\n")
    .findLast((line) => line !== "" && !/^(processed|verification time|stack depth)/.test(line)) ?? "it gave no reason";

/** Failures that stay until the Pod, its policy or the node changes. */
const LASTING: ReadonlySet<EbpfFailureReason> = new Set([
  "HostNetwork",
  "VerifierRefused",
  "KernelTooOld",
  "NoBtf",
  "OtherLayout",
]);

/** Whether trying again can help. */
export const mayPass = (failure: EbpfFailure): boolean => !LASTING.has(failure.reason);
