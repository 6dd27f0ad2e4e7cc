import type { Undated } from "../controllers/conditions.ts";
import { shorten } from "../controllers/conditions.ts";
import { listOf } from "./injected.ts";

/**
 * Annotation of a workload's Pod template: for which revisions it was restarted, `<watcher>=<revision>`, sorted, with commas
 * between. It is what makes a restart happen once, whoever leads; the Pods have it too.
 */
export const RESTARTED_FOR = "watch.example.com/restarted-for";
/** What `kubectl rollout restart` writes. */
export const RESTARTED_AT = "kubectl.kubernetes.io/restartedAt";

/** What of a workload decides whether it is restarted. */
export interface Workload {
  readonly kind: "Deployment" | "StatefulSet" | "DaemonSet";
  readonly name: string;
  /** Watcher -> revision, from `RESTARTED_FOR`. */
  readonly restartedFor: ReadonlyMap<string, string>;
  /** When it was last restarted, by whomever. */
  readonly restartedAt: Date | undefined;
  /** Why a new template would not replace its Pods, or must not be written. */
  readonly obstacle: string | undefined;
  /** Whether Pods of an older template are being replaced. */
  readonly isReplacing: boolean;
  /** Whether all Pods that should be are available. */
  readonly isAvailable: boolean;
  /** Whether its controller has given up on its new Pods. */
  readonly isStuck: boolean;
}

/** What is to be done with a workload that has outdated Pods. */
export type Verdict =
  | { readonly type: "restart" }
  /** We have restarted it for this revision, and it is at it. `isStuck`: it does not come to an end. */
  | { readonly type: "rolling"; readonly isStuck: boolean }
  /** Somebody else's roll is under way: its outdated Pods go by themselves. */
  | { readonly type: "busy" }
  | { readonly type: "left"; readonly why: string };

/** How long after a restart its last outdated Pods may still be seen, milliseconds: the watch of Pods lags behind. */
const GRACE = 60_000;

/** Whether a workload with outdated Pods is to be restarted for a revision of a Watcher. Never twice for the same one. */
export const judge = (
  workload: Workload,
  { watcher, revision, now }: { readonly watcher: string; readonly revision: string; readonly now: Date },
): Verdict => {
  const { restartedFor, restartedAt, obstacle, isReplacing, isAvailable, isStuck } = workload;
  const last = restartedFor.get(watcher);
  if (last === revision) {
    const isRecent = restartedAt !== undefined && now.getTime() - restartedAt.getTime() < GRACE;
    if (isReplacing || !isAvailable || isRecent) return { type: "rolling", isStuck };
    return { type: "left", why: "was restarted for it once, and still has Pods with an older one" };
  }
  if (obstacle !== undefined) return { type: "left", why: obstacle };
  // A roll of ours for what is no longer wanted, or one that cannot end, may well be what this change is to mend.
  if (isReplacing && last === undefined && !isStuck) return { type: "busy" };
  return { type: "restart" };
};

/** The annotations that restart a workload: those of `kubectl rollout restart`, and for which revisions. */
export const restartAnnotations = (
  { restartedFor }: Pick<Workload, "restartedFor">,
  { revisions, now }: { readonly revisions: ReadonlyMap<string, string>; readonly now: Date },
): Readonly<Record<string, string>> => ({
  [RESTARTED_AT]: now.toISOString().replace(/\.\d+Z$/, "Z"),
  [RESTARTED_FOR]: [...new Map([...restartedFor, ...revisions])]
    .map(([watcher, revision]) => `${watcher}=${revision}`)
    .sort()
    .join(","),
});

/** Reads `RESTARTED_FOR`, whoever wrote it. */
export const restartedForIn = (
  annotations: Readonly<Record<string, string>> | undefined,
): ReadonlyMap<string, string> =>
  new Map(
    listOf(annotations?.[RESTARTED_FOR]).flatMap((entry) => {
      const at = entry.indexOf("=");
      return at < 0 ? [] : [[entry.slice(0, at), entry.slice(at + 1)] as const];
    }),
  );

/** What is said of a rollout. */
export interface RolloutState {
  readonly condition: Omit<Undated, "type">;
  /** Milliseconds after which to look again: what it waits for is not watched. */
  readonly again?: number | undefined;
  /** What went wrong, to be thrown once the status is written. */
  readonly error?: unknown;
}

/** The states of a rollout, in the words of its condition. */
export const rolloutStates = {
  done: (): RolloutState => ({
    condition: { status: "True", reason: "UpToDate", message: "No Pod has an older revision." },
  }),
  rolling: (message: string, again: number): RolloutState => ({
    condition: { status: "False", reason: "Rolling", message: shorten(message) },
    again,
  }),
  stuck: (workload: Pick<Workload, "kind" | "name">, again: number): RolloutState => ({
    condition: {
      status: "False",
      reason: "Stuck",
      message: `${workload.kind} ${workload.name} was restarted and does not come up: no other workload is restarted until it does; look at its Pods, then mend the Watcher or the workload`,
    },
    again,
  }),
  failing: (pods: readonly string[]): RolloutState => ({
    condition: {
      status: "False",
      reason: "InjectionFailing",
      message: shorten(
        `restarted Pods did not get it (${named(pods)}), so nothing more is restarted: see that the webhook is reached, then delete them`,
      ),
    },
  }),
  left: (left: readonly string[], again: number): RolloutState => ({
    condition: {
      status: "False",
      reason: "NotRestartable",
      message: shorten(`Pods with an older revision are left to you: ${left.join("; ")}`),
    },
    again,
  }),
  forbidden: (message: string, again: number): RolloutState => ({
    condition: { status: "False", reason: "Forbidden", message: shorten(message) },
    again,
  }),
} as const;

const NAMED = 5;

/** The first few, and how many more. */
export const named = (names: readonly string[]): string =>
  names.length <= NAMED ? names.join(", ") : `${names.slice(0, NAMED).join(", ")} and ${names.length - NAMED} more`;
