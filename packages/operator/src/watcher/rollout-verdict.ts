import { type LastRestart, revisionIn } from "./rollout-mark.ts";

/** What of a workload decides whether it is restarted. */
export interface Workload {
  readonly kind: "Deployment" | "StatefulSet" | "DaemonSet";
  readonly name: string;
  /** Counts the versions of its spec. */
  readonly generation: number;
  /** Watcher -> change, from `RESTARTED_FOR`. */
  readonly restartedFor: ReadonlyMap<string, string>;
  readonly lastRestart: LastRestart | undefined;
  /** When it was last restarted, by whomever. */
  readonly restartedAt: Date | undefined;
  /** Why a new template would not replace its Pods, or must not be written. */
  readonly obstacle: string | undefined;
  /** Whether Pods of an older template are being replaced. */
  readonly isReplacing: boolean;
  /** How many Pods of an older template there are still. */
  readonly unreplaced: number;
  /** How many of the Pods that should be are not available. */
  readonly unavailable: number;
  /** Whether its controller has given up on its new Pods. Only Deployments do. */
  readonly hasFailed: boolean;
  /** Differs whenever its controller has got any further. */
  readonly progress: string;
  /** Milliseconds without progress after which it is stuck. */
  readonly patience: number;
}

/** What is to be done with a workload. */
export type Verdict =
  /** Workloads of a lower rank come first. */
  | { readonly type: "restart"; readonly rank: number }
  /** We have restarted it for this change, and it is at it. `isStuck`: it does not come to an end. */
  | { readonly type: "rolling"; readonly isStuck: boolean }
  /** We have restarted it for this change, and it has come back. */
  | { readonly type: "settled" }
  /** Somebody else's roll is under way: its outdated Pods go by themselves. */
  | { readonly type: "busy" }
  | { readonly type: "left"; readonly why: string };

export interface Question {
  readonly watcher: string;
  /** See `changeOf`. */
  readonly change: string;
  readonly now: Date;
  /** Whether live Pods of it are outdated. */
  readonly hasOutdated: boolean;
  /** Whether it has made no progress for as long as its `patience`. */
  readonly isIdle: boolean;
  /** Whether the rollout of the change before had come to its end: what is not available now is not its doing. */
  readonly isClean: boolean;
}

/** How long after a restart its last outdated Pods may still be seen, milliseconds: the watch of Pods lags behind. */
const GRACE = 60_000;

const AGAIN = "was restarted for it once, and still has Pods with an older one";
const BEFORE = "was restarted and does not come up, as it was not up before";

/** Whether a workload is to be restarted for a change of a Watcher. Never twice for the same one. */
export const judge = (workload: Workload, question: Question): Verdict => {
  const { watcher, change, hasOutdated, isIdle } = question;
  const { restartedFor, obstacle, isReplacing, hasFailed } = workload;
  const mark = restartedFor.get(watcher);
  if (mark === change) return afterRestart(workload, question);
  if (!hasOutdated) return { type: "settled" };
  if (obstacle !== undefined) return { type: "left", why: obstacle };
  const isStuck = hasFailed || isIdle;
  const isOurs = isOurRoll(workload, watcher);
  if (isReplacing && !isStuck) {
    if (!isOurs) return { type: "busy" };
    // The Watcher changed in something else than what is injected: the new Pods are the right ones.
    if (mark !== undefined && revisionIn(mark) === revisionIn(change)) return { type: "rolling", isStuck: false };
  }
  // A roll of ours for what is no longer wanted, or one that cannot end, may well be what this change is to mend.
  return { type: "restart", rank: rankOf(workload, question) };
};

const afterRestart = (workload: Workload, { now, hasOutdated, isIdle }: Question): Verdict => {
  const { restartedAt, hasFailed, unavailable } = workload;
  const isStuck = hasFailed || isIdle;
  if (!hasSettled(workload, hasOutdated)) {
    const before = toleratedIn(workload);
    if (isStuck && before > 0 && unavailable <= before) return { type: "left", why: BEFORE };
    return { type: "rolling", isStuck };
  }
  if (!hasOutdated) return { type: "settled" };
  const isRecent = restartedAt !== undefined && now.getTime() - restartedAt.getTime() < GRACE;
  return isRecent ? { type: "rolling", isStuck: false } : { type: "left", why: AGAIN };
};

/**
 * Whether it is back to what it was before the restart. On a node that is dead Pods are never replaced: where some were not
 * available before, as many may be missing, once no live Pod is outdated.
 */
const hasSettled = (workload: Workload, hasOutdated: boolean): boolean => {
  const { isReplacing, unreplaced, unavailable } = workload;
  const before = toleratedIn(workload);
  if (!isReplacing) return unavailable <= before;
  return before > 0 && !hasOutdated && Math.max(unreplaced, unavailable) <= before;
};

const toleratedIn = ({ lastRestart }: Workload): number => lastRestart?.unavailable ?? 0;

/** Whether what rolls is our restart for a Watcher, and not what somebody has made of the workload since. */
const isOurRoll = ({ lastRestart, generation }: Workload, watcher: string): boolean =>
  lastRestart?.generation === generation && lastRestart.watchers.includes(watcher);

type Blame = Pick<Question, "watcher" | "isClean">;

/** Whether our last restart may be why Pods are not available. */
const isToBlame = (workload: Workload, { watcher, isClean }: Blame): boolean => {
  const { lastRestart, unavailable } = workload;
  return !isClean && (lastRestart?.watchers.includes(watcher) ?? false) && unavailable > toleratedIn(workload);
};

/** First what our last restart may have broken, so that it is mended first; last what was not available anyway. */
const rankOf = (workload: Workload, blame: Blame): number => {
  if (isToBlame(workload, blame)) return 0;
  return workload.unavailable > 0 ? 2 : 1;
};

/** Pods that need not be available for a restart that is made now to have succeeded. */
export const tolerated = (workload: Workload, blame: Blame): number =>
  isToBlame(workload, blame) ? toleratedIn(workload) : workload.unavailable;
