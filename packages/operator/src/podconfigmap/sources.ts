import {
  type Cache,
  defineResource,
  type Informer,
  type KeyString,
  keyString,
  Pods,
  type Projection,
  type Stored,
} from "@pcmc/controller-runtime";
import type { Pod } from "kubernetes-types/core/v1.d.ts";
import type { PodConfigMapConfig } from "../api/podconfigmapconfig.ts";
import { configMapFields, type DigestedConfigMap, DigestedConfigMaps } from "../controllers/digested-config-maps.ts";
import { type ParsedConfig, parsePodConfigMapConfig } from "./config.ts";
import { GENERATED_BY, POD_UID, pcmcNameOf } from "./ownership.ts";
import type { PodView } from "./views.ts";

export const PodConfigMapConfigs = defineResource<PodConfigMapConfig>({
  apiVersion: "podconfig.example.com/v1alpha1",
  kind: "PodConfigMapConfig",
  plural: "podconfigmapconfigs",
  namespaced: true,
});

const podFields: Projection = {
  metadata: { labels: true, annotations: true },
  spec: { nodeName: true },
  status: { phase: true },
};

/** What the controllers read. */
export interface Sources {
  readonly pods: Informer<Pod>;
  readonly configs: Informer<PodConfigMapConfig>;
  readonly configMaps: Informer<DigestedConfigMap>;
}

/** Names of indexes, and how their values are written. */
export const indexes = {
  /** Pods by namespace and UID, since a copied label says nothing across namespaces: `namespace/uid`. */
  podUid: "uid",
  /** ConfigMaps by the Pod that owns them: `namespace/pod`. */
  owner: "owner",
  /** ConfigMaps by namespace and the UID in their label, for those that lost their owner: `namespace/uid`. */
  markedUid: "pod-uid",
  /** ConfigMaps by their PodConfigMapConfig: `namespace/pcmc`. */
  pcmc: "pcmc",
} as const;

/** Asks a cache for what the controllers read. */
export const sourcesOf = (cache: Cache): Sources => ({
  pods: cache.informer(Pods, { project: podFields, index: { [indexes.podUid]: uidKeyOf } }),
  configs: cache.informer(PodConfigMapConfigs),
  configMaps: cache.informer(DigestedConfigMaps, {
    labelSelector: GENERATED_BY,
    project: configMapFields,
    index: {
      [indexes.owner]: ownersOf,
      [indexes.markedUid]: markedUidKeyOf,
      [indexes.pcmc]: (configMap) => pcmcKeyOf(configMap),
    },
  }),
});

const uidKeyOf = ({ metadata }: Stored<Pod>): string => keyString(metadata.namespace ?? "", metadata.uid);

/** Under which value of `indexes.podUid` the Pod of a ConfigMap's label is found. */
export const markedUidKeyOf = ({ metadata }: Stored<DigestedConfigMap>): string | undefined => {
  const uid = metadata.labels?.[POD_UID];
  return uid === undefined ? undefined : keyString(metadata.namespace ?? "", uid);
};

/** The Pods that a ConfigMap names as its owners. */
export const ownersOf = ({ metadata }: Stored<DigestedConfigMap>): KeyString[] =>
  (metadata.ownerReferences ?? [])
    .filter(({ kind, apiVersion }) => kind === "Pod" && apiVersion === "v1")
    .map(({ name }) => keyString(metadata.namespace ?? "", name));

/** The PodConfigMapConfig that a ConfigMap names; `undefined` where it names none. */
export const pcmcKeyOf = ({ metadata }: Stored<DigestedConfigMap>): KeyString | undefined => {
  const pcmc = pcmcNameOf(metadata);
  return pcmc === undefined ? undefined : keyString(metadata.namespace ?? "", pcmc);
};

export const podViewOf = ({ metadata, spec, status }: Stored<Pod>): PodView => ({
  name: metadata.name,
  namespace: metadata.namespace ?? "",
  uid: metadata.uid,
  labels: metadata.labels,
  annotations: metadata.annotations,
  nodeName: spec?.nodeName,
  phase: status?.phase,
  deletionTimestamp: metadata.deletionTimestamp,
});

const parsed = new WeakMap<Stored<PodConfigMapConfig>, ParsedConfig>();

/** The parsed form of a cached PodConfigMapConfig: each of its versions is parsed once. */
export const parsedConfig = (config: Stored<PodConfigMapConfig>): ParsedConfig => {
  const known = parsed.get(config);
  if (known !== undefined) return known;
  const made = parsePodConfigMapConfig(config);
  parsed.set(config, made);
  return made;
};
