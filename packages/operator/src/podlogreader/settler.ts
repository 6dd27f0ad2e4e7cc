import {
  AlreadyExistsError,
  type Clock,
  ForbiddenError,
  type KeyString,
  type KubernetesObject,
  keyString,
  type ReconcileContext,
  StaleError,
  type Stored,
} from "@pcmc/controller-runtime";
import type { Deployment } from "kubernetes-types/apps/v1.d.ts";
import type { MissingPermissions } from "../controllers/missing-permissions.ts";
import { MAX_READS, type RecheckOptions, untilRecheck } from "../controllers/recheck.ts";
import { isTerminatingNamespace, refusalOf } from "../controllers/refusal.ts";
import type { PodLogReaderMetrics } from "../metrics/podlogreader-metrics.ts";
import type { Action } from "./difference.ts";
import type { Keeper } from "./keeper.ts";
import { nameFor, type Owner } from "./names.ts";
import { isAffiliated } from "./role.ts";
import { notHeld, type Topic, type Trouble, type Troubles } from "./troubles.ts";

export interface SettlerOptions extends RecheckOptions {
  /** The Deployment of this `namespace/uid`, if it is there. */
  readonly deploymentOf: (uid: string) => Stored<Deployment> | undefined;
  readonly troubles: Troubles;
  readonly permissions: MissingPermissions;
  readonly metrics: Pick<PodLogReaderMetrics, "onFailure">;
  readonly clock: Clock;
}

/** What one reconcile is about. */
export interface Task {
  readonly key: KeyString;
  readonly owner: Owner;
  /** `undefined`: what was made for it is to go. */
  readonly deployment: Stored<Deployment> | undefined;
  readonly context: ReconcileContext;
}

/** One object that a Deployment should have, or not have. */
export interface Job<T extends KubernetesObject> {
  readonly keeper: Keeping<T>;
  /** `undefined` = there should be none. */
  readonly wanted: T | undefined;
  /** Milliseconds to wait before a write. */
  readonly wait?: (existing: Stored<T> | undefined) => number;
  /** A write was tried: carried out, refused, or nobody knows. */
  readonly onTried?: () => void;
  /** The object is as it should be. */
  readonly onSettled?: () => void;
  /** The write that makes somebody's object ours, where that may be. */
  readonly adopt?: (existing: Stored<T>) => Promise<Action<T> | undefined>;
  /** What to say of somebody's object. */
  readonly foreign?: (existing: Stored<T>) => Trouble;
  /** What to say of an object that finalizers keep. */
  readonly remains?: Trouble;
}

/** What of a `Keeper` is used here. */
export type Keeping<T extends KubernetesObject> = Pick<
  Keeper<T>,
  "kind" | "resource" | "cached" | "read" | "plan" | "perform"
>;

/** What came of it: whose object there is, and when to look again though nothing happens here; milliseconds. */
export interface Settled {
  readonly holder: "us" | "others" | "nobody";
  readonly again?: number | undefined;
}

/** Sees to it that one object is as it should be, or says why it is not. */
export class Settler {
  readonly #options: SettlerOptions;

  constructor(options: SettlerOptions) {
    this.#options = options;
  }

  /**
   * Plans and carries out; plans again when an object turns up that the cache does not show.
   *
   * @throws what another try, soon, may mend.
   */
  async settle<T extends KubernetesObject>(task: Task, job: Job<T>): Promise<Settled> {
    const { owner, deployment, context } = task;
    const { keeper, wanted } = job;
    const name = objectKeyOf(owner);
    const resting = this.#resting(task, job);
    if (resting !== undefined) return resting;
    const isEnding = deployment?.metadata.deletionTimestamp !== undefined;
    const isAnothers = (uid: string) => this.#isAnothers(uid, owner);
    // Somebody's object stood there the last time: no need to run into it.
    let read = this.#isObstructed(task, job) ? await keeper.read(name, context) : undefined;
    for (let reads = 0; ; reads++) {
      const existing = keeper.cached(name) ?? read;
      const planned = keeper.plan({ owner, isEnding, wanted, existing, isAnothers });
      const action = planned?.type === "foreign" ? ((await job.adopt?.(planned.object)) ?? planned) : planned;
      if (action === undefined) return this.#onSettled(task, job);
      if (action.type === "wait") return this.#onRemains(task, job);
      if (action.type === "foreign") return this.#onForeign(task, job, action.object);
      // After an attempt that ran into somebody's object, the wait is over.
      const isDue = action.type === "delete" || reads > 0;
      const wait = isDue ? 0 : (job.wait?.(existing) ?? 0);
      if (wait > 0) return { holder: existing === undefined ? "nobody" : "us", again: wait };
      try {
        await keeper.perform(action, context).finally(() => job.onTried?.());
        if (action.type === "delete" && keeper.cached(name) !== undefined) return this.#onRemains(task, job);
        return this.#onSettled(task, job);
      } catch (error) {
        if (!(error instanceof AlreadyExistsError)) return this.#onRefused(task, error, { job, existing });
        if (reads === MAX_READS) throw new StaleError(`${keeper.kind} ${name} comes and goes`, { cause: error });
        read = await keeper.read(name, context);
      }
    }
  }

