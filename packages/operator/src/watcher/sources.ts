import {
  type Cache,
  type Informer,
  type KeyString,
  keyString,
  Pods,
  type Projection,
  type Stored,
} from "@pcmc/controller-runtime";
import type { Pod } from "kubernetes-types/core/v1.d.ts";
import type { Watcher } from "../api/watcher.ts";
import { configMapFields, type DigestedConfigMap, DigestedConfigMaps } from "../controllers/digested-config-maps.ts";
import { widenPodsFor } from "../controllers/widened-pods.ts";
import { injectedNames } from "./injected.ts";
import { configMapNameOf, INJECTED } from "./names.ts";
import { WATCHER } from "./ownership.ts";
import { askedBy } from "./requests.ts";
import { Watchers } from "./watchers.ts";

const owner: Projection = { apiVersion: true, kind: true, name: true, uid: true, controller: true };
const container: Projection = { name: true, envFrom: true };

/** Of every Pod: what says which Watchers it asks for. */
const askingFields: Projection = { metadata: { labels: true, annotations: true }, status: { phase: true } };

/**
 * Of every Pod, as soon as a Watcher is there or asked for: also which it has, and whose it is. Its containers' names, not
 * what they are.
 */
export const podFields: Projection = {
  metadata: { labels: true, annotations: true, creationTimestamp: true, ownerReferences: owner },
  spec: { containers: container, initContainers: container, volumes: { name: true } },
  status: { phase: true },
};

/** What the controller reads. */
export interface Sources {
  readonly pods: Informer<Pod>;
  readonly watchers: Informer<Watcher>;
  /** The managed ones, as far as they still carry our label. */
  readonly configMaps: Informer<DigestedConfigMap>;
}

export const indexes = {
  /** Pods by the Watchers that their annotations name, as asked for or as injected: `namespace/watcher`. */
  named: "watchers",
} as const;

/** Asks a cache for what the controller reads. */
export const sourcesOf = (cache: Cache): Sources => {
  const pods = cache.informer(Pods, { project: askingFields, index: { [indexes.named]: watchersNamedBy } });
  const watchers = cache.informer(Watchers);
  const configMaps = cache.informer(DigestedConfigMaps, { labelSelector: WATCHER, project: configMapFields });
  const wish = { pods, project: podFields };
  widenPodsFor({ ...wish, informer: watchers, isNeededBy: () => true });
  // What a Watcher that is gone has left in a Pod is told from what is asked for in vain.
  widenPodsFor({ ...wish, informer: pods, isNeededBy: (pod) => watchersNamedBy(pod).length > 0 });
  return { pods, watchers, configMaps };
};

/** The keys of the Watchers that a Pod's annotations name, whether there are such or not: of the entries that count. */
export const watchersNamedBy = ({ metadata }: Stored<Pod>): readonly KeyString[] => {
  const { namespace = "", annotations } = metadata;
  if (annotations === undefined) return NONE;
  const names = new Set([...askedBy(annotations).entries, ...injectedNames(annotations[INJECTED])]);
  return names.size === 0 ? NONE : [...names].map((name) => keyString(namespace, name));
};

const NONE: readonly KeyString[] = [];

const SUFFIX = configMapNameOf("");

/** The Watcher whose managed ConfigMap has this name; `undefined` where none can. */
export const watcherOfConfigMap = ({ metadata }: Stored<DigestedConfigMap>): KeyString | undefined => {
  const { name, namespace = "" } = metadata;
  return name.endsWith(SUFFIX) ? keyString(namespace, name.slice(0, -SUFFIX.length)) : undefined;
};
