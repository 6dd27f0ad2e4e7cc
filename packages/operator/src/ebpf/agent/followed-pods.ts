import type { Stored } from "@pcmc/controller-runtime";
import type { Pod } from "kubernetes-types/core/v1.d.ts";
import type { EbpfMetrics, PodName } from "../../metrics/ebpf-metrics.ts";
import type { ErrorCounts } from "../error-counts.ts";
import type { EbpfFailure } from "../failure.ts";
import type { ProgramType } from "../node-pod.ts";
import type { PodPolicy } from "../policy.ts";
import type { Meter } from "./meter.ts";
import type { PodObserver } from "./reconciler.ts";

/** A Pod whose counters are exported. */
type Exported = PodName & { readonly programs: readonly ProgramType[] };

export interface FollowedPodsOptions {
  readonly meter: Pick<Meter, "follow" | "forget">;
  readonly metrics: Pick<EbpfMetrics, "onProgramError" | "errorsOf" | "restoreErrors" | "forget">;
  /** Where failures are kept over restarts. */
  readonly errors: Pick<ErrorCounts, "read" | "write">;
}

/**
 * Which Pods are in the metrics: those that have programs, and whose PodConfigMapConfigs ask for it by `metricsExport`. Failures
 * are told of all, and go on from where an earlier agent was.
 */
export class FollowedPods implements PodObserver {
  readonly #meter: FollowedPodsOptions["meter"];
  readonly #metrics: FollowedPodsOptions["metrics"];
  readonly #errors: FollowedPodsOptions["errors"];
  readonly #exported = new Map<string, Exported>();
  /** Pods whose failures go on from what was kept. */
  readonly #restored = new Set<string>();

  constructor({ meter, metrics, errors }: FollowedPodsOptions) {
    this.#meter = meter;
    this.#metrics = metrics;
    this.#errors = errors;
  }

  exported(): Iterable<Exported> {
    return this.#exported.values();
  }

  onPod(
    pod: Stored<Pod>,
    { policy: { exported }, programs }: { readonly policy: PodPolicy; readonly programs: readonly ProgramType[] },
  ): void {
    const { uid } = pod.metadata;
    this.#restore(pod);
    if (exported === undefined || programs.length === 0) {
      this.#exported.delete(uid);
      this.#meter.forget(uid);
      return;
    }
    this.#exported.set(uid, { ...nameOf(pod), programs });
    this.#meter.follow(uid, exported.updateInterval);
  }

  onFailure(pod: Stored<Pod>, program: ProgramType, reason: EbpfFailure["reason"]): void {
    const { uid } = pod.metadata;
    this.#restore(pod);
    this.#metrics.onProgramError({ uid, ...nameOf(pod) }, program, reason);
    this.#errors.write(uid, this.#metrics.errorsOf(uid));
  }

  onGone(uid: string): void {
    this.#exported.delete(uid);
    this.#meter.forget(uid);
    this.#metrics.forget(uid);
    this.#restored.delete(uid);
  }

  #restore(pod: Stored<Pod>): void {
    const { uid } = pod.metadata;
    if (this.#restored.has(uid)) return;
    this.#restored.add(uid);
    this.#metrics.restoreErrors({ uid, ...nameOf(pod) }, this.#errors.read(uid));
  }
}

const nameOf = ({ metadata }: Stored<Pod>): PodName => ({ namespace: metadata.namespace ?? "", name: metadata.name });
