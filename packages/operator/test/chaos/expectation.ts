import type { Stored } from "@pcmc/controller-runtime";
import type { Pod } from "kubernetes-types/core/v1.d.ts";
import { parsePodConfigMapConfig } from "../../src/podconfigmap/config.ts";
import { desiredConfigMaps } from "../../src/podconfigmap/desired.ts";
import { difference } from "../../src/podconfigmap/difference.ts";
import { madeFor } from "../../src/podconfigmap/ownership.ts";
import { podViewOf } from "../../src/podconfigmap/sources.ts";
import type { Namespace } from "../integration/support/namespace.ts";
import { existingOf } from "../podconfigmap/fixtures.ts";
import type { ForeignObjects } from "./foreign.ts";

/** How many Pods a PodConfigMapConfig selects, and how many of these have no ConfigMap for a reason that stays. */
export interface Tally {
  matched: number;
  failed: number;
}

/** What the pure functions say of a namespace as it is now, beside the ConfigMaps themselves. */
export interface Expectation {
  /** ConfigMaps that are to be left alone: somebody else's, and those whose marks a hand has made contradict each other. */
  readonly leftAlone: readonly string[];
  /** By PodConfigMapConfig. */
  readonly tallies: ReadonlyMap<string, Tally>;
}

/** Reads a namespace and computes what is to be said of it. */
export const expectationOf = async (namespace: Namespace, foreign: ForeignObjects): Promise<Expectation> => {
  const [pods, configs, configMaps] = await Promise.all([
    namespace.list("pods"),
    namespace.list("podconfigmapconfigs"),
    namespace.list("configmaps"),
  ]);
  const views = new Map(pods.map((pod) => [pod.metadata.name, podViewOf(pod as Stored<Pod>)]));
  const existing = new Map(configMaps.map((configMap) => [configMap.metadata.name, existingOf(configMap)]));
  const parsed = configs.map(parsePodConfigMapConfig);
  const tallies = new Map<string, Tally>(parsed.map(({ name }) => [name, { matched: 0, failed: 0 }]));
  const desired = new Set<string>();
  const inTheWay = new Set<string>();
  for (const pod of views.values()) {
    const settlements = desiredConfigMaps(pod, {
      configs: parsed,
      pod: (name) => views.get(name),
      configMap: (name) => existing.get(name),
    });
    const actions = difference({ podName: pod.name, pod, settlements, existing: [...existing.values()] });
    const conflicts = actions.filter((action) => action.type === "conflict");
    for (const { name } of conflicts) inTheWay.add(name);
    for (const settlement of settlements) {
      if (settlement.kind === "desired") desired.add(settlement.configMap.name);
      const tally = tallies.get(settlement.pcmc);
      if (tally === undefined) continue;
      tally.matched++;
      if (settlement.kind === "failed" || conflicts.some(({ pcmc }) => pcmc === settlement.pcmc)) tally.failed++;
    }
  }
  // Nobody sweeps what does not say in full whose it is; only a hand makes such objects.
  const isStray = (name: string) => {
    const metadata = existing.get(name)?.metadata;
    return metadata !== undefined && madeFor(metadata) === undefined && !desired.has(name);
  };
  // What a terminating Pod leaves is the garbage collector's, also where another pair waits for its name.
  const isOfTerminating = (name: string) => {
    const claim = madeFor(existing.get(name)?.metadata ?? {});
    return claim !== undefined && views.get(claim.pod)?.deletionTimestamp !== undefined;
  };
  const strays = [...existing.keys()].filter((name) => {
    if (inTheWay.has(name)) return foreign.wasHandled(name) || isOfTerminating(name);
    return foreign.wasHandled(name) && isStray(name);
  });
  return { leftAlone: [...new Set([...foreign.names, ...strays])], tallies };
};
