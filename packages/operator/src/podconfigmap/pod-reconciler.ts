import {
  AlreadyExistsError,
  type Client,
  type KeyString,
  keyOf,
  keyString,
  NotFoundError,
  parseKey,
  type Random,
  type ReconcileContext,
  type ReconcileResult,
  StaleError,
  type WriteThrough,
  writeThrough,
} from "@pcmc/controller-runtime";
import type { OperatorMetrics } from "../metrics/operator-metrics.ts";
import type { ParsedConfig } from "./config.ts";
import { desiredConfigMaps, type Settlement } from "./desired.ts";
import { type Action, difference, type Preconditions } from "./difference.ts";
import { otherPairs } from "./names.ts";
import type { Failure, Outcomes } from "./outcomes.ts";
import { isTerminatingNamespace, refusalOf } from "./refusal.ts";
import {
  configMapFields,
  configMapViewOf,
  type DigestedConfigMap,
  DigestedConfigMaps,
  indexes,
  parsedConfig,
  podViewOf,
  type Sources,
} from "./sources.ts";
import type { ExistingConfigMap, PodView } from "./views.ts";

/** The slow cap of the backoff, milliseconds. */
const RECHECK_PERIOD = 30_000;
const RECHECK_JITTER = 0.2;
/** While the first list of Pods is not complete, a verdict that depends on all of them waits so long. */
const UNTIL_SYNCED = 500;
/** How often one reconcile reads what the cache does not show, and plans again. */
const MAX_READS = 3;

export interface PodReconcilerOptions {
  readonly client: Client;
  readonly sources: Sources;
  readonly outcomes: Outcomes;
  readonly metrics: OperatorMetrics;
  readonly random: Random;
  /** What only a change elsewhere can mend is looked at this often, with 20 % jitter; milliseconds. Default 30,000. */
  readonly recheckPeriod?: number | undefined;
  /** Is told of each PodConfigMapConfig under which a Pod has another outcome now. */
  readonly onOutcome: (pcmc: KeyString) => void;
}

/** What became of one settlement. `undefined` failures: not settled, to be tried again. */
interface Verdict {
  readonly pcmc: string;
  readonly failures: readonly Failure[] | undefined;
  readonly error?: unknown;
  /** Worth another look though nothing changes here: the obstacle is elsewhere. */
  readonly again?: boolean;
}

/** What became of one Pod. */
interface Settled {
  readonly pod: PodView;
  readonly configs: readonly ParsedConfig[];
  readonly verdicts: readonly Verdict[];
}

/** An object of that name is there, and the plan knew nothing of it: a foreign one, or ours that waits for a finalizer. */
interface Unseen {
  readonly unseen: string;
}

interface Deletion {
  readonly namespace: string;
  readonly name: string;
  readonly preconditions: Preconditions;
}

/**
 * Settles all ConfigMaps of one Pod against all PodConfigMapConfigs of its namespace: reads the cache, asks the pure
 * functions, carries out the difference.
 */
export class PodReconciler {
  readonly #options: PodReconcilerOptions;
  readonly #writer: WriteThrough<DigestedConfigMap>;

  constructor(options: PodReconcilerOptions) {
    this.#options = options;
    this.#writer = writeThrough(options.client, options.sources.configMaps);
  }

  readonly reconcile = async (key: KeyString, context: ReconcileContext): Promise<ReconcileResult> => {
    const { pods, configs } = this.#options.sources;
    const stored = pods.get(key);
    if (stored === undefined || stored.metadata.deletionTimestamp !== undefined) {
      // What a Pod leaves behind is the garbage collector's: it has the ownerReference to go by.
      this.#forget(key);
      return undefined;
    }
    const pod = podViewOf(stored);
    const parsed = configs.inNamespace(pod.namespace).map(parsedConfig);
    if (!pods.synced && parsed.some(({ name }) => otherPairs({ pod: pod.name, pcmc: name }).length > 0)) {
      return { requeueAfter: UNTIL_SYNCED };
    }
    const verdicts = await this.#settle(pod, parsed, context);
    this.#record({ pod, configs: parsed, verdicts }, context);
    const failed = verdicts.find(({ error }) => error !== undefined);
    if (failed !== undefined) throw failed.error;
    if (!verdicts.some(({ again }) => again)) return undefined;
    const { recheckPeriod = RECHECK_PERIOD, random } = this.#options;
    return { requeueAfter: recheckPeriod * (1 - RECHECK_JITTER + 2 * RECHECK_JITTER * random()) };
  };

