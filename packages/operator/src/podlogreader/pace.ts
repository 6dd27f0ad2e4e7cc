import type { KeyString } from "@pcmc/controller-runtime";
import type { Deployment } from "kubernetes-types/apps/v1.d.ts";

/** Milliseconds that a difference waits for others to come: a ReplicaSet makes its Pods within some of these. */
const SETTLE = 200;
/** Milliseconds between two writes of one Role. With the time that a write takes, a removal is in the Role within a second. */
const INTERVAL = 700;
/** The same while the Deployment is rolling. */
const ROLLING_INTERVAL = 5_000;

/** What decides when a Role that is not as it should be is written. */
export interface Difference {
  /** The Deployment is in the middle of a change, and more is to come. */
  readonly rolling: boolean;
  /** The Role grants something that it must not. */
  readonly urgent: boolean;
}

interface Times {
  /** When the Role was first seen not to be as it should be; `undefined` = it is. */
  since: number | undefined;
  /** When it was last written. */
  writtenAt: number;
}

/**
 * When Roles are written: an isolated change at once but for a short wait for its companions, a flood of them bundled. One that
 * was not written lately never waits for long, rolling or not: so the last change of a pause is as quick as one by itself.
 *
 * Memory only: after a start the first difference is written at once.
 */
export class Pace {
  readonly #times = new Map<KeyString, Times>();

  /** Milliseconds until the Role may be written; 0 = now. To be asked again then, or when something changes. */
  wait(key: KeyString, { rolling, urgent }: Difference, now: number): number {
    const times = this.#timesOf(key);
    times.since ??= now;
    const due = urgent
      ? times.writtenAt + SETTLE
      : Math.max(times.since + SETTLE, times.writtenAt + (rolling ? ROLLING_INTERVAL : INTERVAL));
    return Math.max(0, due - now);
  }

  /** The Role was written, or a write was tried. */
  onWritten(key: KeyString, now: number): void {
    this.#times.set(key, { since: undefined, writtenAt: now });
  }

  /** The Role is as it should be. */
  onSettled(key: KeyString): void {
    const times = this.#times.get(key);
    if (times !== undefined) times.since = undefined;
  }

  /** There is no such Role any more. */
  forget(key: KeyString): void {
    this.#times.delete(key);
  }

  #timesOf(key: KeyString): Times {
    let times = this.#times.get(key);
    if (times === undefined) {
      times = { since: undefined, writtenAt: Number.NEGATIVE_INFINITY };
      this.#times.set(key, times);
    }
    return times;
  }
}

/**
 * Whether a Deployment is in the middle of a change: its controller has not seen the newest spec, or Pods are still to be made,
 * to become available, or to go.
 */
export const isRolling = ({ metadata, spec, status }: Deployment): boolean => {
  const { replicas: wanted = 1 } = spec ?? {};
  const { observedGeneration = 0, replicas = 0, updatedReplicas = 0, availableReplicas = 0 } = status ?? {};
  if (observedGeneration < (metadata?.generation ?? 0)) return true;
  return [replicas, updatedReplicas, availableReplicas].some((count) => count !== wanted);
};
