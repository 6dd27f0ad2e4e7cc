import {
  type Clock,
  ConflictError,
  ForbiddenError,
  type KeyString,
  keyOf,
  type Random,
  type ReconcileContext,
  type Recorder,
  type Stored,
} from "@pcmc/controller-runtime";
import type { Pod } from "kubernetes-types/core/v1.d.ts";
import type { Watcher } from "../api/watcher.ts";
import type { MissingPermissions } from "../controllers/missing-permissions.ts";
import { refusalOf } from "../controllers/refusal.ts";
import { spread } from "../controllers/spread.ts";
import type { WatcherMetrics } from "../metrics/watcher-metrics.ts";
import { podCount } from "../podconfigmap/status.ts";
import { injectedIn } from "./injected.ts";
import type { Census } from "./missed.ts";
import { whyNotReady } from "./readiness.ts";
import { judge, named, type RolloutState, restartAnnotations, restartedForIn, rolloutStates } from "./rollout.ts";
import type { PodOwner, ReadWorkload, WorkloadReference, Workloads } from "./workloads.ts";

/** A change waits so long, milliseconds: another may follow, and every webhook has to know it before Pods are created anew. */
const SETTLE = 3_000;
/** Milliseconds between two restarts, of all Watchers together. */
const PACE = 1_000;
/** Workloads are not watched: milliseconds between two looks at one that rolls, and at what is left to users. */
const LOOK = 2_000;
const LOOK_AT_LEFT = 30_000;

export interface RolloutsOptions {
  readonly workloads: Workloads;
  readonly permissions: MissingPermissions;
  readonly metrics: Pick<WatcherMetrics, "onRestart">;
  readonly events: Recorder;
  readonly clock: Clock;
  readonly random: Random;
  /** Milliseconds. Default 3,000. */
  readonly settle?: number | undefined;
  /** The revisions of all Watchers of a namespace for which workloads are restarted now. */
  readonly revisionsIn: (namespace: string) => ReadonlyMap<string, string>;
}

/** What one step is about. */
interface Step {
  readonly watcher: Stored<Watcher>;
  readonly revision: string;
  readonly census: Census;
  readonly context: ReconcileContext;
}

/** A workload with outdated Pods. */
interface Group {
  readonly reference: WorkloadReference;
  readonly pods: readonly Stored<Pod>[];
}

/**
 * Restarts the workloads whose Pods have an older revision of a Watcher with `rollout: OnChange`: one at a time for each Watcher,
 * the next when the last is all available again. So a change that keeps Pods from starting stops at the first workload.
 */
export class Rollouts {
  readonly #options: RolloutsOptions;
  /** Since when each Watcher has its revision, as far as this process has seen. */
  readonly #since = new Map<KeyString, { readonly revision: string; readonly at: number }>();
  /** What was restarted last for each Watcher. */
  readonly #last = new Map<KeyString, WorkloadReference>();
  #lastRestart = Number.NEGATIVE_INFINITY;

  constructor(options: RolloutsOptions) {
    this.#options = options;
  }

  forget(watcher: KeyString): void {
    this.#since.delete(watcher);
    this.#last.delete(watcher);
  }

