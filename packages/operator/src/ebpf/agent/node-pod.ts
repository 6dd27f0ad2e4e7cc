import type { Stored } from "@pcmc/controller-runtime";
import type { Container, ContainerStatus, Pod } from "kubernetes-types/core/v1.d.ts";
import type { NodePod, QosClass } from "../node-pod.ts";

/** Kubelets put it on the mirror of a static Pod, and name the Pod's cgroup after it. */
const CONFIG_HASH = "kubernetes.io/config.hash";

const QOS_CLASSES: readonly QosClass[] = ["Guaranteed", "Burstable", "BestEffort"];

/** The config hash of a static Pod; `undefined` for all others. */
export const configHashOf = ({ metadata }: Pod): string | undefined =>
  metadata?.annotations?.[CONFIG_HASH] || undefined;

/** Whether a container of the Pod runs, as its kubelet says. */
export const isRunning = ({ status }: Pod): boolean =>
  status?.containerStatuses?.some(({ state }) => state?.running !== undefined) ?? false;

/** What the kernel side has to know of a Pod. */
export const nodePodOf = (pod: Stored<Pod>): NodePod => {
  const { metadata, spec, status } = pod;
  const configHash = configHashOf(pod);
  return {
    uid: metadata.uid,
    namespace: metadata.namespace ?? "",
    name: metadata.name,
    // The API server sets it when the Pod is made; it never changes.
    qosClass: QOS_CLASSES.find((known) => known === status?.qosClass) ?? "BestEffort",
    ...(configHash !== undefined && { configHash }),
    hostNetwork: spec?.hostNetwork === true,
    // The pid is that of the first container. Init containers, sidecars among them, start before it and are not meant.
    containerIds: idsOf(spec?.containers?.slice(0, 1), status?.containerStatuses),
  };
};

/** `containerd://<id>` without its scheme; statuses come in any order. */
const idsOf = (containers: readonly Container[] = [], statuses: readonly ContainerStatus[] = []): string[] =>
  containers.flatMap(({ name }) => {
    const id = statuses.find((status) => status.name === name)?.containerID?.split("://")[1];
    return id === undefined || id === "" ? [] : [id];
  });
