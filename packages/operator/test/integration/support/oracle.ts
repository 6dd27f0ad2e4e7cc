import type { Stored } from "@pcmc/controller-runtime";
import type { ConfigMap, Pod } from "kubernetes-types/core/v1.d.ts";
import { expect } from "vitest";
import { parsePodConfigMapConfig } from "../../../src/podconfigmap/config.ts";
import { desiredConfigMaps, type Settlement } from "../../../src/podconfigmap/desired.ts";
import { GENERATED_BY, isOurs, madeFor, marksOf, POD_UID } from "../../../src/podconfigmap/ownership.ts";
import { podViewOf } from "../../../src/podconfigmap/sources.ts";
import type { PodView } from "../../../src/podconfigmap/views.ts";
import { existingOf } from "../../podconfigmap/fixtures.ts";
import { eventually } from "./eventually.ts";
import type { Namespace } from "./namespace.ts";
import type { Held } from "./namespace-client.ts";

export interface ExactOptions {
  /** Names of ConfigMaps that are somebody else's, and are neither expected nor missed. */
  readonly foreign?: readonly string[];
}

/** What of a ConfigMap is ours to say. */
interface Facts {
  readonly data: unknown;
  readonly binaryData: unknown;
  readonly immutable: boolean;
  readonly labels: unknown;
  readonly fullName: string | undefined;
  readonly owners: unknown;
}

/**
 * Compares all ConfigMaps of a namespace with what the pure functions say of its Pods and PodConfigMapConfigs: none too
 * many, none missing, each with exactly our data and our marks. Left out are those of terminating Pods, which are the garbage
 * collector's, and those of pairs that fail, which stay as they were.
 */
export const expectExact = async (namespace: Namespace, { foreign = [] }: ExactOptions = {}): Promise<void> => {
  const others = new Set(["kube-root-ca.crt", ...foreign]);
  const [pods, configs, configMaps] = await Promise.all([
    namespace.list("pods"),
    namespace.list("podconfigmapconfigs"),
    namespace.list("configmaps"),
  ]);
  const views = new Map(pods.map((pod) => [pod.metadata.name, podViewOf(pod as Stored<Pod>)]));
  const existing = new Map(configMaps.map((configMap) => [configMap.metadata.name, existingOf(configMap)]));
  const parsed = configs.map(parsePodConfigMapConfig);
  const expected = new Map<string, Facts>();
  const excused = new Set<string>(others);
  for (const pod of views.values()) {
    const state = {
      configs: parsed,
      pod: (name: string) => views.get(name),
      configMap: (name: string) => existing.get(name),
    };
    for (const settlement of desiredConfigMaps(pod, state)) {
      if (settlement.kind === "failed") excuse(excused, { pod, settlement, configMaps });
      else if (!others.has(settlement.configMap.name)) expected.set(settlement.configMap.name, wanted(pod, settlement));
    }
  }
  const actual = configMaps
    .filter(({ metadata }) => !excused.has(metadata.name) && !isOfTerminating(metadata, views))
    .map((configMap) => [configMap.metadata.name, factsOf(configMap)] as const);
  expect(sorted(actual)).toEqual(sorted(expected));
};

/** Waits until `expectExact` holds. */
export const eventuallyExact = (namespace: Namespace, options: ExactOptions = {}): Promise<true> =>
  eventually(`the ConfigMaps of ${namespace.name} are exactly the desired ones`, async () => {
    await expectExact(namespace, options);
    return true;
  });

const excuse = (
  excused: Set<string>,
  {
    pod,
    settlement: { pcmc },
    configMaps,
  }: { pod: PodView; settlement: Settlement; configMaps: readonly Held<ConfigMap>[] },
): void => {
  for (const { metadata } of configMaps) {
    if (madeFor(metadata)?.pcmc === pcmc && isOurs(metadata, { pcmc, podUid: pod.uid })) excused.add(metadata.name);
  }
};

const isOfTerminating = (metadata: Held<ConfigMap>["metadata"], pods: ReadonlyMap<string, PodView>): boolean => {
  const claim = madeFor(metadata);
  const pod = claim && pods.get(claim.pod);
  return pod?.deletionTimestamp !== undefined && pod.uid === claim?.podUid;
};

const wanted = (pod: PodView, { pcmc, configMap }: Settlement & { kind: "desired" }): Facts => {
  const marks = marksOf({ pod: pod.name, pcmc, podUid: pod.uid });
  return {
    data: { ...configMap.data },
    binaryData: undefined,
    immutable: false,
    labels: marks.labels,
    fullName: marks.annotations[GENERATED_BY],
    owners: [marks.ownerReference],
  };
};

const factsOf = ({ metadata, data, binaryData, immutable = false }: Held<ConfigMap>): Facts => ({
  data,
  binaryData,
  immutable,
  labels: { [GENERATED_BY]: metadata.labels?.[GENERATED_BY], [POD_UID]: metadata.labels?.[POD_UID] },
  fullName: metadata.annotations?.[GENERATED_BY],
  owners: metadata.ownerReferences?.filter(({ kind }) => kind === "Pod"),
});

const sorted = (entries: Iterable<readonly [string, Facts]>) =>
  [...entries].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, facts]) => ({ name, ...facts }));
