import { setImmediate } from "node:timers/promises";
import type { Stored } from "@pcmc/controller-runtime";
import type { Pod } from "kubernetes-types/core/v1.d.ts";
import type { Watcher } from "../api/watcher.ts";
import { isOwnPod } from "./excluded-namespaces.ts";
import { injectedIn } from "./injected.ts";
import { asksFor } from "./requests.ts";

/** Why a Pod that asks for a Watcher does not have it. */
export type MissedReason =
  /** The Watcher is not Ready: nobody gets it. */
  | "NotReady"
  /** The Pod is older than the Watcher's readiness. */
  | "CreatedBeforeReady"
  /** The Pod was created while the Watcher became ready: which came first cannot be told. */
  | "CreatedAsReady"
  /** The Pod has a container of its own of that name. */
  | "ContainerConflict"
  /** The Pod has a volume of its own of that name. */
  | "VolumeConflict"
  /**
   * No webhook had a say when the Pod was created, or it asks only since then; or the webhook left it out for what cannot be seen
   * in the Pod as it is kept here: `PortConflict`, `NoNativeSidecars`.
   */
  | "NotInjected";

export interface MissedPod {
  readonly pod: Stored<Pod>;
  readonly reason: MissedReason;
}

/** How the live Pods of a namespace stand to one Watcher. */
export interface Census {
  /** How many have it, of whatever revision. */
  readonly injected: number;
  /** Those that have an older revision, in the order of their names. */
  readonly outdated: readonly Stored<Pod>[];
  /** Those that ask for it and do not have it, in the order of their names. */
  readonly missed: readonly MissedPod[];
}

/** What a census has to know besides the Watcher. */
export interface CensusInput {
  /** Pods of the Watcher's namespace: all that name it in an annotation, and all that its selector may select. */
  readonly pods: readonly Stored<Pod>[];
  /** `undefined` where it cannot be told what would be injected: then no Pod is outdated. */
  readonly revision: string | undefined;
  /** Since when the Watcher is Ready; `undefined` = it is not. */
  readonly readySince: Date | undefined;
}

/** Pods looked at in one go, about a millisecond: webhooks are answered by the same thread. */
const SLICE = 1_000;

/**
 * Counts the Pods that have a Watcher, that have an older revision of it, and that should have it. It lets others run between
 * slices of many Pods; what changes meanwhile is another count's.
 */
export const censusOf = async (
  watcher: Stored<Watcher>,
  { pods, revision, readySince }: CensusInput,
): Promise<Census> => {
  const { name } = watcher.metadata;
  let injected = 0;
  const outdated: Stored<Pod>[] = [];
  const missed: MissedPod[] = [];
  for (const [index, pod] of pods.entries()) {
    if (index % SLICE === SLICE - 1) await setImmediate();
    if (!isLive(pod)) continue;
    const has = presentIn(pod).get(name);
    if (has !== undefined) {
      injected++;
      if (revision !== undefined && has !== revision) outdated.push(pod);
    } else if (asksFor(pod, watcher) && !isOwn(pod)) {
      missed.push({ pod, reason: reasonFor(pod, watcher, readySince) });
    }
  }
  return { injected, outdated: outdated.sort(byPodName), missed: missed.sort((a, b) => byPodName(a.pod, b.pod)) };
};

/** Whether a Pod still runs or is to run: one that is over, or going, has no use for a sidecar any more. */
export const isLive = ({ metadata, status }: Stored<Pod>): boolean =>
  metadata.deletionTimestamp === undefined && status?.phase !== "Succeeded" && status?.phase !== "Failed";

/** Whether a Pod is the operator's: into these nothing is injected, wherever they are. */
export const isOwn = ({ metadata }: Stored<Pod>): boolean => isOwnPod(metadata.labels);

const present = new WeakMap<Stored<Pod>, ReadonlyMap<string, string>>();

/** As `injectedIn`, once for each version of a Pod: its annotations are parsed, and its containers gone through. */
export const presentIn = (pod: Stored<Pod>): ReadonlyMap<string, string> => {
  const known = present.get(pod);
  if (known !== undefined) return known;
  const found = injectedIn(pod);
  present.set(pod, found);
  return found;
};

const reasonFor = (pod: Stored<Pod>, { spec }: Watcher, readySince: Date | undefined): MissedReason => {
  if (readySince === undefined) return "NotReady";
  const { containers = [], initContainers = [], volumes = [] } = pod.spec ?? {};
  const isNamed = (name: string | undefined) => (other: { readonly name: string }) => other.name === name;
  if ([...containers, ...initContainers].some(isNamed(spec?.container?.name))) return "ContainerConflict";
  if (volumes.some(isNamed(spec?.volume?.name))) return "VolumeConflict";
  const age = Date.parse(pod.metadata.creationTimestamp ?? "") - readySince.getTime();
  if (age < 0) return "CreatedBeforeReady";
  return age <= BECOMES_READY ? "CreatedAsReady" : "NotInjected";
};

/**
 * Both times are whole seconds, rounded down; and a webhook learns of the readiness a moment after the time that it says, when
 * the status is written. So many milliseconds between the two say nothing.
 */
const BECOMES_READY = 1_000;

const byPodName = (a: Stored<Pod>, b: Stored<Pod>): number => (a.metadata.name < b.metadata.name ? -1 : 1);

/** What is wrong and what to do, for each reason; a Watcher that is not ready says why itself. */
export const explain = (reason: MissedReason, { metadata: { name }, spec }: Stored<Watcher>): string => {
  const restart = "delete the Pod, or restart its workload, to get it";
  switch (reason) {
    case "NotReady":
      return `Watcher ${name} is not ready: see its conditions; Pods that are created once it is get it`;
    case "CreatedBeforeReady":
      return `the Pod was created before Watcher ${name} was ready: ${restart}`;
    case "CreatedAsReady":
      return `the Pod was created at the moment at which Watcher ${name} became ready, and did not get it: ${restart}`;
    case "ContainerConflict":
      return `the Pod has another container named ${JSON.stringify(spec?.container?.name ?? "")}, which is that of Watcher ${name}: rename one of them`;
    case "VolumeConflict":
      return `the Pod has another volume named ${JSON.stringify(spec?.volume?.name ?? "")}, which is that of Watcher ${name}: rename one of them`;
    case "NotInjected":
      return `the Pod was created without Watcher ${name}: the webhook was not reached then, or left it out for what it warned of (a port of the host that is taken, no native sidecars), or the Pod asks for it only since; ${restart}`;
  }
};
