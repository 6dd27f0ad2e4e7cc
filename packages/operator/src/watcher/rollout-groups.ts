import type { AbortSource, Stored } from "@pcmc/controller-runtime";
import type { Pod } from "kubernetes-types/core/v1.d.ts";
import type { WorkloadReference, Workloads } from "./workloads.ts";

/** Requests that one look at a rollout may make: others wait for the worker, and the API server has more to do. */
const REQUESTS = 25;

/** What of one look's requests is left. */
export class Budget {
  #left = REQUESTS;
  #isSpent = false;

  /** Whether one was asked for that there was not. */
  get isSpent(): boolean {
    return this.#isSpent;
  }

  /** @returns whether there was one. */
  take(): boolean {
    this.#isSpent ||= this.#left === 0;
    if (this.#isSpent) return false;
    this.#left--;
    return true;
  }
}

/** A workload that a rollout is about. */
export interface Group {
  readonly reference: WorkloadReference;
  /** Its live Pods with an older revision. */
  readonly outdated: readonly Stored<Pod>[];
}

export interface Groups {
  /** By kind and name: `Deployment web`. */
  readonly groups: ReadonlyMap<string, Group>;
  /** Owners of outdated Pods that cannot be restarted. */
  readonly others: readonly string[];
  /** Whether the owners of all Pods are known. */
  readonly isWhole: boolean;
}

export interface Grouping {
  readonly outdated: readonly Stored<Pod>[];
  /** Pods that name workloads which a restart may not have brought back yet. */
  readonly traces: readonly Stored<Pod>[];
  readonly workloads: Pick<Workloads, "knownOwnerOf" | "ownerOf">;
  readonly budget: Budget;
  readonly signal: AbortSource;
}

export const labelOf = ({ kind, name }: Pick<WorkloadReference, "kind" | "name">): string => `${kind} ${name}`;

/** The workloads that Pods belong to, as far as the budget goes. */
export const groupsOf = async ({ outdated, traces, workloads, budget, signal }: Grouping): Promise<Groups> => {
  const groups = new Map<string, { readonly reference: WorkloadReference; readonly outdated: Stored<Pod>[] }>();
  const others = new Set<string>();
  let isWhole = true;
  const old = new Set(outdated);
  for (const pod of new Set([...outdated, ...traces])) {
    const known = workloads.knownOwnerOf(pod);
    if (known === undefined && !budget.take()) {
      isWhole = false;
      continue;
    }
    const owner = known ?? (await workloads.ownerOf(pod, signal));
    if (owner.type === "other" && old.has(pod)) others.add(owner.name);
    if (owner.type !== "workload") continue;
    const label = labelOf(owner.reference);
    const group = groups.get(label) ?? { reference: owner.reference, outdated: [] };
    if (old.has(pod)) group.outdated.push(pod);
    groups.set(label, group);
  }
  return { groups, others: [...others], isWhole };
};
