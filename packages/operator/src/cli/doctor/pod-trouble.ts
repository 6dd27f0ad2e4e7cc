import type { ContainerStatus, Pod } from "kubernetes-types/core/v1.d.ts";

/** Why a Pod is not ready, and what to do. */
export interface PodTrouble {
  readonly why: string;
  readonly remedy: string;
}

const REMEDIES: Readonly<Record<string, string>> = {
  ErrImagePull: "see that the image exists under this name and that the node may pull it (imagePullSecrets)",
  ImagePullBackOff: "see that the image exists under this name and that the node may pull it (imagePullSecrets)",
  ErrImageNeverPull: "load the image onto the node, or change imagePullPolicy",
  InvalidImageName: "mend the image's name",
  CrashLoopBackOff: "read why it ended: kubectl logs --previous",
  CreateContainerConfigError: "see which ConfigMap, Secret or user the container lacks: kubectl describe pod",
  CreateContainerError: "see what the runtime refuses: kubectl describe pod",
  RunContainerError: "see what the runtime refuses: kubectl describe pod",
};

/** A kubelet kills what takes more memory than its limit, and says so. */
const OUT_OF_MEMORY = "raise the container's memory limit: docs/runbooks/pcmc-memory-near-limit.md says what it takes";
const LOOK = "kubectl describe pod tells more";

/** Why a Pod is not ready; undefined when it is. */
export const troubleOf = ({ status, metadata }: Pod): PodTrouble | undefined => {
  if (metadata?.deletionTimestamp !== undefined) return { why: "it is ending", remedy: LOOK };
  const condition = (type: string) => status?.conditions?.find((each) => each.type === type);
  if (condition("Ready")?.status === "True") return undefined;
  const scheduled = condition("PodScheduled");
  if (scheduled?.status === "False") {
    return {
      why: `no node takes it: ${scheduled.message ?? scheduled.reason ?? "unknown"}`,
      remedy: "give it a node that fits: resources, nodeSelector, tolerations, affinity",
    };
  }
  if (status?.phase === "Failed") {
    return { why: `it has failed: ${status.message ?? status.reason ?? "unknown"}`, remedy: LOOK };
  }
  const containers = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
  const found = containers.map(containerTrouble).find((each) => each !== undefined);
  if (found !== undefined) return found;
  if (containers.length === 0) return { why: `it is ${status?.phase ?? "new"}`, remedy: LOOK };
  return { why: "it runs, and is not ready", remedy: "its /readyz says why" };
};

const containerTrouble = ({ name, state, lastState, restartCount }: ContainerStatus): PodTrouble | undefined => {
  const ended = state?.terminated ?? lastState?.terminated;
  if (ended?.reason === "OOMKilled") {
    return { why: `container ${name} was killed for want of memory, ${restartCount} times`, remedy: OUT_OF_MEMORY };
  }
  const { reason, message } = state?.waiting ?? {};
  if (reason !== undefined && reason !== "PodInitializing" && reason !== "ContainerCreating") {
    const code = ended === undefined ? "" : ` (exit code ${ended.exitCode})`;
    return {
      why: `container ${name} waits: ${reason}${code}${message === undefined ? "" : `: ${message}`}`,
      remedy: REMEDIES[reason] ?? LOOK,
    };
  }
  if (state?.terminated !== undefined && state.terminated.exitCode !== 0) {
    const { exitCode } = state.terminated;
    return { why: `container ${name} has ended with exit code ${exitCode}`, remedy: "read why: kubectl logs" };
  }
  return undefined;
};
