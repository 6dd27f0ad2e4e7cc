import { digestOf } from "@pcmc/controller-runtime";
import type { ConfigMap } from "kubernetes-types/core/v1.d.ts";
import type { ExistingConfigMap } from "../controllers/digested-config-maps.ts";
import { reborn, withMarks } from "../controllers/marks.ts";
import type { Settlement } from "./desired.ts";
import { configMapOf, newConfigMap } from "./new-config-map.ts";
import { type Claim, isOurs, madeFor, marksOf, pcmcNameOf } from "./ownership.ts";
import type { DesiredConfigMap, PodView } from "./views.ts";

/** What a delete has to name, so that it hits only the object that was judged. */
export interface Preconditions {
  readonly uid: string;
  readonly resourceVersion: string;
}

/** One write, or the reason for none. A settlement without an action is as it should be. */
export type Action =
  | { readonly type: "create"; readonly pcmc: string; readonly configMap: ConfigMap }
  /** A PUT: `metadata.resourceVersion` is that of the object judged. */
  | { readonly type: "update"; readonly pcmc: string; readonly configMap: ConfigMap }
  /** A delete with preconditions, then a create. */
  | {
      readonly type: "recreate";
      readonly pcmc: string;
      /** `Immutable`: made so by hand. `FormerPod`: it belongs to an earlier Pod of the same name. */
      readonly reason: "Immutable" | "FormerPod";
      readonly preconditions: Preconditions;
      readonly configMap: ConfigMap;
    }
  | { readonly type: "delete"; readonly pcmc: string; readonly name: string; readonly preconditions: Preconditions }
  /** The name is taken by an object that is not ours: it stays untouched. */
  | { readonly type: "conflict"; readonly pcmc: string; readonly name: string; readonly message: string }
  /** The object is being deleted and waits for its finalizers: its end brings the next reconcile. */
  | { readonly type: "wait"; readonly pcmc: string; readonly name: string; readonly message: string };

/** What `difference` compares. */
export interface DifferenceInput {
  /** Namespace and name of the Pod, whether it is there or not. */
  readonly podName: string;
  /** The Pod; `undefined` = gone. */
  readonly pod: PodView | undefined;
  /** What it should have; empty where it is gone. */
  readonly settlements: readonly Settlement[];
  /**
   * The ConfigMaps under the names of the settlements, and all that may have been made for a Pod of this name. More does no harm:
   * what is not this Pod's is left alone.
   */
  readonly existing: readonly ExistingConfigMap[];
}

/** The writes that make `existing` what it should be; none when it is. A terminating Pod's ConfigMaps are left alone. */
export const difference = ({ podName, pod, settlements, existing }: DifferenceInput): readonly Action[] => {
  if (pod?.deletionTimestamp !== undefined) return [];
  const byName = new Map(existing.map((configMap) => [configMap.metadata.name, configMap]));
  const wanted = pod === undefined ? [] : settlements.flatMap((settlement) => toSettle(pod, settlement, byName));
  const names = new Set(settlements.flatMap((one) => (one.kind === "desired" ? [one.configMap.name] : [])));
  const leftovers = [...byName.values()].filter(
    (configMap) => !names.has(configMap.metadata.name) && isLeftover(configMap, { podName, pod, settlements }),
  );
  return [...leftovers.map(deleteOf), ...wanted];
};

const toSettle = (
  pod: PodView,
  settlement: Settlement,
  byName: ReadonlyMap<string, ExistingConfigMap>,
): readonly Action[] => {
  if (settlement.kind === "failed") return [];
  const { pcmc, configMap: desired } = settlement;
  const claim = { pod: pod.name, podUid: pod.uid, pcmc };
  const existing = byName.get(desired.name);
  if (existing === undefined) return [{ type: "create", pcmc, configMap: newConfigMap(desired, claim) }];
  const { name, deletionTimestamp } = existing.metadata;
  if (isOurs(existing.metadata, claim)) {
    return deletionTimestamp === undefined ? toRepair(desired, existing, claim) : [waitFor(pcmc, name)];
  }
  const former = madeFor(existing.metadata);
  if (former?.pod !== pod.name || former.pcmc !== pcmc) return [conflictAt(pcmc, name)];
  if (deletionTimestamp !== undefined) return [waitFor(pcmc, name)];
  const configMap = newConfigMap(desired, claim);
  return [{ type: "recreate", pcmc, reason: "FormerPod", preconditions: preconditionsOf(existing), configMap }];
};

const toRepair = (desired: DesiredConfigMap, existing: ExistingConfigMap, claim: Claim): readonly Action[] => {
  const { pcmc } = claim;
  const { metadata, changed } = withMarks(existing.metadata, marksOf(claim));
  if (existing.immutable) {
    const configMap = configMapOf(desired, reborn(metadata));
    return [{ type: "recreate", pcmc, reason: "Immutable", preconditions: preconditionsOf(existing), configMap }];
  }
  const sameData = (existing.dataDigest ?? EMPTY) === digestOf(desired.data);
  const noBinaryData = (existing.binaryDataDigest ?? EMPTY) === EMPTY;
  return changed || !sameData || !noBinaryData
    ? [{ type: "update", pcmc, configMap: configMapOf(desired, metadata) }]
    : [];
};

/**
 * Whether `configMap` was made for a Pod of this name and is wanted no more: another Pod's of the same name, not selected
 * any more, or under a name that its pair has left. The caller has sorted out the names that are wanted.
 */
const isLeftover = (
  { metadata }: ExistingConfigMap,
  { podName, pod, settlements }: Pick<DifferenceInput, "podName" | "pod" | "settlements">,
): boolean => {
  const claim = madeFor(metadata);
  if (claim?.pod !== podName || metadata.deletionTimestamp !== undefined) return false;
  const settlement = settlements.find(({ pcmc }) => pcmc === claim.pcmc);
  if (settlement?.kind !== "failed") return true;
  // A failure leaves the Pod's ConfigMap as it was; an unreadable selector leaves even that of a former Pod.
  return settlement.reason !== "InvalidSelector" && claim.podUid !== pod?.uid;
};

const EMPTY = digestOf(undefined);

const preconditionsOf = ({ metadata: { uid, resourceVersion } }: ExistingConfigMap): Preconditions => ({
  uid,
  resourceVersion,
});

const deleteOf = (existing: ExistingConfigMap): Action => ({
  type: "delete",
  pcmc: pcmcNameOf(existing.metadata) ?? "",
  name: existing.metadata.name,
  preconditions: preconditionsOf(existing),
});

const conflictAt = (pcmc: string, name: string): Action => ({
  type: "conflict",
  pcmc,
  name,
  message: `ConfigMap ${name} exists and is not ours: it is left untouched; rename or delete it to make room`,
});

const waitFor = (pcmc: string, name: string): Action => ({
  type: "wait",
  pcmc,
  name,
  message: `ConfigMap ${name} is being deleted and waits for its finalizers`,
});