  /** Does what can be done now, one restart at the most. Never throws: what went wrong is in the result. */
  async step(step: Step): Promise<RolloutState> {
    const { watcher, revision, census, context } = step;
    const { name } = watcher.metadata;
    // Not before the webhooks inject it: Pods that are created sooner get none at all.
    const settling = whyNotReady(watcher) === undefined ? this.#settling(watcher, revision) : PACE;
    const without = census.missed
      .filter(({ pod }) => restartedForIn(pod.metadata.annotations).get(name) === revision)
      .map(({ pod }) => pod.metadata.name);
    if (without.length > 0) return rolloutStates.failing(without);
    if (census.outdated.length === 0) return rolloutStates.done();
    const waiting = `${podCount(census.outdated.length)} with an older revision`;
    if (settling > 0) return rolloutStates.rolling(`about to restart the workloads of ${waiting}`, settling);
    try {
      return await this.#advance(step);
    } catch (error) {
      const state = rolloutStates.rolling(`waiting to go on: ${waiting}`, LOOK);
      if (!(error instanceof ForbiddenError) || refusalOf(error) !== undefined) return { ...state, error };
      const { namespace = "" } = watcher.metadata;
      const again = this.#options.permissions.onMissing(
        error,
        { resource: "workloads (apps)", namespace },
        context.log,
      );
      return again === undefined ? { ...state, error } : rolloutStates.forbidden(FORBIDDEN, again);
    }
  }

  async #advance({ watcher, revision, census, context }: Step): Promise<RolloutState> {
    const { name } = watcher.metadata;
    const { clock, random } = this.#options;
    const { groups, left } = await this.#groups(census.outdated, context);
    const rolling = await this.#stillRolling(watcher, revision, context);
    if (rolling !== undefined) return rolling;
    const busy: string[] = [];
    for (const { reference, pods } of groups) {
      const workload = await this.#options.workloads.read(reference, context.end);
      if (workload === undefined) continue;
      const label = `${workload.kind} ${workload.name}`;
      const verdict = judge(workload, { watcher: name, revision, now: clock.date() });
      if (verdict.type === "rolling") return this.#rolling(workload, verdict.isStuck);
      if (verdict.type === "restart") return this.#restart(workload, { watcher, revision, pods, context });
      if (verdict.type === "busy") busy.push(label);
      else left.push(`${label} ${verdict.why}`);
    }
    if (busy.length > 0) {
      return rolloutStates.rolling(`waiting for rolls of others to end: ${named(busy)}`, spread(LOOK, random));
    }
    // All owners are gone: their Pods follow.
    if (left.length === 0) return rolloutStates.rolling("waiting for Pods to end", spread(LOOK, random));
    return rolloutStates.left(left, spread(LOOK_AT_LEFT, random));
  }

  /** Milliseconds until the present revision counts. */
  #settling(watcher: Stored<Watcher>, revision: string): number {
    const { clock, settle = SETTLE } = this.#options;
    const key = keyOf(watcher);
    let since = this.#since.get(key);
    if (since?.revision !== revision) {
      since = { revision, at: clock.now() };
      this.#since.set(key, since);
    }
    return since.at + settle - clock.now();
  }

  /** The workload that was restarted last, while it is not all there again. Its outdated Pods may be gone before that. */
  async #stillRolling(
    watcher: Stored<Watcher>,
    revision: string,
    { end }: ReconcileContext,
  ): Promise<RolloutState | undefined> {
    const key = keyOf(watcher);
    const last = this.#last.get(key);
    const workload = last && (await this.#options.workloads.read(last, end));
    const isForThis = workload?.restartedFor.get(watcher.metadata.name) === revision;
    if (workload !== undefined && isForThis && (workload.isReplacing || !workload.isAvailable)) {
      return this.#rolling(workload, workload.isStuck);
    }
    this.#last.delete(key);
    return undefined;
  }

  #rolling(workload: ReadWorkload, isStuck: boolean): RolloutState {
    const { random } = this.#options;
    if (isStuck) return rolloutStates.stuck(workload, spread(LOOK_AT_LEFT, random));
    return rolloutStates.rolling(`${workload.kind} ${workload.name} rolls; others wait for it`, spread(LOOK, random));
  }

  async #restart(
    workload: ReadWorkload,
    { watcher, revision, pods, context }: Omit<Step, "census"> & Pick<Group, "pods">,
  ): Promise<RolloutState> {
    const { clock, random, metrics, workloads, revisionsIn } = this.#options;
    const { namespace = "", name } = watcher.metadata;
    const pace = this.#lastRestart + PACE - clock.now();
    const label = `${workload.kind} ${workload.name}`;
    if (pace > 0) return rolloutStates.rolling(`${label} is next`, pace);
    const all = revisionsIn(namespace);
    // The new Pods get the present revision of each Watcher that these have.
    const has = new Set(pods.flatMap((pod) => [...injectedIn(pod).keys()]));
    const revisions = new Map([...[...all].filter(([other]) => has.has(other)), [name, revision]]);
    this.#lastRestart = clock.now();
    this.#last.set(keyOf(watcher), { kind: workload.kind, namespace, name: workload.name });
    try {
      const annotations = restartAnnotations(workload, { revisions, now: clock.date() });
      await workloads.annotateTemplate(workload, annotations, context.end);
      metrics.onRestart(namespace);
    } catch (error) {
      // Changed since it was read: no write, and no failure.
      if (!(error instanceof ConflictError)) metrics.onRestart(namespace, error);
      throw error;
    }
    context.log.info("restarted a workload", { workload: label, revision });
    this.#announce(workload, watcher, pods.length);
    return rolloutStates.rolling(`${label} rolls; others wait for it`, spread(LOOK, random));
  }

  #announce({ kind, object: { metadata } }: ReadWorkload, watcher: Stored<Watcher>, pods: number): void {
    const { namespace, name, uid } = metadata;
    this.#options.events.event({
      regarding: { apiVersion: "apps/v1", kind, ...(namespace !== undefined && { namespace }), name, uid },
      related: watcher,
      type: "Normal",
      reason: "RestartedForWatcher",
      action: "Restart",
      note: `Restarted, because ${pods} of its Pods had an older revision of Watcher ${watcher.metadata.name}.`,
    });
  }

  /** The workloads of Pods, by kind and name; and what cannot be restarted. */
  async #groups(
    pods: readonly Stored<Pod>[],
    { end }: ReconcileContext,
  ): Promise<{ readonly groups: readonly Group[]; readonly left: string[] }> {
    const groups = new Map<string, { reference: WorkloadReference; pods: Stored<Pod>[] }>();
    const left = new Set<string>();
    for (const pod of pods) {
      const owner: PodOwner | undefined = await this.#options.workloads.ownerOf(pod, end);
      if (owner === undefined) continue;
      if (owner.type === "other") {
        left.add(owner.name);
        continue;
      }
      const { kind, name } = owner.reference;
      const key = `${kind} ${name}`;
      const group = groups.get(key) ?? { reference: owner.reference, pods: [] };
      group.pods.push(pod);
      groups.set(key, group);
    }
    const sorted = [...groups].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, group]) => group);
    return { groups: sorted, left: [...left] };
  }
}

const FORBIDDEN =
  'workloads cannot be restarted: grant "get" on replicasets and "get", "patch" on deployments, statefulsets and daemonsets in the API group apps, or set rollout: Never';
