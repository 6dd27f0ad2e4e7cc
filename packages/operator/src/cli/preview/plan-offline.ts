import { desiredConfigMaps, type Settlement } from "../../podconfigmap/desired.ts";
import { newConfigMap } from "../../podconfigmap/new-config-map.ts";
import type { PodView } from "../../podconfigmap/views.ts";
import { type Renderings, type Result, type Scene, viewOf } from "./scene.ts";

/** What the controller would make in a namespace that holds the given objects and no ConfigMap yet. */
export const planOffline = ({ pods, configs, shown }: Scene, rendered: Renderings): readonly Result[] => {
  const views = new Map(pods.map((pod) => [pod.metadata.name, viewOf(pod)]));
  const state = { configs, rendered, pod: (name: string) => views.get(name), configMap: () => undefined };
  return [...views.values()].flatMap((pod) =>
    desiredConfigMaps(pod, state)
      .filter(({ pcmc }) => shown.has(pcmc))
      .map((settlement) => resultOf(pod, settlement)),
  );
};

const resultOf = (pod: PodView, settlement: Settlement): Result => {
  const { pcmc } = settlement;
  if (settlement.kind === "failed") return failureOf(pod, settlement);
  const after = newConfigMap(settlement.configMap, { pod: pod.name, podUid: pod.uid, pcmc });
  return { kind: "made", pod: pod.name, pcmc, before: undefined, after };
};

/** The result of a settlement that has failed. */
export const failureOf = (pod: PodView, { pcmc, message, faults = [] }: Settlement & { kind: "failed" }): Result => ({
  kind: "failed",
  pod: pod.name,
  pcmc,
  message,
  faults,
});
