import type { Stored } from "@pcmc/controller-runtime";
import type { Condition } from "../api/conditions.ts";
import type { Watcher, WatcherStatus } from "../api/watcher.ts";
import { conditionOf, dated, sameConditions, shorten, type Undated } from "../controllers/conditions.ts";
import type { Contender } from "./contenders.ts";
import type { Obstacle } from "./managed-config-map.ts";
import type { Census } from "./missed.ts";
import { configMapNameOf } from "./names.ts";
import type { ParsedWatcher } from "./parsed.ts";
import type { RolloutState } from "./rollout.ts";

/** How the managed ConfigMap stands. */
export interface ConfigMapState {
  /** `undefined`: it is as it should be. */
  readonly obstacle: Obstacle | undefined;
  /** Whether it is there, ours, and holds what it should. */
  readonly holds: boolean;
}

/** What decides whether a Watcher is injected. */
export interface ReadinessFacts {
  readonly parsed: ParsedWatcher;
  readonly configMap: ConfigMapState;
  /** The earlier Watcher of the namespace that has its container's or volume's name. */
  readonly contender: Contender | undefined;
  /** Why nothing is injected in its namespace; `undefined`: something is. */
  readonly excluded: string | undefined;
}

export interface StatusFacts extends ReadinessFacts {
  readonly census: Census;
  /** `undefined`: the Watcher asks for none. */
  readonly rollout: RolloutState | undefined;
  /** Fields of container and volume that this API server does not know; `undefined`: that is not known yet. */
  readonly droppedFields: readonly string[] | undefined;
}

/** Pods that `status.missedPods` names at the most; the rest is a count. */
const NAMED_PODS = 10;

/** The condition Ready: all that has to be so before a Watcher may be injected. */
export const readinessOf = ({ parsed, configMap, contender, excluded }: ReadinessFacts): Undated => {
  const no = (reason: string, message: string): Undated => ({
    type: "Ready",
    status: "False",
    reason,
    message: shorten(message),
  });
  if (!parsed.ok) return no(parsed.fault.reason, parsed.fault.message);
  if (!configMap.holds && configMap.obstacle) return no(configMap.obstacle.reason, configMap.obstacle.message);
  if (contender !== undefined) return no("Contended", contendedMessage(contender));
  if (excluded !== undefined) return no("NamespaceExcluded", `nothing is injected here: ${excluded}`);
  return { type: "Ready", status: "True", reason: "Ready", message: "New Pods that ask for it get it." };
};

const contendedMessage = ({ watcher, over, name }: Contender): string =>
  `Watcher ${watcher} comes first by name and has the ${over} name ${JSON.stringify(name)} too: rename the ${over} in one of them, or delete one`;

/** Since when a Watcher is Ready, if it is so now: as it is stored, or will be, in whole seconds. */
export const readySince = ({ status }: Watcher, ready: Undated, now: Date): Date | undefined => {
  if (ready.status !== "True") return undefined;
  const before = conditionOf(status?.conditions, "Ready");
  const since = before?.status === "True" ? Date.parse(before.lastTransitionTime) : Number.NaN;
  return new Date(Number.isNaN(since) ? Math.floor(now.getTime() / SECOND) * SECOND : since);
};

const SECOND = 1_000;

/** The status as it should be now, or `undefined` when it is that already. Nothing but a difference makes a write. */
export const nextStatus = (watcher: Stored<Watcher>, facts: StatusFacts, now: Date): WatcherStatus | undefined => {
  const before = watcher.status ?? {};
  const { generation = 0, name } = watcher.metadata;
  const { parsed, configMap, census } = facts;
  const conditions = conditionsOf(facts, name).map((condition) =>
    dated({ ...condition, observedGeneration: generation }, { before: before.conditions ?? [], now }),
  );
  const isOthers = ({ type }: Condition) => !OURS.has(type) || (type === DROPPED && facts.droppedFields === undefined);
  const others = (before.conditions ?? []).filter(isOthers);
  const missedPods = census.missed.slice(0, NAMED_PODS).map(({ pod, reason }) => ({ name: pod.metadata.name, reason }));
  const status: WatcherStatus = {
    observedGeneration: generation,
    ...(hasName(configMap) && { configMapName: configMapNameOf(name) }),
    ...(parsed.ok && { revision: parsed.revision }),
    injected: census.injected,
    missed: census.missed.length,
    outdated: census.outdated.length,
    ...(missedPods.length > 0 && { missedPods }),
    conditions: [...conditions, ...others],
  };
  return sameStatus(before, status) ? undefined : status;
};

/** There is no ConfigMap of this Watcher's under the name, and there will be none. */
const hasName = ({ obstacle }: ConfigMapState): boolean =>
  obstacle?.reason !== "NameTooLong" && obstacle?.reason !== "ConfigMapConflict";

const DROPPED = "FieldsDropped";
const OURS = new Set(["Ready", "ConfigMapReady", "RolledOut", DROPPED]);

const conditionsOf = (facts: StatusFacts, name: string): readonly Undated[] => [
  readinessOf(facts),
  configMapCondition(facts.configMap, name),
  ...(facts.rollout === undefined ? [] : [{ type: "RolledOut", ...facts.rollout.condition } as const]),
  ...(facts.droppedFields?.length ? [droppedCondition(facts.droppedFields)] : []),
];

const configMapCondition = ({ obstacle }: ConfigMapState, watcher: string): Undated => {
  if (obstacle !== undefined) {
    return { type: "ConfigMapReady", status: "False", reason: obstacle.reason, message: shorten(obstacle.message) };
  }
  const message = `ConfigMap ${configMapNameOf(watcher)} is up to date.`;
  return { type: "ConfigMapReady", status: "True", reason: "UpToDate", message };
};

const droppedCondition = (fields: readonly string[]): Undated => ({
  type: DROPPED,
  status: "True",
  reason: "UnknownToApiServer",
  message: shorten(
    `this API server does not know ${fields.join(", ")}, and leaves it out of Pods: upgrade it, or do without`,
  ),
});

const sameStatus = (a: WatcherStatus, b: WatcherStatus): boolean => {
  const { conditions: ofA, ...restOfA } = a;
  const { conditions: ofB, ...restOfB } = b;
  return sameConditions(ofA, ofB) && JSON.stringify(sorted(restOfA)) === JSON.stringify(sorted(restOfB));
};

const sorted = (fields: Omit<WatcherStatus, "conditions">) =>
  Object.entries(fields)
    .map(([field, value]) => [field, Array.isArray(value) ? value.map(({ name, reason }) => [name, reason]) : value])
    .sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
