import type { Container, Volume } from "kubernetes-types/core/v1.d.ts";
import type { Watcher, WatcherSpec } from "../api/watcher.ts";
import { configMapNameOf } from "./names.ts";
import type { ContainerList } from "./pod-draft.ts";
import { revisionOf } from "./revision.ts";

/** What one Watcher puts into a Pod. */
export interface Addition {
  readonly watcher: string;
  readonly revision: string;
  /** Init container with `restartPolicy: Always` = native sidecar. */
  readonly list: ContainerList;
  readonly container: Container;
  readonly volume: Volume | undefined;
  readonly pullSecret: string | undefined;
}

/** Where `injectAs` puts a container; `undefined` where the API server has no such place. */
export const listFor = (
  { injectAs = "Auto" }: Pick<WatcherSpec, "injectAs">,
  nativeSidecars: boolean,
): ContainerList | undefined => {
  if (injectAs === "Container") return "containers";
  if (nativeSidecars) return "initContainers";
  return injectAs === "Auto" ? "containers" : undefined;
};

/** What a Watcher puts into a Pod's list `list`. The revision is the one that its status tells, as it is to be found there. */
export const additionOf = ({ metadata, status }: Watcher, spec: WatcherSpec, list: ContainerList): Addition => {
  const watcher = metadata?.name ?? "";
  return {
    watcher,
    revision: status?.revision ?? revisionOf(spec),
    list,
    container: containerFor(watcher, spec, list),
    volume: spec.volume,
    pullSecret: spec.imagePullSecrets?.name || undefined,
  };
};

/** Newer than the types. */
type Restarted = Container & { readonly restartPolicyRules?: unknown };

/**
 * When the container is restarted goes with its place, which `injectAs` decides: a plain one goes with its Pod, and
 * API servers before 1.34 refuse Pods in which it says anything else. Of the ConfigMap all keys come last, so they win over what
 * else the container has by `envFrom`; where it reads that ConfigMap by itself, it stays as it is.
 */
const containerFor = (watcher: string, spec: WatcherSpec, list: ContainerList): Container => {
  const { restartPolicy: _, restartPolicyRules: __, ...container }: Restarted = spec.container;
  const name = configMapNameOf(watcher);
  const envFrom = container.envFrom ?? [];
  const isRead = envFrom.some(({ configMapRef, prefix = "" }) => configMapRef?.name === name && prefix === "");
  return {
    ...container,
    envFrom: isRead ? envFrom : [...envFrom, { configMapRef: { name } }],
    ...(list === "initContainers" && { restartPolicy: "Always" }),
  };
};
