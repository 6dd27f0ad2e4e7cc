/** Why something could not be done in the kernel. CamelCase, as a condition's reason. */
export type EbpfFailureReason =
  /** The Pod's cgroup does not exist (yet). */
  | "CgroupNotFound"
  /** The Pod's cgroup was removed between finding it and attaching to it. */
  | "CgroupGone"
  /** The Pod uses the node's network; its firewall would judge traffic that is not its own. */
  | "HostNetwork"
  /** The node has cgroup v1 alone. */
  | "CgroupV1Only"
  /** No cgroup tree with Pods, or none at the place that was set. */
  | "CgroupRootNotFound"
  /** The pin directory is not on a bpffs. */
  | "BpffsNotMounted"
  | "BpffsReadOnly"
  | "BpffsFull"
  /** What was pinned is gone: the bpffs was unmounted or the pin directory removed under the agent. */
  | "PinsGone"
  /** Another agent works on this pin directory. */
  | "PinDirInUse"
  /** What is pinned is of Pods of a node with another name. */
  | "PinDirOfOtherNode"
  | "NotPermitted"
  | "NoMemory"
  /** The kernel has no type information (BTF). */
  | "NoBtf"
  | "KernelTooOld"
  | "VerifierRefused"
  /** libbpf or its binding cannot be loaded. */
  | "LibraryMissing"
  /** The compiled programs are not there. */
  | "ProgramMissing"
  /** More Pods are monitored than there are slots. */
  | "TooManyPods"
  /** The Pods whose calls are counted have more nested cgroups than there is room for. */
  | "CgroupsFull"
  /** What others have attached to the Pod's cgroup, or above it, leaves no room for more. */
  | "CgroupBusy"
  /** An agent of another release has pinned maps that this one cannot read. */
  | "OtherLayout"
  | "KernelError";

/** Failures by which it is not for this process to say anything of the node's Pods: another one looks after them. */
export const NOT_OURS: ReadonlySet<EbpfFailureReason> = new Set(["PinDirInUse", "PinDirOfOtherNode"]);

/** A failure: what it is, and what a person can do about it. */
export interface EbpfFailure {
  readonly reason: EbpfFailureReason;
  /** One sentence of what happened and one of what to do. */
  readonly message: string;
}