  /** Removes an object; `remains` is said where finalizers keep it. @returns `undefined` where there is none of ours. */
  async remove<T extends KubernetesObject>(
    task: Task,
    keeper: Keeping<T>,
    remains?: Trouble,
  ): Promise<Settled | undefined> {
    const { owner } = task;
    const existing = keeper.cached(objectKeyOf(owner));
    const isAnothers = (uid: string) => this.#isAnothers(uid, owner);
    if (keeper.plan({ owner, isEnding: false, wanted: undefined, existing, isAnothers }) === undefined)
      return undefined;
    return this.settle(task, { keeper, wanted: undefined, ...(remains && { remains }) });
  }

  /** An obstacle that our watches do not show is not looked at for each change of a Pod. */
  #resting<T extends KubernetesObject>({ key, owner }: Task, { keeper, wanted }: Job<T>): Settled | undefined {
    const { troubles, clock } = this.#options;
    const obstacle = troubles.obstacle(key, keeper.kind);
    if (obstacle === undefined || wanted === undefined || keeper.cached(objectKeyOf(owner)) !== undefined)
      return undefined;
    const again = obstacle.until - clock.now();
    return again > 0 ? { holder: obstacle.holder, again } : undefined;
  }

  #isObstructed<T extends KubernetesObject>({ key }: Task, { keeper, wanted }: Job<T>): boolean {
    return wanted !== undefined && this.#options.troubles.obstacle(key, keeper.kind)?.holder === "others";
  }

  #onSettled<T extends KubernetesObject>({ key }: Task, job: Job<T>): Settled {
    this.#options.troubles.end(key, job.keeper.kind);
    job.onSettled?.();
    return { holder: job.wanted === undefined ? "nobody" : "us" };
  }

  /** It is being deleted; the watch tells when it is gone. */
  #onRemains<T extends KubernetesObject>(task: Task, { keeper, remains }: Job<T>): Settled {
    if (remains !== undefined) this.tell(task, keeper.kind, remains);
    return { holder: "us", again: this.#recheck() };
  }

  #onForeign<T extends KubernetesObject>(task: Task, job: Job<T>, existing: Stored<T>): Settled {
    const trouble = job.foreign?.(existing);
    if (trouble !== undefined) this.tell(task, job.keeper.kind, trouble);
    // It lacks our label: the watch will not tell when it goes.
    return this.#rest(task, job, "others");
  }

  #onRefused<T extends KubernetesObject>(
    task: Task,
    error: unknown,
    { job, existing }: { readonly job: Job<T>; readonly existing: Stored<T> | undefined },
  ): Settled {
    const { owner, context } = task;
    const { keeper } = job;
    const holder = existing === undefined ? "nobody" : "us";
    if (isTerminatingNamespace(error)) return { holder };
    const trouble = troubleOf(error);
    if (trouble !== undefined) {
      this.tell(task, keeper.kind, trouble);
      return this.#rest(task, job, holder);
    }
    const { permissions, metrics } = this.#options;
    const written = { resource: keeper.resource, namespace: owner.namespace };
    const again = error instanceof ForbiddenError ? permissions.onMissing(error, written, context.log) : undefined;
    if (again === undefined) throw error;
    metrics.onFailure("podlogreader", owner.namespace, "forbidden");
    return { holder, again };
  }

  #rest<T extends KubernetesObject>({ key }: Task, { keeper }: Job<T>, holder: Settled["holder"]): Settled {
    const { troubles, clock } = this.#options;
    const again = this.#recheck();
    troubles.rest(key, keeper.kind, { holder, until: clock.now() + again });
    return { holder, again };
  }

  /** Says what is wrong, on the Deployment; where that is gone, nobody is left to be told. */
  tell({ key, deployment, context }: Task, topic: Topic, trouble: Trouble): void {
    if (deployment === undefined) return;
    this.#options.troubles.begin(key, topic, { trouble, regarding: deployment, log: context.log });
  }

  /** Whether an object is that of another Deployment, which is there and whose name comes to the same: a hash can be aimed at. */
  #isAnothers(uid: string, owner: Owner): boolean {
    if (uid === owner.uid) return false;
    const other = this.#options.deploymentOf(keyString(owner.namespace, uid));
    return other !== undefined && isAffiliated(other) && nameFor(other.metadata.name) === nameFor(owner.name);
  }

  /** When to look at a standing obstacle again. */
  #recheck(): number {
    return untilRecheck(this.#options);
  }
}

/** The key of all that is made for a Deployment. */
export const objectKeyOf = ({ namespace, name }: Owner): KeyString => keyString(namespace, nameFor(name));

/** What an error says that will stand for longer. The text on escalation is that of k8s.io/kubernetes/pkg/registry/rbac/validation. */
const troubleOf = (error: unknown): Trouble | undefined => {
  const refusal = refusalOf(error);
  if (refusal !== undefined) return { type: "Warning", reason: refusal.reason, note: refusal.message };
  const isEscalation =
    error instanceof ForbiddenError &&
    error.message.includes("attempting to grant RBAC permissions not currently held");
  return isEscalation ? notHeld(error.message) : undefined;
};
