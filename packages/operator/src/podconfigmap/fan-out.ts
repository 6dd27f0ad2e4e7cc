import { type Change, type KeyString, keyOf, keyString, type Stored } from "@pcmc/controller-runtime";
import type { PodConfigMapConfig } from "../api/podconfigmapconfig.ts";
import type { DigestedConfigMap } from "../controllers/digested-config-maps.ts";
import { selects } from "./config.ts";
import { pairsOf } from "./names.ts";
import { indexes, markedUidKeyOf, ownersOf, parsedConfig, type Sources } from "./sources.ts";

/** The Pods whose outcome a change of a PodConfigMapConfig can touch: selected before or after, or having a ConfigMap of it. */
export const podsWhoseOutcomeChanges =
  (sources: Sources) =>
  (change: Change<Stored<PodConfigMapConfig>>): Set<KeyString> => {
    const keys = new Set<KeyString>();
    if (isStatusOnly(change)) return keys;
    const versions = change.type === "updated" ? [change.old, change.object] : [change.object];
    const selections = versions.map(parsedConfig);
    for (const pod of sources.pods.inNamespace(change.object.metadata.namespace ?? "")) {
      if (selections.some((config) => selects(config, pod.metadata.labels))) keys.add(keyOf(pod));
    }
    for (const configMap of sources.configMaps.byIndex(indexes.pcmc, keyOf(change.object))) {
      for (const owner of ownersOf(configMap)) keys.add(owner);
    }
    return keys;
  };

/**
 * Whether a change leaves the spec as it was: the generation counts the versions of the spec; another uid is another object of
 * the same name.
 */
export const isStatusOnly = (change: Change<Stored<PodConfigMapConfig>>): boolean =>
  change.type === "updated" &&
  change.old.metadata.generation === change.object.metadata.generation &&
  change.old.metadata.uid === change.object.metadata.uid;

/**
 * The Pods that a change of a ConfigMap concerns: its owner, the one of the UID in its label, whichever of the two was left,
 * and all whose readable name it has, since they may have waited for it.
 *
 * Of a write of ours its own Pod knows. But where several pairs have one readable name, what one of them gives up, or takes,
 * is news to the others.
 */
export const podsConcerned =
  (sources: Sources) =>
  (change: Change<Stored<DigestedConfigMap>>): Iterable<KeyString> | undefined => {
    const named = podsNamedBy(change.object);
    if (change.origin === "write") return named.length > 1 ? named : undefined;
    const versions = change.type === "updated" ? [change.old, change.object] : [change.object];
    return new Set([...named, ...versions.flatMap((configMap) => markedPods(configMap, sources))]);
  };

/** The Pods of the pairs that have this readable name. */
const podsNamedBy = ({ metadata: { namespace = "", name } }: Stored<DigestedConfigMap>): readonly KeyString[] =>
  pairsOf(name).map(({ pod }) => keyString(namespace, pod));

const markedPods = (configMap: Stored<DigestedConfigMap>, { pods }: Sources): readonly KeyString[] => {
  const uid = markedUidKeyOf(configMap);
  const marked = uid === undefined ? [] : pods.byIndex(indexes.podUid, uid).map(keyOf);
  return [...ownersOf(configMap), ...marked];
};
