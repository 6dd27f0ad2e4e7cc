import {
  type Client,
  type Clock,
  type KeyString,
  keyOf,
  type ReconcileContext,
  type ReconcileResult,
  type Recorder,
  type Stored,
} from "@pcmc/controller-runtime";
import type { Pod } from "kubernetes-types/core/v1.d.ts";
import type { PodConfigMapConfig, PodConfigMapConfigStatus } from "../api/podconfigmapconfig.ts";
import type { Undated } from "../controllers/conditions.ts";
import type { MissingPermissions } from "../controllers/missing-permissions.ts";
import { StatusWriter } from "../controllers/status-writer.ts";
import { asks } from "../ebpf/policy-sections.ts";
import type { OperatorMetrics } from "../metrics/operator-metrics.ts";
import { type ParsedConfig, selects } from "./config.ts";
import { ebpfPodsIn } from "./ebpf-pods.ts";
import { ebpfConditions } from "./ebpf-status.ts";
import type { Failure, Outcomes } from "./outcomes.ts";
import { parsedConfig, type Sources } from "./sources.ts";
import { nextStatus, type Progress } from "./status.ts";
import { eventsOf } from "./status-events.ts";
import type { Templates } from "./templates.ts";

export interface ConfigReconcilerOptions {
  readonly client: Client;
  readonly sources: Sources;
  readonly templates: Templates;
  readonly outcomes: Outcomes;
  readonly metrics: OperatorMetrics;
  readonly permissions: MissingPermissions;
  readonly events: Recorder;
  readonly clock: Clock;
}

/** Writes the status of one PodConfigMapConfig from what the Pod reconciles and the agents of the nodes have left. */
export class ConfigReconciler {
  readonly #options: ConfigReconcilerOptions;
  readonly #statuses: StatusWriter<PodConfigMapConfig>;
  /** For each PodConfigMapConfig that is not finished, a Pod that was not settled when last looked at. */
  readonly #unsettled = new Map<KeyString, KeyString>();

  constructor(options: ConfigReconcilerOptions) {
    this.#options = options;
    this.#statuses = new StatusWriter({ ...options, informer: options.sources.configs, type: "pcmc" });
  }

  readonly reconcile = async (key: KeyString, context: ReconcileContext): Promise<ReconcileResult> => {
    const { sources, outcomes, clock } = this.#options;
    const config = sources.configs.get(key);
    if (config === undefined) {
      outcomes.forgetConfig(key);
      this.#statuses.forget(key);
      this.#unsettled.delete(key);
      return undefined;
    }
    // Also where no Pod is selected: what does not parse is not sound.
    const problems = await this.#options.templates.problems(parsedConfig(config), context.end);
    const settled = this.#progress(key, config);
    const progress = settled && { ...settled, problems: [...settled.problems, ...problems] };
    const ebpf = this.#ebpf(config);
    const status = nextStatus(config, { progress, ebpf }, clock.date());
    if (status === undefined) return undefined;
    return this.#statuses.write({ ...config, status }, context, () => this.#announce(config, status));
  };

  #announce(config: Stored<PodConfigMapConfig>, status: PodConfigMapConfigStatus): void {
    for (const event of eventsOf(config.status, status)) this.#options.events.event({ regarding: config, ...event });
  }

  /** What the agents of the nodes say; `undefined` while not all of it is known. */
  #ebpf(config: Stored<PodConfigMapConfig>): readonly Undated[] | undefined {
    const { sources } = this.#options;
    const { namespace = "" } = config.metadata;
    const parsed = parsedConfig(config);
    if (!asks(parsed)) return ebpfConditions(parsed, { pods: [], configs: [] });
    const pods = ebpfPodsIn(sources, namespace);
    return pods && ebpfConditions(parsed, { pods, configs: sources.configs.inNamespace(namespace).map(parsedConfig) });
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
