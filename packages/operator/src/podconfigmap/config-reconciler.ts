import {
  type Client,
  type Clock,
  type KeyString,
  keyOf,
  type ReconcileContext,
  type ReconcileResult,
  type Stored,
  type WriteThrough,
  writeThrough,
} from "@pcmc/controller-runtime";
import type { PodConfigMapConfig } from "../api/podconfigmapconfig.ts";
import { selects } from "./fan-out.ts";
import type { Failure, Outcomes } from "./outcomes.ts";
import { parsedConfig, type Sources } from "./sources.ts";
import { nextStatus, type Progress } from "./status.ts";

/** Milliseconds between two status writes of one PodConfigMapConfig, however fast its Pods come and go. */
const STATUS_INTERVAL = 1_000;

export interface ConfigReconcilerOptions {
  readonly client: Client;
  readonly sources: Sources;
  readonly outcomes: Outcomes;
  readonly clock: Clock;
}

/** Writes the status of one PodConfigMapConfig from what the Pod reconciles have left. */
export class ConfigReconciler {
  readonly #options: ConfigReconcilerOptions;
  readonly #writer: WriteThrough<PodConfigMapConfig>;
  /** When each status was last written. */
  readonly #written = new Map<KeyString, number>();

  constructor(options: ConfigReconcilerOptions) {
    this.#options = options;
    this.#writer = writeThrough(options.client, options.sources.configs);
  }

  readonly reconcile = async (key: KeyString, { signal, log }: ReconcileContext): Promise<ReconcileResult> => {
    const { sources, outcomes, clock } = this.#options;
    const config = sources.configs.get(key);
    if (config === undefined) {
      outcomes.forgetConfig(key);
      this.#written.delete(key);
      return undefined;
    }
    const progress = this.#progress(key, config);
    if (progress === undefined) return undefined;
    const status = nextStatus(config, progress, clock.date());
    if (status === undefined) return undefined;
    const wait = (this.#written.get(key) ?? Number.NEGATIVE_INFINITY) + STATUS_INTERVAL - clock.now();
    if (wait > 0) return { requeueAfter: wait };
    this.#written.set(key, clock.now());
    await this.#writer.updateStatus({ ...config, status } as PodConfigMapConfig, { signal });
    log.debug("status written", { observedGeneration: status.observedGeneration, matched: status.matched });
    return undefined;
  };

  /**
   * What the selected Pods have come to; `undefined` as soon as one is found that is not settled. What settles it enqueues
   * the PodConfigMapConfig again.
   */
  #progress(key: KeyString, config: Stored<PodConfigMapConfig>): Progress | undefined {
    const { sources, outcomes } = this.#options;
    const parsed = parsedConfig(config);
    const failed = new Map<string, readonly Failure[]>();
    const { selector } = parsed.spec;
    if (!selector.ok) {
      const invalid = { reason: "InvalidSelector", message: `podSelector: ${selector.errors.join("; ")}` };
      return { matched: 0, failed, invalid };
    }
    let matched = 0;
    for (const pod of sources.pods.inNamespace(config.metadata.namespace ?? "")) {
      if (pod.metadata.deletionTimestamp !== undefined || !selects(parsed, pod)) continue;
      matched++;
      const outcome = outcomes.get(key, keyOf(pod));
      const isCurrent =
        outcome?.generation === parsed.generation &&
        outcome.pcmcUid === parsed.uid &&
        outcome.podUid === pod.metadata.uid;
      if (!isCurrent) return undefined;
      if (outcome.failures.length > 0) failed.set(pod.metadata.name, outcome.failures);
    }
    return { matched, failed, invalid: undefined };
  }
}
