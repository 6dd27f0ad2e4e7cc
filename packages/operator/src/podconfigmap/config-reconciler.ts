import {
  type Client,
  type Clock,
  ForbiddenError,
  isUncertain,
  type KeyString,
  keyOf,
  NotFoundError,
  type ReconcileContext,
  type ReconcileResult,
  type Recorder,
  StaleError,
  type Stored,
  type WriteThrough,
  writeThrough,
} from "@pcmc/controller-runtime";
import type { Pod } from "kubernetes-types/core/v1.d.ts";
import type { PodConfigMapConfig, PodConfigMapConfigStatus } from "../api/podconfigmapconfig.ts";
import type { OperatorMetrics } from "../metrics/operator-metrics.ts";
import { type ParsedConfig, selects } from "./config.ts";
import type { Failure, Outcomes } from "./outcomes.ts";
import type { Permissions } from "./permissions.ts";
import { refusalOf } from "./refusal.ts";
import { PodConfigMapConfigs, parsedConfig, type Sources } from "./sources.ts";
import { nextStatus, type Progress } from "./status.ts";
import { eventsOf } from "./status-events.ts";
import { StatusSubresource } from "./status-subresource.ts";
import type { Templates } from "./templates.ts";

/** Milliseconds between two status writes of one PodConfigMapConfig, however fast its Pods come and go. */
const STATUS_INTERVAL = 1_000;
/** For messages about permissions. */
const STATUS = "podconfigmapconfigs/status";

export interface ConfigReconcilerOptions {
  readonly client: Client;
  readonly sources: Sources;
  readonly templates: Templates;
  readonly outcomes: Outcomes;
  readonly metrics: OperatorMetrics;
  readonly permissions: Permissions;
  readonly events: Recorder;
  readonly clock: Clock;
}

/** Writes the status of one PodConfigMapConfig from what the Pod reconciles have left. */
export class ConfigReconciler {
  readonly #options: ConfigReconcilerOptions;
  readonly #writer: WriteThrough<PodConfigMapConfig>;
  readonly #subresource: StatusSubresource;
  /** For each PodConfigMapConfig that is not finished, a Pod that was not settled when last looked at. */
  readonly #unsettled = new Map<KeyString, KeyString>();
  /** When each status was last written. */
  readonly #written = new Map<KeyString, number>();

  constructor(options: ConfigReconcilerOptions) {
    this.#options = options;
    this.#writer = writeThrough(options.client, options.sources.configs);
    this.#subresource = new StatusSubresource(options.clock);
  }

  readonly reconcile = async (key: KeyString, context: ReconcileContext): Promise<ReconcileResult> => {
    const { sources, outcomes, clock } = this.#options;
    const config = sources.configs.get(key);
    if (config === undefined) {
      outcomes.forgetConfig(key);
      this.#written.delete(key);
      this.#unsettled.delete(key);
      return undefined;
    }
    // Also where no Pod is selected: what does not parse is not sound.
    const problems = await this.#options.templates.problems(parsedConfig(config), context.end);
    const progress = this.#progress(key, config);
    if (progress === undefined) return undefined;
    const status = nextStatus(config, { ...progress, problems: [...progress.problems, ...problems] }, clock.date());
    if (status === undefined) return undefined;
    const due = (this.#written.get(key) ?? Number.NEGATIVE_INFINITY) + STATUS_INTERVAL;
    const wait = Math.max(due - clock.now(), this.#subresource.pause);
    if (wait > 0) return { requeueAfter: wait };
    this.#written.set(key, clock.now());
    try {
      const result = await this.#write({ ...config, status } as Stored<PodConfigMapConfig>, context);
      if (result === undefined) this.#announce(config, status);
      return result;
    } catch (error) {
      // It may be stored, and would not be written again then. If it is not, what is said now will be said as a repeat.
      if (isUncertain(error)) this.#announce(config, status);
      throw error;
    }
  };

  #announce(config: Stored<PodConfigMapConfig>, status: PodConfigMapConfigStatus): void {
    for (const event of eventsOf(config.status, status)) this.#options.events.event({ regarding: config, ...event });
  }

  async #write(config: Stored<PodConfigMapConfig>, { signal, log }: ReconcileContext): Promise<ReconcileResult> {
    const { metrics, permissions } = this.#options;
    const { namespace = "" } = config.metadata;
    try {
      await this.#writer.updateStatus(config, { signal });
    } catch (error) {
      if (error instanceof NotFoundError) return this.#onNotFound(error, config, { signal, log });
      if (!(error instanceof ForbiddenError) || refusalOf(error) !== undefined) throw error;
      const requeueAfter = permissions.onMissing(error, { resource: STATUS, namespace }, log);
      if (requeueAfter === undefined) throw error;
      metrics.onFailure("pcmc", namespace, "forbidden");
      return { requeueAfter };
    }
    permissions.onGranted("update", { resource: STATUS, namespace }, log);
    this.#subresource.onFound(log);
    const { observedGeneration, matched } = config.status ?? {};
    log.debug("status written", { observedGeneration, matched });
    return undefined;
  }

