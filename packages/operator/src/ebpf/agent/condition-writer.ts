import {
  type AbortSource,
  type Client,
  type Clock,
  ForbiddenError,
  type Informer,
  type KeyString,
  keyOf,
  NotFoundError,
  Pods,
  parseKey,
  type Stored,
} from "@pcmc/controller-runtime";
import type { Pod, PodCondition } from "kubernetes-types/core/v1.d.ts";
import { EBPF_READY, type EbpfCondition } from "../condition.ts";

export interface ConditionWriterOptions {
  readonly client: Client;
  readonly pods: Informer<Pod>;
  readonly clock: Clock;
}

/**
 * Writes the one condition of a Pod that is ours, and nothing else: the patch names no other field, so that it can neither
 * overwrite what the kubelet writes nor be held up by it. No write without a difference.
 */
export class ConditionWriter {
  readonly #options: ConditionWriterOptions;
  /** What the API server said when it refused a write, by Pod. */
  readonly #refused = new Map<KeyString, string>();

  constructor(options: ConditionWriterOptions) {
    this.#options = options;
  }

  /**
   * Makes the Pod's condition `wanted`; `undefined` takes it away. A Pod that is gone meanwhile is as well.
   *
   * @throws what the client throws; a `ConflictError` where the Pod of this name is another one by now.
   */
  async write(pod: Stored<Pod>, wanted: EbpfCondition | undefined, signal: AbortSource): Promise<void> {
    const key = keyOf(pod);
    const patch = patchOf(pod, wanted, this.#options.clock.date());
    if (patch !== undefined) await this.#patch(pod, patch, signal);
    this.#refused.delete(key);
  }

  /** What the API server says of a Pod whose condition may not be written; `undefined` where all may. */
  get refusal(): string | undefined {
    for (const [key, message] of this.#refused) {
      if (this.#options.pods.get(key) !== undefined) return message;
      this.#refused.delete(key);
    }
    return undefined;
  }

  async #patch(pod: Stored<Pod>, patch: object, signal: AbortSource): Promise<void> {
    const { client, pods } = this.#options;
    const { projection } = pods;
    using _write = pods.beginWrite(keyOf(pod));
    const written = await client
      .patch(Pods, parseKey(keyOf(pod)), patch, {
        type: "strategic",
        subresource: "status",
        project: projection,
        signal,
      })
      .catch((error: unknown) => {
        if (error instanceof NotFoundError) return undefined;
        if (error instanceof ForbiddenError) this.#refused.set(keyOf(pod), error.message);
        throw error;
      });
    if (written !== undefined) pods.noteWritten(written, { projection });
  }
}

/** The condition that a Pod has. */
export const conditionOf = ({ status }: Pod): PodCondition | undefined =>
  status?.conditions?.find(({ type }) => type === EBPF_READY);

/**
 * The strategic merge patch of `status` that makes the difference; `undefined` where there is none. Conditions are merged by
 * `type`. The UID is a precondition: a Pod that was made anew under the name does not get what is said of the old one.
 */
export const patchOf = (pod: Stored<Pod>, wanted: EbpfCondition | undefined, now: Date): object | undefined => {
  const { uid } = pod.metadata;
  const before = conditionOf(pod);
  const patch = (condition: object) => ({ metadata: { uid }, status: { conditions: [condition] } });
  if (wanted === undefined) {
    return before === undefined ? undefined : patch({ type: EBPF_READY, $patch: "delete" });
  }
  const { status, reason, message } = wanted;
  if (before?.status === status && before.reason === reason && before.message === message) return undefined;
  // Strategic merge keeps what is not named: the time stays while the status does.
  const since = before?.status === status ? {} : { lastTransitionTime: now.toISOString().replace(/\.\d+Z$/, "Z") };
  return patch({ type: EBPF_READY, status, reason, message, ...since });
};