  /** Plans and carries out; plans again when objects turn up that the cache does not show. */
  async #settle(
    pod: PodView,
    configs: readonly ParsedConfig[],
    context: ReconcileContext,
  ): Promise<readonly Verdict[]> {
    const read = new Map<string, ExistingConfigMap>();
    for (let reads = 0; ; reads++) {
      const { settlements, actions } = this.#plan(pod, configs, read);
      const verdicts = new Map(settlements.map((settlement) => [settlement.pcmc, verdictOf(settlement)]));
      const unseen: string[] = [];
      for (const action of actions) {
        const result = await this.#perform(action, pod, context);
        if (result !== undefined && "unseen" in result) unseen.push(result.unseen);
        else if (result !== undefined) verdicts.set(action.pcmc, result);
      }
      if (unseen.length === 0) return [...verdicts.values()];
      if (reads === MAX_READS) throw new StaleError(`ConfigMap ${unseen[0]} comes and goes`);
      for (const name of unseen) await this.#read(name, { pod, read, context });
    }
  }

  #plan(pod: PodView, configs: readonly ParsedConfig[], read: ReadonlyMap<string, ExistingConfigMap>) {
    const { pods, configMaps } = this.#options.sources;
    const configMap = (name: string): ExistingConfigMap | undefined => {
      const cached = configMaps.get(keyString(pod.namespace, name));
      return cached === undefined ? read.get(name) : configMapViewOf(cached);
    };
    const podOf = (name: string) => {
      const found = pods.get(keyString(pod.namespace, name));
      return found && podViewOf(found);
    };
    const settlements = desiredConfigMaps(pod, { configs, pod: podOf, configMap });
    const existing = new Map(read);
    const key = keyString(pod.namespace, pod.name);
    const own = [
      ...configMaps.byIndex(indexes.owner, key),
      ...configMaps.byIndex(indexes.markedUid, keyString(pod.namespace, pod.uid)),
    ];
    for (const object of own) existing.set(object.metadata.name, configMapViewOf(object));
    for (const settlement of settlements) {
      if (settlement.kind === "failed") continue;
      const { name } = settlement.configMap;
      const present = configMap(name);
      if (present !== undefined) existing.set(name, present);
    }
    return {
      settlements,
      actions: difference({ podName: pod.name, pod, settlements, existing: [...existing.values()] }),
    };
  }

  /** Carries out one action. */
  async #perform(action: Action, pod: PodView, context: ReconcileContext): Promise<Verdict | Unseen | undefined> {
    const { pcmc } = action;
    if (action.type === "conflict") {
      const failures = [{ reason: "ConfigMapConflict", message: action.message }];
      return { pcmc, failures, again: true };
    }
    // Its end is an event, and brings the next reconcile.
    if (action.type === "wait") return { pcmc, failures: undefined };
    try {
      await this.#write(action, pod, context);
      return undefined;
    } catch (error) {
      if (error instanceof AlreadyExistsError && action.type !== "delete") {
        return { unseen: action.configMap.metadata?.name ?? "" };
      }
      if (isTerminatingNamespace(error)) return { pcmc, failures: undefined };
      const refusal = refusalOf(error);
      if (refusal === undefined) return { pcmc, failures: undefined, error };
      return { pcmc, failures: [refusal], again: true };
    }
  }

  async #write(action: Exclude<Action, { type: "conflict" | "wait" }>, pod: PodView, { signal }: ReconcileContext) {
    const { namespace } = pod;
    if (action.type === "delete") return this.#delete({ ...action, namespace }, signal);
    const { configMap } = action;
    if (action.type === "update") {
      return this.#counted("update", namespace, () => this.#writer.update(configMap, { signal }));
    }
    if (action.type === "recreate") {
      const name = configMap.metadata?.name ?? "";
      await this.#delete({ namespace, name, preconditions: action.preconditions }, signal);
    }
    return this.#counted("create", namespace, () => this.#writer.create(configMap, { signal }));
  }

  #delete({ namespace, name, preconditions }: Deletion, signal: AbortSignal): Promise<void> {
    const object = { metadata: { namespace, name, ...preconditions } };
    return this.#counted("delete", namespace, () => this.#writer.delete(object, { signal }));
  }

  async #counted(operation: "create" | "update" | "delete", namespace: string, write: () => Promise<unknown>) {
    const { metrics } = this.#options;
    try {
      await write();
      metrics.onOperation(operation, namespace);
    } catch (error) {
      metrics.onOperation(operation, namespace, error);
      // The cache had an object that is gone: what there is now comes with the watch.
      if (operation === "update" && error instanceof NotFoundError)
        throw new StaleError(error.message, { cause: error });
      throw error;
    }
  }

  async #read(name: string, into: { pod: PodView; read: Map<string, ExistingConfigMap>; context: ReconcileContext }) {
    const { namespace } = into.pod;
    try {
      const options = { project: configMapFields, signal: into.context.signal };
      const object = await this.#options.client.get(DigestedConfigMaps, { namespace, name }, options);
      into.read.set(name, configMapViewOf(object));
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error;
      into.read.delete(name);
    }
  }

  /** The Pod counts no more, also where it had no outcome yet: a status may have waited for it. */
  #forget(key: KeyString): void {
    const { outcomes, onOutcome, sources } = this.#options;
    outcomes.forgetPod(key);
    for (const config of sources.configs.inNamespace(parseKey(key).namespace)) onOutcome(keyOf(config));
  }

  /** Leaves for the status what became of the Pod. */
  #record({ pod, configs, verdicts }: Settled, { log }: ReconcileContext): void {
    const { outcomes, onOutcome, metrics } = this.#options;
    const key = keyString(pod.namespace, pod.name);
    const byName = new Map(verdicts.map((verdict) => [verdict.pcmc, verdict]));
    for (const { name, uid, generation } of configs) {
      const pcmc = keyString(pod.namespace, name);
      const verdict = byName.get(name);
      if (verdict?.failures === undefined) {
        outcomes.forget(pcmc, key);
        // Not selected (any more): a status may have waited for it.
        if (verdict === undefined) onOutcome(pcmc);
        continue;
      }
      for (const { reason } of verdict.failures) metrics.onFailure("pod", pod.namespace, metricReason(reason));
      const { failures, again } = verdict;
      if (!outcomes.record(pcmc, key, { podUid: pod.uid, pcmcUid: uid, generation, failures })) continue;
      onOutcome(pcmc);
      // Once, not at each look at it: the obstacle may stand for days.
      if (!again) continue;
      for (const { reason, message } of failures)
        log.warning("a ConfigMap cannot be written", { pcmc: name, reason, cause: message });
    }
  }
}

/** Before anything is written: settled if no action follows. */
const verdictOf = (settlement: Settlement): Verdict => {
  const { pcmc } = settlement;
  if (settlement.kind === "failed") return { pcmc, failures: [settlement] };
  return { pcmc, failures: settlement.warnings };
};

/** The `error_type` of a reason: docs/metrics.md lists them. */
const metricReason = (reason: string): string => {
  if (reason === "TooLarge") return "size";
  if (reason.startsWith("Template")) return "template";
  if (reason === "ConfigMapConflict" || reason === "KeyCollision") return "conflict";
  return reason.replace(/(?<=[a-z])(?=[A-Z])/g, "_").toLowerCase();
};
