import { type Change, type KeyString, keyOf, type Stored } from "@pcmc/controller-runtime";
import type { PodConfigMapConfig } from "../api/podconfigmapconfig.ts";
import { selects } from "./config.ts";
import { indexes, ownersOf, parsedConfig, type Sources } from "./sources.ts";

/** The Pods whose outcome a change of a PodConfigMapConfig can touch: selected before or after, or having a ConfigMap of it. */
export const podsWhoseOutcomeChanges =
  (sources: Sources) =>
  (change: Change<Stored<PodConfigMapConfig>>): Set<KeyString> => {
    const keys = new Set<KeyString>();
    if (change.type === "updated" && isStatusOnly(change.old, change.object)) return keys;
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

/** The generation counts the versions of the spec; another uid is another object of the same name. */
const isStatusOnly = (old: Stored<PodConfigMapConfig>, now: Stored<PodConfigMapConfig>): boolean =>
  old.metadata.generation === now.metadata.generation && old.metadata.uid === now.metadata.uid;
