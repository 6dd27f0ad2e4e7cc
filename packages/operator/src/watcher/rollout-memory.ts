import type { Stored } from "@pcmc/controller-runtime";
import type { Watcher } from "../api/watcher.ts";
import { conditionOf } from "../controllers/conditions.ts";
import type { RolloutState } from "./rollout.ts";
import type { Verdict } from "./rollout-verdict.ts";
import type { ReadWorkload } from "./rollout-workload.ts";
import type { WorkloadReference } from "./workloads.ts";

/** A workload as it was last read for a change, and what was made of it. */
export interface Seen {
  /** `undefined`: it is gone. */
  readonly workload: ReadWorkload | undefined;
  readonly verdict: Verdict | { readonly type: "gone" };
  /** When it was read. */
  readonly at: number;
  /** Since when it has made no progress. */
  readonly idleSince: number;
}

/** Milliseconds for which a reading counts; of what rolls none does. */
const lifetimes: Readonly<Record<Seen["verdict"]["type"], number>> = {
  rolling: 0,
  busy: 2_000,
  left: 30_000,
  gone: 30_000,
  restart: 30_000,
  settled: Number.POSITIVE_INFINITY,
};

/** What this process knows of the rollout of one change of a Watcher. All of it can be read from the cluster again. */
export interface Memory {
  readonly change: string;
  /** When the change was first seen. */
  readonly since: number;
  /** See `Question.isClean`. */
  isClean: boolean;
  /** Whether this process has seen no change before. */
  readonly isFirstOfProcess: boolean;
  /** Whether the Watcher's status says of this very change that a workload is stuck: that was seen by an earlier process. */
  readonly wasStuck: boolean;
  /** Whether every workload has been restarted, and has come back. */
  isComplete: boolean;
  /** Workloads by kind and name. */
  readonly seen: Map<string, Seen>;
  /** What was restarted last: for a moment it may have no Pods by which to find it. */
  restarted: WorkloadReference | undefined;
  /** What was last said, for how many outdated Pods, and when to look again. */
  said: { readonly state: RolloutState; readonly outdated: number; readonly until: number } | undefined;
}

/**
 * What is remembered of a change at first sight of it.
 *
 * @param previous of the change before; `undefined` where this process has seen none: then the status has it.
 */
export const memoryOf = (
  { status, metadata }: Stored<Watcher>,
  { change, now, previous }: { readonly change: string; readonly now: number; readonly previous: Memory | undefined },
): Memory => {
  const before = conditionOf(status?.conditions, "RolledOut");
  const isAboutThis = before?.observedGeneration === metadata.generation;
  const isOver = previous === undefined ? OVER.has(before?.reason ?? "") : !isRolling(previous);
  const wasStuck = previous === undefined && isAboutThis && before?.reason === "Stuck";
  return {
    change,
    // What is stuck was restarted long ago: to begin with waiting would say that it moves.
    since: wasStuck ? Number.NEGATIVE_INFINITY : now,
    isClean: isOver,
    isFirstOfProcess: previous === undefined,
    wasStuck,
    isComplete: previous === undefined && isAboutThis && before?.status === "True",
    seen: new Map(),
    restarted: undefined,
    said: undefined,
  };
};

/** Reasons with which every restart has come to its end. */
const OVER = new Set(["UpToDate", "NotRestartable"]);

const isRolling = ({ seen, restarted }: Memory): boolean =>
  restarted !== undefined || [...seen.values()].some(({ verdict }) => verdict.type === "rolling");

export const isFresh = ({ verdict, at }: Seen, now: number): boolean => at + lifetimes[verdict.type] > now;

/** Since when a workload has made no progress, given how it was seen before. */
export const idleSince = (
  { workload, before }: { readonly workload: ReadWorkload | undefined; readonly before: Seen | undefined },
  { wasStuck, now }: { readonly wasStuck: boolean; readonly now: number },
): number => {
  if (before !== undefined) return before.workload?.progress === workload?.progress ? before.idleSince : now;
  return wasStuck ? Number.NEGATIVE_INFINITY : now;
};
