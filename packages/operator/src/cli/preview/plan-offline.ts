import { describeFault, desiredConfigMaps, type Settlement, selectedBy } from "../../podconfigmap/desired.ts";
import { newConfigMap } from "../../podconfigmap/new-config-map.ts";
import type { PodView } from "../../podconfigmap/views.ts";
import { type Plan, type Renderings, type Result, type Scene, viewOf } from "./scene.ts";

/** What the controller would make in a namespace that holds the given objects and no ConfigMap yet. */
export const planOffline = (scene: Scene, rendered: Renderings): Plan => {
  const { pods, configs, shown } = scene;
  const views = new Map(pods.map((pod) => [pod.metadata.name, viewOf(pod)]));
  const state = { configs, rendered, pod: (name: string) => views.get(name), configMap: () => undefined };
  const plan = (pod: PodView) =>
    desiredConfigMaps(pod, state)
      .filter(({ pcmc }) => shown.has(pcmc))
      .map((settlement) => resultOf(pod, settlement));
  return (isOver) => views.values().flatMap((pod) => (isOver() ? lateResults(pod, { scene, rendered }) : plan(pod)));
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

/** Of a Pod for which there is no time left: what is known to have failed has, the rest was not looked at. */
export const lateResults = (
  pod: PodView,
  { scene: { configs, shown }, rendered }: { readonly scene: Scene; readonly rendered: Renderings },
): readonly Result[] =>
  selectedBy(pod, configs)
    .filter(({ name }) => shown.has(name))
    .map((config) => {
      const { name: pcmc, spec } = config;
      const rendering = spec.templates.size === 0 ? undefined : rendered(config, pod);
      if (rendering === undefined || rendering.ok) return { kind: "late", pod: pod.name, pcmc };
      const { faults } = rendering;
      return { kind: "failed", pod: pod.name, pcmc, message: faults.map(describeFault).join("; "), faults };
    });
