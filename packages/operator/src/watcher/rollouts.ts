import {
  type Clock,
  ConflictError,
  ForbiddenError,
  type KeyString,
  keyOf,
  keyString,
  type Random,
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
import { type Census, presentIn } from "./missed.ts";
import { whyNotReady } from "./readiness.ts";
import { named, type RolloutState, rolloutStates } from "./rollout.ts";
import { changeOf, restartAnnotations } from "./rollout-mark.ts";
import { type Memory, memoryOf } from "./rollout-memory.ts";
import { type Candidate, isMarked, type Look, type RolloutSources, type Survey, Surveyor } from "./rollout-survey.ts";
import { tolerated } from "./rollout-verdict.ts";
import type { ReadWorkload } from "./rollout-workload.ts";
import type { Workloads } from "./workloads.ts";

/** A change waits so long, milliseconds: another may follow, and every webhook has to know it before Pods are created anew. */
const SETTLE = 3_000;
/** Milliseconds between two restarts, of all Watchers together. */
const PACE = 1_000;
/** Workloads are not watched: milliseconds between two looks at one that rolls, and at what is left to users. */
const LOOK = 2_000;
const LOOK_AT_LEFT = 30_000;

export interface RolloutsOptions {
  readonly workloads: Pick<Workloads, "knownOwnerOf" | "ownerOf" | "read" | "restart">;
  readonly sources: RolloutSources;
  readonly permissions: MissingPermissions;
  readonly metrics: Pick<WatcherMetrics, "onRestart" | "onFailure">;
  readonly events: Recorder;
  readonly clock: Clock;
  readonly random: Random;
  /** Milliseconds. Default 3,000. */
  readonly settle?: number | undefined;
  /** The revisions of all Watchers of a namespace for which workloads are restarted now. */
  readonly revisionsIn: (namespace: string) => ReadonlyMap<string, string>;
}

/** What one step is about. */
export type Step = Omit<Look, "memory">;

/**
 * Restarts the workloads whose Pods have an older revision of a Watcher with `rollout: OnChange`: one at a time for each Watcher,
 * the next when the last is all available again. So a change that keeps Pods from starting stops at the first workload.
 */
export class Rollouts {
  readonly #options: RolloutsOptions;
  readonly #surveyor: Surveyor;
  readonly #memories = new Map<KeyString, Memory>();
  #lastRestart = Number.NEGATIVE_INFINITY;

  constructor(options: RolloutsOptions) {
    this.#options = options;
    this.#surveyor = new Surveyor(options);
  }

  forget(watcher: KeyString): void {
    this.#memories.delete(watcher);
  }

  /**
   * Does what can be done now, one restart at the most. Never throws: what went wrong is in the result. Called again before it
   * asked to be, it says the same again, unless the Watcher or the number of outdated Pods has changed.
   */
  async step(step: Step): Promise<RolloutState> {
    const { watcher, census } = step;
    const { clock } = this.#options;
    const memory = this.#memoryOf(step);
    const without = census.missed
      .filter(({ pod }) => isMarked(pod, watcher, memory.change))
      .map(({ pod }) => pod.metadata.name);
    if (without.length > 0) return rolloutStates.failing(without);
    const outdated = census.outdated.length;
    if (outdated > 0) memory.isComplete = false;
    if (memory.isComplete) return rolloutStates.done();
    // Not before the webhooks inject it: Pods that are created sooner get none at all.
    const settling = whyNotReady(watcher) === undefined ? this.#settlesIn(memory) : PACE;
    if (outdated > 0 && settling > 0) {
      return rolloutStates.rolling(`about to restart the workloads of ${waiting(census)}`, settling);
    }
    const { said } = memory;
    if (said !== undefined && said.outdated === outdated && clock.now() < said.until) {
      return { ...said.state, again: said.until - clock.now() };
    }
    const state = await this.#tryToAdvance({ ...step, memory });
    const { error: _, ...rest } = state;
    if (state.again !== undefined) memory.said = { state: rest, outdated, until: clock.now() + state.again };
    return state;
  }

  #memoryOf({ watcher, revision }: Step): Memory {
    const key = keyOf(watcher);
    const change = changeOf(watcher, revision);
    const previous = this.#memories.get(key);
    if (previous?.change === change) return previous;
    const memory = memoryOf(watcher, { change, previous, now: this.#options.clock.now() });
    this.#memories.set(key, memory);
    return memory;
  }

  async #tryToAdvance(look: Look): Promise<RolloutState> {
    const { watcher, census, context } = look;
    try {
      return await this.#advance(look);
    } catch (error) {
      const state = rolloutStates.rolling(`waiting to go on: ${waiting(census)}`, LOOK);
      // The workload has changed since it was read: it is looked at again.
      if (error instanceof ConflictError) return state;
      if (!(error instanceof ForbiddenError) || refusalOf(error) !== undefined) return { ...state, error };
      const { namespace = "" } = watcher.metadata;
      const written = { resource: "workloads (apps)", namespace };
      const again = this.#options.permissions.onMissing(error, written, context.log);
      if (again === undefined) return { ...state, error };
      this.#options.metrics.onFailure("watcher", namespace, "forbidden");
      return rolloutStates.forbidden(FORBIDDEN, again);
    }
  }

  async #advance(look: Look): Promise<RolloutState> {
    const { census, memory } = look;
    const { random } = this.#options;
    const survey = await this.#surveyor.survey(look);
    const rolling = survey.candidates.filter(({ seen }) => seen.verdict.type === "rolling");
    const stuck = rolling.find(({ seen: { verdict } }) => verdict.type === "rolling" && verdict.isStuck);
    if (stuck !== undefined) return rolloutStates.stuck(stuck.reference, spread(LOOK_AT_LEFT, random));
    const [first] = rolling;
    if (first !== undefined)
      return rolloutStates.rolling(`${first.label} rolls; others wait for it`, spread(LOOK, random));
    if (!survey.isWhole) return rolloutStates.rolling(`looking at the workloads of ${waiting(census)}`, PACE);
    memory.restarted = undefined;
    const [next] = survey.candidates.filter(hasRestart).sort(byRank);
    if (next !== undefined) return this.#restart(next, look);
    if (census.outdated.length > 0) return this.#waiting(survey);
    memory.isComplete = true;
    return rolloutStates.done();
  }

  #waiting({ candidates, others, isCut }: Survey): RolloutState {
    const { random } = this.#options;
    const soon = spread(LOOK, random);
    const busy = candidates.filter(({ seen }) => seen.verdict.type === "busy").map(({ label }) => label);
    if (busy.length > 0) return rolloutStates.rolling(`waiting for rolls of others to end: ${named(busy)}`, soon);
    const left = candidates.flatMap(({ label, outdated, seen: { verdict } }) =>
      verdict.type === "left" && outdated.length > 0 ? [`${label} ${verdict.why}`] : [],
    );
    const later = isCut ? soon : spread(LOOK_AT_LEFT, random);
    // All owners are gone: their Pods follow.
    if (left.length + others.length === 0) return rolloutStates.rolling("waiting for Pods to end", later);
    return rolloutStates.left([...others, ...left], later);
  }

  async #restart({ reference, outdated, label }: Candidate, look: Look): Promise<RolloutState> {
    const { watcher, revision, memory, context } = look;
    const { clock, random, workloads, sources } = this.#options;
    const { namespace = "", name } = watcher.metadata;
    const changes = this.#changesFor(look, outdated);
    const wait = Math.max(this.#lastRestart + PACE - clock.now(), this.#othersSettleIn(namespace, changes));
    if (wait > 0) return rolloutStates.rolling(`${label} is next`, wait);
    // The time is taken before anything is waited for: other Watchers are worked on meanwhile.
    this.#lastRestart = clock.now();
    // It may have been read a while ago.
    const { workload, verdict } = await this.#surveyor.read({ label, group: { reference, outdated } }, look);
    if (workload === undefined || verdict.type !== "restart") {
      return rolloutStates.rolling(`${label} has changed; looking again`, spread(LOOK, random));
    }
    const annotations = restartAnnotations(workload, {
      changes,
      exists: (other) => sources.watchers.get(keyString(namespace, other)) !== undefined,
      unavailable: tolerated(workload, { watcher: name, isClean: memory.isClean }),
      now: clock.date(),
    });
    // Also when no answer arrives, it may have been restarted.
    memory.restarted = reference;
    memory.seen.delete(label);
    await this.#counted(namespace, workloads.restart(workload, annotations, context.end));
    context.log.info("restarted a workload", { workload: label, revision });
    this.#announce(workload, watcher, outdated.length);
    return rolloutStates.rolling(`${label} rolls; others wait for it`, spread(LOOK, random));
  }

  async #counted(namespace: string, restart: Promise<void>): Promise<void> {
    const { metrics } = this.#options;
    try {
      await restart;
      metrics.onRestart(namespace);
    } catch (error) {
      // Changed since it was read: no write, and no failure.
      if (!(error instanceof ConflictError)) metrics.onRestart(namespace, error);
      throw error;
    }
  }

  /** Milliseconds until the changes of all these Watchers count: the new Pods are to get the lot. */
  #othersSettleIn(namespace: string, changes: ReadonlyMap<string, string>): number {
    const waits = [...changes].map(([name, change]) => {
      const memory = this.#memories.get(keyString(namespace, name));
      return memory?.change === change ? this.#settlesIn(memory) : 0;
    });
    return Math.max(0, ...waits);
  }

  #settlesIn({ since }: Memory): number {
    const { clock, settle = SETTLE } = this.#options;
    return since + settle - clock.now();
  }

  /** What the new Pods get: the present revision of each Watcher that these have. */
  #changesFor({ watcher, memory }: Look, pods: readonly Stored<Pod>[]): ReadonlyMap<string, string> {
    const { sources, revisionsIn } = this.#options;
    const { namespace = "", name } = watcher.metadata;
    const has = new Set(pods.flatMap((pod) => [...presentIn(pod).keys()]));
    const changes = new Map<string, string>();
    for (const [other, revision] of revisionsIn(namespace)) {
      const found = sources.watchers.get(keyString(namespace, other));
      if (has.has(other) && found !== undefined) changes.set(other, changeOf(found, revision));
    }
    return changes.set(name, memory.change);
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
}

const waiting = ({ outdated }: Census): string => `${podCount(outdated.length)} with an older revision`;

const hasRestart = ({ seen: { verdict } }: Candidate): boolean => verdict.type === "restart";

const rankOf = ({ seen: { verdict } }: Candidate): number => (verdict.type === "restart" ? verdict.rank : 0);

const byRank = (a: Candidate, b: Candidate): number => rankOf(a) - rankOf(b);

const FORBIDDEN =
  'workloads cannot be restarted: grant "get" on replicasets and "get", "patch" on deployments, statefulsets and daemonsets in the API group apps, or set rollout: Never';
