import { digestOf } from "@pcmc/controller-runtime";
import type { ConfigMap } from "kubernetes-types/core/v1.d.ts";
import type { ExistingConfigMap } from "../../controllers/digested-config-maps.ts";
import { desiredConfigMaps, type Settlement } from "../../podconfigmap/desired.ts";
import { type Action, difference } from "../../podconfigmap/difference.ts";
import { madeFor } from "../../podconfigmap/ownership.ts";
import type { PodView } from "../../podconfigmap/views.ts";
import { failureOf, lateResults } from "./plan-offline.ts";
import { type Plan, type Renderings, type Result, type Scene, viewOf } from "./scene.ts";

/** A namespace of a cluster. */
export interface LiveScene extends Scene {
  /** All ConfigMaps of the namespace: the foreign ones can be in the way. */
  readonly configMaps: readonly ConfigMap[];
}

/** What the controller would do in a namespace as it is: the very plan that it carries out. */
export const planLive = (scene: LiveScene, rendered: Renderings): Plan => {
  const views = new Map(scene.pods.map((pod) => [pod.metadata.name, viewOf(pod)]));
  const configMaps = new ConfigMaps(scene.configMaps);
  const state = {
    configs: scene.configs,
    rendered,
    pod: (name: string) => views.get(name),
    configMap: (name: string) => configMaps.view(name),
  };
  const plan = (pod: PodView) => {
    const settlements = desiredConfigMaps(pod, state);
    const names = settlements.flatMap((one) => (one.kind === "desired" ? [one.configMap.name] : []));
    const existing = configMaps.viewsFor(pod.name, names);
    const actions = difference({ podName: pod.name, pod, settlements, existing });
    const wanted = settlements.map((settlement) => resultOf(pod, settlement, { actions, configMaps }));
    const deleted = actions.flatMap((action) =>
      action.type === "delete" ? [deletionOf(pod, action, configMaps)] : [],
    );
    return [...deleted, ...wanted].filter(({ pcmc }) => scene.shown.has(pcmc));
  };
  const late = (pod: PodView): readonly Result[] => {
    const wanted = lateResults(pod, { scene, rendered });
    // They might be deleted.
    const others = configMaps.madeFor(pod.name).filter((pcmc) => wanted.every((one) => one.pcmc !== pcmc));
    const left = others.map((pcmc): Result => ({ kind: "late", pod: pod.name, pcmc }));
    return [...left.filter(({ pcmc }) => scene.shown.has(pcmc)), ...wanted];
  };
  return (isOver) => views.values().flatMap((pod) => (isOver() ? late(pod) : plan(pod)));
};

interface Planning {
  readonly actions: readonly Action[];
  readonly configMaps: ConfigMaps;
}

const resultOf = (pod: PodView, settlement: Settlement, { actions, configMaps }: Planning): Result => {
  if (settlement.kind === "failed") return failureOf(pod, settlement);
  const { pcmc, configMap } = settlement;
  const before = configMaps.get(configMap.name);
  const action = actions.find((one) => one.pcmc === pcmc && one.type !== "delete");
  const made = (after: ConfigMap): Result => ({ kind: "made", pod: pod.name, pcmc, before, after });
  switch (action?.type) {
    case "create":
    case "update":
    case "recreate":
      return made(action.configMap);
    case "conflict":
      return { kind: "failed", pod: pod.name, pcmc, message: action.message, faults: [] };
    case "wait":
      return { kind: "waits", pcmc, message: action.message };
    default:
      // No action: it is as it should be.
      return made(
        before ?? { metadata: { name: configMap.name, namespace: configMap.namespace }, data: configMap.data },
      );
  }
};

const deletionOf = (pod: PodView, { pcmc, name }: Action & { type: "delete" }, configMaps: ConfigMaps): Result => ({
  kind: "deleted",
  pod: pod.name,
  pcmc,
  before: configMaps.get(name) ?? { metadata: { name } },
});

/** The ConfigMaps of a namespace, each looked at as the controller's cache would have it. */
class ConfigMaps {
  readonly #byName: ReadonlyMap<string, ConfigMap>;
  /** Names of those that may have been made for a Pod, by its name. */
  readonly #madeFor: ReadonlyMap<string | undefined, readonly ConfigMap[]>;
  readonly #views = new Map<string, ExistingConfigMap>();

  constructor(configMaps: readonly ConfigMap[]) {
    this.#byName = new Map(configMaps.map((configMap) => [configMap.metadata?.name ?? "", configMap]));
    this.#madeFor = Map.groupBy(configMaps, ({ metadata }) => madeFor(metadata ?? {})?.pod);
  }

  get(name: string): ConfigMap | undefined {
    return this.#byName.get(name);
  }

  view(name: string): ExistingConfigMap | undefined {
    const configMap = this.#byName.get(name);
    const known = this.#views.get(name);
    if (configMap === undefined || known !== undefined) return known;
    const made = existingOf(configMap);
    this.#views.set(name, made);
    return made;
  }

  /** The PodConfigMapConfigs that those of a Pod may have been made for. */
  madeFor(pod: string): string[] {
    return [...new Set((this.#madeFor.get(pod) ?? []).flatMap(({ metadata }) => madeFor(metadata ?? {})?.pcmc ?? []))];
  }

  /** Those under `names`, and all that may have been made for a Pod. */
  viewsFor(pod: string, names: readonly string[]): ExistingConfigMap[] {
    const own = (this.#madeFor.get(pod) ?? []).map(({ metadata }) => metadata?.name ?? "");
    return [...new Set([...own, ...names])].flatMap((name) => this.view(name) ?? []);
  }
}

const existingOf = ({ metadata = {}, data, binaryData, immutable = false }: ConfigMap): ExistingConfigMap => {
  const { name = "", uid = "", resourceVersion = "" } = metadata;
  return {
    metadata: { ...metadata, name, uid, resourceVersion },
    dataDigest: data && digestOf(data),
    binaryDataDigest: binaryData && digestOf(binaryData),
    immutable,
  };
};
