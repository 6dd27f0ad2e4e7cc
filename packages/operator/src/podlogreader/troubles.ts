import {
  type KeyString,
  type Logger,
  type NewEvent,
  type Recorder,
  type Stored,
  snakeCase,
} from "@pcmc/controller-runtime";
import type { Deployment } from "kubernetes-types/apps/v1.d.ts";
import type { GroupMetrics } from "../metrics/group-metrics.ts";
import type { ObjectKind } from "./keeper.ts";

/** What stands in the way of what a Deployment should have, or is worth knowing about it. */
export interface Trouble {
  /** `Normal` where nothing is missing for it. */
  readonly type: NewEvent["type"];
  /** As an Event has it. */
  readonly reason: string;
  /** One line that says what is wrong and what to do. */
  readonly note: string;
}

export interface TroublesOptions {
  readonly events: Recorder;
  readonly metrics: Pick<GroupMetrics, "onFailure">;
}

/** What a trouble is about: an object, or the number of Pods. */
export type Topic = ObjectKind | "Pods";

/** What stands in the way and is not in our caches: whose object there is, and until when (monotonic) to leave it alone. */
export interface Obstacle {
  readonly holder: "us" | "others" | "nobody";
  readonly until: number;
}

interface Standing {
  readonly reason: string;
  readonly obstacle?: Obstacle;
}

const NAME = "podlogreader";
const ACTION = "Grant";

/** Tells of each trouble once, when it begins or becomes another one, however often it is met. Memory only. */
export class Troubles {
  readonly #options: TroublesOptions;
  /** By Deployment and topic. */
  readonly #standing = new Map<KeyString, Map<Topic, Standing>>();

  constructor(options: TroublesOptions) {
    this.#options = options;
  }

  /** What stands in the way of a topic. */
  obstacle(key: KeyString, topic: Topic): Obstacle | undefined {
    return this.#standing.get(key)?.get(topic)?.obstacle;
  }

  /** What was told of a topic is an obstacle that only a change elsewhere can mend. */
  rest(key: KeyString, topic: Topic, obstacle: Obstacle): void {
    const topics = this.#standing.get(key);
    const standing = topics?.get(topic);
    if (standing !== undefined) topics?.set(topic, { ...standing, obstacle });
  }

  /** Something is so. */
  begin(key: KeyString, topic: Topic, { trouble, regarding, log }: Told): void {
    const topics = this.#standing.get(key) ?? new Map<Topic, Standing>();
    const { type, reason, note } = trouble;
    if (topics.get(topic)?.reason === reason) return;
    this.#standing.set(key, topics.set(topic, { reason }));
    this.#options.events.event({ regarding, type, reason, action: ACTION, note });
    if (type === "Normal") return;
    log.warning("a Deployment does not have what it should have", { reason, cause: note });
    this.#options.metrics.onFailure(NAME, regarding.metadata.namespace ?? "", errorTypeOf(reason));
  }

  /** It is so no more. */
  end(key: KeyString, topic: Topic): void {
    const topics = this.#standing.get(key);
    if (topics?.delete(topic) && topics.size === 0) this.#standing.delete(key);
  }

  /** The Deployment is gone, or concerns us no more. */
  forget(key: KeyString): void {
    this.#standing.delete(key);
  }
}

interface Told {
  readonly trouble: Trouble;
  readonly regarding: Stored<Deployment>;
  readonly log: Logger;
}

/** The `error_type` of a reason: docs/reference/metrics.md lists them. */
const errorTypeOf = (reason: string): string => {
  if (reason.endsWith("Conflict") || reason.endsWith(REMAINS)) return "conflict";
  return reason === TOO_MANY_PODS || reason === "TooLarge" ? "size" : snakeCase(reason);
};

const TOO_MANY_PODS = "TooManyPods";
const REMAINS = "Remains";

/** The Role has no room for the names of all Pods. */
export const tooManyPods = (left: number, all: number): Trouble => ({
  type: "Warning",
  reason: TOO_MANY_PODS,
  note: `The names of ${left} of ${all} Pods do not fit into a Role, which holds 1 MiB of them: these Pods' logs cannot be read through it.`,
});

/** An object of that name is there, and is not ours. */
export const foreignObject = (
  topic: ObjectKind,
  { name, isAsWanted }: { readonly name: string; readonly isAsWanted: boolean },
): Trouble => {
  const what = `${topic} ${name} exists and is not ours: it is left as it is`;
  switch (topic) {
    case "Role":
      return {
        type: "Warning",
        reason: "RoleConflict",
        note: `${what}, and follows no Pod that comes or goes; delete it to make room.`,
      };
    case "ServiceAccount":
      return { type: "Normal", reason: "ServiceAccountExists", note: `${what}, and gets the Role.` };
    case "RoleBinding":
      return isAsWanted
        ? { type: "Normal", reason: "RoleBindingExists", note: `${what}; it gives the Role to the ServiceAccount.` }
        : {
            type: "Warning",
            reason: "RoleBindingConflict",
            note: `${what}, and does not give the Role to the ServiceAccount alone; delete it to make room.`,
          };
  }
};

/** An object of ours is to go, and finalizers keep it. */
export const remains = (topic: ObjectKind, name: string): Trouble => ({
  type: "Warning",
  reason: `${topic}${REMAINS}`,
  note: `${topic} ${name} has been deleted and finalizers keep it: of an earlier Deployment, no Pod's logs can be read until it is gone.`,
});

/** The API server lets nobody grant what they do not hold. */
export const notHeld = (message: string): Trouble => ({
  type: "Warning",
  reason: "PermissionNotHeld",
  note: `The operator lacks permissions that it is to grant; add them to its ClusterRole: ${message}`,
});
