/** What the kernel side has to know of a Pod of this node. */
export interface NodePod {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  /** `status.qosClass`; it is part of the Pod's cgroup path. */
  readonly qosClass: QosClass;
  /**
   * Annotation `kubernetes.io/config.hash`. The cgroup of a static Pod carries this instead of the UID that the API server
   * gave its mirror.
   */
  readonly configHash?: string;
  readonly hostNetwork: boolean;
  /**
   * The id of the first container of the spec as `status.containerStatuses` has it, without the `containerd://`; of several, the
   * first that runs gives the Pod's pid. Empty until that container has started.
   */
  readonly containerIds: readonly string[];
}

export type QosClass = "Guaranteed" | "Burstable" | "BestEffort";

/** `program_type` of metrics: what the kernel can do for a Pod. */
export type ProgramType = "syscall_counter" | "l4_firewall";
