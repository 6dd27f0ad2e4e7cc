import { type Clock, type KeyString, keyOf, type ReconcileContext, type Stored } from "@pcmc/controller-runtime";
import type { Pod } from "kubernetes-types/core/v1.d.ts";
import type { Watcher } from "../api/watcher.ts";
import { type Census, isLive, presentIn } from "./missed.ts";
import { Budget, type Group, groupsOf, labelOf } from "./rollout-groups.ts";
import { RESTARTED_FOR, restartedForIn } from "./rollout-mark.ts";
import { idleSince, isFresh, type Memory, type Seen } from "./rollout-memory.ts";
import { judge } from "./rollout-verdict.ts";
import { indexes } from "./sources.ts";
import type { Workloads } from "./workloads.ts";

/** What rollouts read from the caches. */
export interface RolloutSources {
  readonly watchers: { get(key: KeyString): Stored<Watcher> | undefined };
  readonly pods: { byIndex(index: typeof indexes.named, key: KeyString): readonly Stored<Pod>[] };
}

export interface SurveyorOptions {
  readonly workloads: Pick<Workloads, "knownOwnerOf" | "ownerOf" | "read">;
  readonly sources: Pick<RolloutSources, "pods">;
  readonly clock: Clock;
}

/** Whose workloads are looked at. */
export interface Look {
  readonly watcher: Stored<Watcher>;
  readonly revision: string;
  readonly census: Census;
  readonly context: ReconcileContext;
  readonly memory: Memory;
}

/** A workload, what it is found by, and what is to be done with it. */
export interface Candidate extends Group {
  /** Its kind and name. */
  readonly label: string;
  readonly seen: Seen;
}

export interface Survey {
  /** By kind and name. */
  readonly candidates: readonly Candidate[];
  /** Owners of outdated Pods that cannot be restarted. */
  readonly others: readonly string[];
  /** Whether every workload has been read for this change. */
  readonly isWhole: boolean;
  /** Whether there was more to read than one look may. */
  readonly isCut: boolean;
}

/** Finds the workloads that a rollout is about, and reads those that are not known well enough. */
export class Surveyor {
  readonly #options: SurveyorOptions;

  constructor(options: SurveyorOptions) {
    this.#options = options;
  }

  async survey(look: Look): Promise<Survey> {
    const { census, memory, context } = look;
    const { workloads } = this.#options;
    const budget = new Budget();
    const traces = this.#traces(look);
    const grouping = { outdated: census.outdated, traces, workloads, budget, signal: context.end };
    const { groups, others, isWhole } = await groupsOf(grouping);
    const all = new Map(groups);
    const { restarted } = memory;
    if (restarted !== undefined && !all.has(labelOf(restarted))) {
      all.set(labelOf(restarted), { reference: restarted, outdated: [] });
    }
    const candidates: Candidate[] = [];
    for (const [label, group] of inOrderOfReading(all, memory)) {
      const seen = await this.#see({ label, group, budget }, look);
      if (seen !== undefined) candidates.push({ ...group, label, seen });
    }
    candidates.sort((a, b) => (a.label < b.label ? -1 : 1));
    return { candidates, others, isWhole: isWhole && candidates.length === all.size, isCut: budget.isSpent };
  }

  /** Reads a workload now. */
  async read({ label, group }: { readonly label: string; readonly group: Group }, look: Look): Promise<Seen> {
    const { watcher, memory, context } = look;
    const { clock, workloads } = this.#options;
    const workload = await workloads.read(group.reference, context.end);
    const at = clock.now();
    const before = memory.seen.get(label);
    const { name } = watcher.metadata;
    const wasStuck = memory.wasStuck && workload?.restartedFor.get(name) === memory.change;
    const since = idleSince({ workload, before }, { wasStuck, now: at });
    const question = { watcher: name, change: memory.change, isClean: memory.isClean, now: clock.date() };
    const hasOutdated = group.outdated.length > 0;
    const seen: Seen = {
      workload,
      verdict:
        workload === undefined
          ? { type: "gone" }
          : judge(workload, { ...question, hasOutdated, isIdle: at - since >= workload.patience }),
      at,
      idleSince: since,
    };
    memory.seen.set(label, seen);
    return seen;
  }

  async #see(
    { label, group, budget }: { readonly label: string; readonly group: Group; readonly budget: Budget },
    look: Look,
  ): Promise<Seen | undefined> {
    const before = look.memory.seen.get(label);
    const isKnown = before !== undefined && isFresh(before, this.#options.clock.now()) && !needsAgain(before, group);
    return isKnown || !budget.take() ? before : this.read({ label, group }, look);
  }

  /** Pods that tell of restarts for this change, whoever made them: those that carry its mark, and old ones that end. */
  #traces({ watcher, revision, memory }: Look): readonly Stored<Pod>[] {
    const { name } = watcher.metadata;
    const pods = this.#options.sources.pods.byIndex(indexes.named, keyOf(watcher));
    const marked = pods.filter((pod) => isMarked(pod, watcher, memory.change));
    // What an earlier change has broken comes first: once there is such a Pod, an earlier leader has seen to that.
    if (memory.isFirstOfProcess && memory.seen.size === 0 && marked.length > 0) memory.isClean = true;
    return [...marked, ...pods.filter((pod) => !isLive(pod) && isOld(pod, name, revision))];
  }
}

/** Whether a Pod was created by a restart for a change. */
export const isMarked = ({ metadata }: Stored<Pod>, watcher: Stored<Watcher>, change: string): boolean =>
  // Nearly always there is no such annotation.
  metadata.annotations?.[RESTARTED_FOR] !== undefined &&
  restartedForIn(metadata.annotations).get(watcher.metadata.name) === change;

const isOld = (pod: Stored<Pod>, watcher: string, revision: string): boolean => {
  const has = presentIn(pod).get(watcher);
  return has !== undefined && has !== revision;
};

/** What rolls comes first, as all else waits for it; then what was read longest ago, so that each has its turn. */
const inOrderOfReading = (
  groups: ReadonlyMap<string, Group>,
  { seen }: Memory,
): readonly (readonly [string, Group])[] => {
  const urgency = (label: string): number => {
    const before = seen.get(label);
    return before === undefined || before.verdict.type === "rolling" ? Number.NEGATIVE_INFINITY : before.at;
  };
  const byUrgency = (a: string, b: string) => (urgency(a) === urgency(b) ? 0 : urgency(a) - urgency(b));
  return [...groups].sort(([a], [b]) => byUrgency(a, b) || (a < b ? -1 : 1));
};

/** It had come back when it was judged, and has outdated Pods after all. */
const needsAgain = ({ verdict }: Seen, { outdated }: Group): boolean =>
  verdict.type === "settled" && outdated.length > 0;
