import type { Stored } from "@pcmc/controller-runtime";
import type { Pod } from "kubernetes-types/core/v1.d.ts";
import type { EbpfMetrics, PodName } from "../../metrics/ebpf-metrics.ts";
import type { EbpfFailure } from "../failure.ts";
import type { ProgramType } from "../node-pod.ts";
import type { PodPolicy } from "../policy.ts";
import type { Meter } from "./meter.ts";
import type { PodObserver } from "./reconciler.ts";

/** A Pod whose counters are exported. */
type Exported = PodName & { readonly programs: readonly ProgramType[] };

export interface FollowedPodsOptions {
  readonly meter: Pick<Meter, "follow" | "forget">;
  readonly metrics: Pick<EbpfMetrics, "onProgramError" | "forget">;
}

/** Which Pods are in the metrics: those that have programs, and whose PodConfigMapConfigs ask for it by `metricsExport`. */
export class FollowedPods implements PodObserver {
  readonly #meter: FollowedPodsOptions["meter"];
  readonly #metrics: FollowedPodsOptions["metrics"];
  readonly #exported = new Map<string, Exported>();

  constructor({ meter, metrics }: FollowedPodsOptions) {
    this.#meter = meter;
    this.#metrics = metrics;
  }

  exported(): Iterable<Exported> {
    return this.#exported.values();
  }

  onPod(
    pod: Stored<Pod>,
    { policy: { exported }, programs }: { readonly policy: PodPolicy; readonly programs: readonly ProgramType[] },
  ): void {
    const { uid } = pod.metadata;
    if (exported === undefined || programs.length === 0) {
      this.#exported.delete(uid);
      this.#meter.forget(uid);
      return;
    }
    this.#exported.set(uid, { ...nameOf(pod), programs });
    this.#meter.follow(uid, exported.updateInterval);
  }

  onFailure(pod: Stored<Pod>, program: ProgramType, reason: EbpfFailure["reason"]): void {
    this.#metrics.onProgramError({ uid: pod.metadata.uid, ...nameOf(pod) }, program, reason);
  }

  onGone(uid: string): void {
    this.#exported.delete(uid);
    this.#meter.forget(uid);
    this.#metrics.forget(uid);
  }
}

const nameOf = ({ metadata }: Stored<Pod>): PodName => ({ namespace: metadata.namespace ?? "", name: metadata.name });