  /** The answer is the same whether the object is gone or its definition knows no status: only a look at the object tells. */
  async #onNotFound(
    error: NotFoundError,
    { metadata: { namespace = "", name, uid } }: Stored<PodConfigMapConfig>,
    { signal, log }: Pick<ReconcileContext, "signal" | "log">,
  ): Promise<ReconcileResult> {
    const { client, metrics } = this.#options;
    const found = await client.get(PodConfigMapConfigs, { namespace, name }, { signal }).catch((cause: unknown) => {
      if (!(cause instanceof NotFoundError)) throw cause;
      return undefined;
    });
    // Deleted meanwhile: the watch tells it soon, and there is nothing more to say.
    if (found?.metadata.uid !== uid) throw new StaleError(error.message, { cause: error });
    metrics.onFailure("pcmc", namespace, "not_found");
    return { requeueAfter: this.#subresource.onMissing(log) };
  }

  /**
   * What the selected Pods have come to; `undefined` while one of them is not settled. What settles it enqueues the
   * PodConfigMapConfig again.
   *
   * While 10,000 Pods are being settled, this is asked five times a second. So the last unsettled Pod is remembered, and as
   * long as it is not settled nobody looks at the others.
   */
  #progress(key: KeyString, config: Stored<PodConfigMapConfig>): Progress | undefined {
    const { sources } = this.#options;
    const parsed = parsedConfig(config);
    const failed = new Map<string, readonly Failure[]>();
    const { selector } = parsed.spec;
    if (!selector.ok) {
      const invalid = { reason: "InvalidSelector", message: `podSelector: ${selector.errors.join("; ")}` };
      return { matched: 0, failed, problems: parsed.problems, invalid };
    }
    const remembered = sources.pods.get(this.#unsettled.get(key) ?? "");
    if (remembered !== undefined && this.#outcome(key, parsed, remembered) === "unsettled") return undefined;
    this.#unsettled.delete(key);
    let matched = 0;
    for (const pod of sources.pods.inNamespace(config.metadata.namespace ?? "")) {
      const outcome = this.#outcome(key, parsed, pod);
      if (outcome === "unselected") continue;
      matched++;
      if (outcome === "unsettled") this.#unsettled.set(key, keyOf(pod));
      else if (outcome.length > 0) failed.set(pod.metadata.name, outcome);
    }
    if (this.#unsettled.has(key)) return undefined;
    return { matched, failed, problems: parsed.problems, invalid: undefined };
  }

  /** How one Pod stands under a PodConfigMapConfig: its failures when it is settled. */
  #outcome(key: KeyString, parsed: ParsedConfig, pod: Stored<Pod>): "unselected" | "unsettled" | readonly Failure[] {
    if (pod.metadata.deletionTimestamp !== undefined || !selects(parsed, pod.metadata.labels)) return "unselected";
    const outcome = this.#options.outcomes.get(key, keyOf(pod));
    const { generation, uid } = parsed;
    const isCurrent = outcome?.generation === generation && outcome.pcmcUid === uid;
    return isCurrent && outcome.podUid === pod.metadata.uid ? outcome.failures : "unsettled";
  }
}
