import type { KeyString, ReconcileContext, ReconcileResult, Stored } from "@pcmc/controller-runtime";
import type { Pod } from "kubernetes-types/core/v1.d.ts";
import { parsedConfig } from "../../podconfigmap/sources.ts";
import { hasReadinessGate, type Progress, podCondition, programsOf } from "../condition.ts";
import { type EbpfFailure, NOT_OURS } from "../failure.ts";
import type { ProgramType } from "../node-pod.ts";
import type { ApplyOutcome } from "../outcome.ts";
import { hasEnded } from "../pod-phase.ts";
import { type PodPolicy, podPolicy } from "../policy.ts";
import type { Architecture } from "../syscalls-table.ts";
import type { ConditionWriter } from "./condition-writer.ts";
import type { Kernel } from "./kernel.ts";
import { isRunning, nodePodOf } from "./node-pod.ts";
import { NOTHING, progressOf, textOf, unavailable } from "./progress.ts";
import type { AgentSources } from "./sources.ts";

/** `onCgroup` tells when a Pod gets its cgroup; this is for the case that the kernel lost that notice. Milliseconds. */
const LOOK_FOR_CGROUP_AGAIN = 30_000;

/** Who is told of what became of Pods, for metrics. */
export interface PodObserver {
  /** The Pod is looked after under this policy; `programs` are those in the kernel. */
  onPod(pod: Stored<Pod>, state: { readonly policy: PodPolicy; readonly programs: readonly ProgramType[] }): void;
  onFailure(pod: Stored<Pod>, program: ProgramType, reason: EbpfFailure["reason"]): void;
  /** Nothing is said of the Pod any more. */
  onGone(uid: string): void;
}

export interface PodReconcilerOptions {
  readonly sources: {
    readonly pods: Pick<AgentSources["pods"], "get">;
    readonly configs: Pick<AgentSources["configs"], "inNamespace">;
  };
  readonly kernel: Pick<Kernel, "enforcer" | "failure">;
  /** Whether something of the Pod with this UID is pinned, also where there is no kernel side. */
  readonly isPinned: (uid: string) => boolean;
  readonly conditions: Pick<ConditionWriter, "write">;
  readonly observer: PodObserver;
  readonly architecture: Architecture;
}

/** A failure of the kernel side; the condition tells of it already. */
class EnforceError extends Error {
  override readonly name = "EnforceError";
}

/** Brings the kernel, and then the Pod's condition, to what the PodConfigMapConfigs of its namespace ask for. */
export class PodReconciler {
  readonly #options: PodReconcilerOptions;
  /** Which incarnation of a Pod was last seen under a key. */
  readonly #uids = new Map<KeyString, string>();
  /** What was told of a failure that is not tried again, by UID. */
  readonly #told = new Map<string, string>();

  constructor(options: PodReconcilerOptions) {
    this.#options = options;
  }

  readonly reconcile = async (key: KeyString, context: ReconcileContext): Promise<ReconcileResult> => {
    const pod = this.#options.sources.pods.get(key);
    this.#forgetOther(key, pod?.metadata.uid);
    // Of a Pod that has ended, the condition stays as it is: nobody waits for it.
    if (pod === undefined || hasEnded(pod)) return undefined;
    this.#uids.set(key, pod.metadata.uid);
    const policy = this.#policyOf(pod);
    const enforced = await this.#enforce(pod, policy, context);
    if (enforced === undefined) return undefined;
    const { progress, result, failure } = enforced;
    this.#options.observer.onPod(pod, { policy, programs: progress.kind === "pending" ? [] : progress.programs });
    const condition = podCondition(policy, { gate: hasReadinessGate(pod), progress });
    await this.#options.conditions.write(pod, condition, context.end);
    // Not before the condition says so: what is thrown comes back with backoff.
    if (failure !== undefined) throw failure;
    return result;
  };

  #policyOf(pod: Stored<Pod>): PodPolicy {
    const { sources, architecture } = this.#options;
    const configs = sources.configs.inNamespace(pod.metadata.namespace ?? "").map(parsedConfig);
    return podPolicy(pod, configs, { architecture });
  }

  /** Lets go of what the key stood for before, where that is not `uid`, and of a Pod that has ended. */
  #forgetOther(key: KeyString, uid: string | undefined): void {
    const { sources, kernel, observer } = this.#options;
    const before = this.#uids.get(key);
    const now = sources.pods.get(key);
    const ended = now !== undefined && hasEnded(now) ? now.metadata.uid : undefined;
    for (const gone of new Set([before === uid ? undefined : before, ended])) {
      if (gone === undefined) continue;
      kernel.enforcer?.release(gone);
      observer.onGone(gone);
      this.#told.delete(gone);
      this.#uids.delete(key);
    }
  }

  /** `undefined` = nothing is to be said of the Pod. */
  async #enforce(pod: Stored<Pod>, policy: PodPolicy, context: ReconcileContext): Promise<Enforced | undefined> {
    const { enforcer, failure } = this.#options.kernel;
    // It is told once for the node, and all Pods are looked at when it changes.
    if (enforcer === undefined) return failure && this.#notPossible(pod, policy, failure);
    const outcome = await enforcer.apply(nodePodOf(pod), policy);
    if (outcome.kind !== "failed") this.#told.delete(pod.metadata.uid);
    if (outcome.kind === "waiting") return this.#waiting(pod, policy, outcome);
    const progress = progressOf(outcome, { isRunning: isRunning(pod) });
    if (outcome.kind === "applied") return { progress };
    for (const { program, reason } of outcome.failures) this.#options.observer.onFailure(pod, program, reason);
    const text = textOf(outcome.failures);
    if (outcome.retry) return { progress, failure: new EnforceError(text) };
    if (this.#told.get(pod.metadata.uid) !== text) context.log.warning("not in the kernel", { cause: text });
    this.#told.set(pod.metadata.uid, text);
    return { progress };
  }

  #waiting(pod: Stored<Pod>, policy: PodPolicy, outcome: Waiting): Enforced | undefined {
    // Its cgroup goes before it does, and nobody waits for it any more.
    if (pod.metadata.deletionTimestamp !== undefined) return undefined;
    const progress = progressOf(outcome, { isRunning: isRunning(pod) });
    if (progress.kind === "failed") this.#countFailure(pod, policy, outcome.failure);
    return { progress, result: { requeueAfter: LOOK_FOR_CGROUP_AGAIN } };
  }

  #notPossible(pod: Stored<Pod>, policy: PodPolicy, failure: EbpfFailure): Enforced | undefined {
    this.#countFailure(pod, policy, failure);
    if (NOT_OURS.has(failure.reason)) return undefined;
    const stands = policy.applies || this.#options.isPinned(pod.metadata.uid);
    return { progress: stands ? unavailable(failure) : NOTHING };
  }

  #countFailure(pod: Stored<Pod>, policy: PodPolicy, { reason }: EbpfFailure): void {
    for (const program of programsOf(policy)) this.#options.observer.onFailure(pod, program, reason);
  }
}

type Waiting = Extract<ApplyOutcome, { readonly kind: "waiting" }>;

interface Enforced {
  readonly progress: Progress;
  readonly result?: ReconcileResult;
  /** What to throw to be called again. */
  readonly failure?: Error;
}
