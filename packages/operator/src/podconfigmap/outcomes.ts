import type { KeyString } from "@pcmc/controller-runtime";

/** Why a Pod does not have the ConfigMap it should have. */
export interface Failure {
  /** In the form of a condition's reason: `TooLarge`, `ConfigMapConflict`. */
  readonly reason: string;
  /** One line that says what is wrong and what to do. */
  readonly message: string;
}

/** What became of one Pod under one PodConfigMapConfig. */
export interface Outcome {
  readonly podUid: string;
  readonly pcmcUid: string;
  /** The generation of the PodConfigMapConfig that was carried out. */
  readonly generation: number;
  /** What could not be done; empty where all is as it should be. */
  readonly failures: readonly Failure[];
}

const NONE: readonly Failure[] = [];

/**
 * What became of each Pod under each PodConfigMapConfig, as far as this process has seen: the Pod reconciles write it,
 * the status is computed from it. It is memory only: after a start every Pod is looked at once, which fills it again.
 */
export class Outcomes {
  readonly #byConfig = new Map<KeyString, Map<KeyString, Outcome>>();

  /** The outcome of `pod` under `pcmc`, both as `namespace/name`. */
  get(pcmc: KeyString, pod: KeyString): Outcome | undefined {
    return this.#byConfig.get(pcmc)?.get(pod);
  }

  /** Notes an outcome; returns whether it differs from the one before. */
  record(pcmc: KeyString, pod: KeyString, outcome: Outcome): boolean {
    let pods = this.#byConfig.get(pcmc);
    if (pods === undefined) {
      pods = new Map();
      this.#byConfig.set(pcmc, pods);
    }
    const before = pods.get(pod);
    if (before !== undefined && same(before, outcome)) return false;
    pods.set(pod, outcome.failures.length === 0 ? { ...outcome, failures: NONE } : outcome);
    return true;
  }

  /** Forgets a Pod under a PodConfigMapConfig: it is not selected, or not settled. */
  forget(pcmc: KeyString, pod: KeyString): void {
    this.#byConfig.get(pcmc)?.delete(pod);
  }

  /** Forgets a Pod that is gone. */
  forgetPod(pod: KeyString): void {
    for (const pods of this.#byConfig.values()) pods.delete(pod);
  }

  /** Forgets a PodConfigMapConfig that is gone. */
  forgetConfig(pcmc: KeyString): void {
    this.#byConfig.delete(pcmc);
  }
}

const same = (a: Outcome, b: Outcome): boolean =>
  a.podUid === b.podUid &&
  a.pcmcUid === b.pcmcUid &&
  a.generation === b.generation &&
  a.failures.length === b.failures.length &&
  a.failures.every(({ reason, message }, i) => reason === b.failures[i]?.reason && message === b.failures[i]?.message);
