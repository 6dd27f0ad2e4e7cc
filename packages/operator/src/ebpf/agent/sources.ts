import { type Cache, type Informer, Pods, type Projection, type Stored } from "@pcmc/controller-runtime";
import type { Pod } from "kubernetes-types/core/v1.d.ts";
import type { PodConfigMapConfig } from "../../api/podconfigmapconfig.ts";
import { PodConfigMapConfigs } from "../../podconfigmap/sources.ts";
import { configHashOf } from "./node-pod.ts";

/** Ports that probes and hooks name can be names. */
const CONTAINER_FIELDS: Projection = {
  name: true,
  ports: true,
  restartPolicy: true,
  livenessProbe: true,
  readinessProbe: true,
  startupProbe: true,
  lifecycle: true,
};

/** What policy, kernel side and condition take of a Pod. */
export const podFields: Projection = {
  metadata: { labels: true, annotations: { "kubernetes.io/config.hash": true } },
  spec: {
    nodeName: true,
    hostNetwork: true,
    readinessGates: true,
    runtimeClassName: true,
    containers: CONTAINER_FIELDS,
    initContainers: CONTAINER_FIELDS,
  },
  status: {
    phase: true,
    qosClass: true,
    conditions: true,
    containerStatuses: { name: true, containerID: true, state: { running: { startedAt: true } } },
  },
};

/** What the agent reads of the cluster. */
export interface AgentSources {
  /** Of this node alone. */
  readonly pods: Informer<Pod>;
  readonly configs: Informer<PodConfigMapConfig>;
}

/** Index of Pods by what their cgroup can be named after: UID, and the config hash of a static Pod. */
export const BY_CGROUP = "cgroup";

/** Asks a cache for what the agent of a node reads. */
export const agentSourcesOf = (cache: Cache, nodeName: string): AgentSources => ({
  pods: cache.informer(Pods, {
    project: podFields,
    fieldSelector: `spec.nodeName=${nodeName}`,
    index: { [BY_CGROUP]: cgroupNamesOf },
  }),
  configs: cache.informer(PodConfigMapConfigs),
});

const cgroupNamesOf = (pod: Stored<Pod>): string[] => {
  const hash = configHashOf(pod);
  return hash === undefined ? [pod.metadata.uid] : [pod.metadata.uid, hash];
};
