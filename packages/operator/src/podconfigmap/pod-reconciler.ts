import {
  AlreadyExistsError,
  type Client,
  ForbiddenError,
  type KeyString,
  keyOf,
  keyString,
  NotFoundError,
  parseKey,
  type ReconcileContext,
  type ReconcileResult,
  StaleError,
  type Stored,
  type WriteThrough,
  writeThrough,
} from "@pcmc/controller-runtime";
import type { Pod } from "kubernetes-types/core/v1.d.ts";
import {
  configMapViewOf,
  type DigestedConfigMap,
  type ExistingConfigMap,
  readConfigMap,
} from "../controllers/digested-config-maps.ts";
import type { MissingPermissions } from "../controllers/missing-permissions.ts";
import { MAX_READS, type RecheckOptions, untilRecheck } from "../controllers/recheck.ts";
import { isTerminatingNamespace, refusalOf } from "../controllers/refusal.ts";
import { spread } from "../controllers/spread.ts";
import { failureType } from "../metrics/failure-type.ts";
import type { OperatorMetrics } from "../metrics/operator-metrics.ts";
import { type ParsedConfig, selects } from "./config.ts";
import { desiredConfigMaps, type Rendering, type Settlement } from "./desired.ts";
import { type Action, difference, type Preconditions } from "./difference.ts";
import { otherPairs } from "./names.ts";
import type { Failure, Outcomes } from "./outcomes.ts";
import { indexes, parsedConfig, podViewOf, type Sources } from "./sources.ts";
import type { Templates } from "./templates.ts";
import type { PodView } from "./views.ts";

/** While the first list of Pods is not complete, a verdict that depends on all of them waits so long. */
const UNTIL_SYNCED = 500;
/** While Pods are read with more fields, or slow templates wait for their turn. */
const UNTIL_RENDERED = 1_000;
/** For messages about permissions. */
const CONFIG_MAPS = "configmaps";

export interface PodReconcilerOptions extends RecheckOptions {
  readonly client: Client;
  readonly sources: Sources;
  readonly templates: Templates;
  readonly outcomes: Outcomes;
  readonly metrics: OperatorMetrics;
  readonly permissions: MissingPermissions;
  /** Is told of each PodConfigMapConfig under which a Pod has another outcome now. */
  readonly onOutcome: (pcmc: KeyString) => void;
}

/** What became of one settlement. `undefined` failures: not settled, to be tried again. */
interface Verdict {
  readonly pcmc: string;
  readonly failures: readonly Failure[] | undefined;
  readonly error?: unknown;
  /** Milliseconds after which to look again though nothing changes here: the obstacle is elsewhere. */
  readonly again?: number;
}

/** What became of one Pod. */
interface Settled {
  readonly pod: PodView;
  readonly configs: readonly ParsedConfig[];
  readonly verdicts: readonly Verdict[];
}

/** Why there is no rendering: what the engine threw; `undefined` = there will be one. */
interface NotRendered {
  readonly error: unknown;
  /** Milliseconds until it is worth another try. */
  readonly after?: number;
}

/** By PodConfigMapConfig: those that select the Pod and have templates. */
type Renderings = ReadonlyMap<string, Rendering | NotRendered>;

const NOTHING_RENDERED: Renderings = new Map();

interface Rendered {
  /** What was rendered from. */
  readonly stored: Stored<Pod> | undefined;
  readonly renderings: Renderings;
}

/** What one reconcile is about. */
interface Task {
  readonly pod: PodView;
  readonly configs: readonly ParsedConfig[];
  readonly renderings: Renderings;
}

/** An object of that name is there, and the plan knew nothing of it: a foreign one, or ours that waits for a finalizer. */
interface Unseen {
  readonly unseen: string;
}

/** Where what the cache does not show is read to. */
interface ReadInto {
  readonly pod: PodView;
  readonly read: Map<string, ExistingConfigMap>;
  readonly context: ReconcileContext;
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
    const parsed = configs.inNamespace(parseKey(key).namespace).map(parsedConfig);
    const { stored, renderings } = await this.#render(key, parsed, context);
    // Of when the rendering is over.
    const current = pods.get(key);
    if (stored === undefined || current === undefined || current.metadata.deletionTimestamp !== undefined) {
      // What a Pod leaves behind is the garbage collector's: it has the ownerReference to go by.
      this.#forget(key);
      return undefined;
    }
    // Another Pod of that name: its own event has brought the key back.
    if (current.metadata.uid !== stored.metadata.uid) return undefined;
    const pod = podViewOf(stored);
    if (
      !pods.syncedIn(pod.namespace) &&
      parsed.some(({ name }) => otherPairs({ pod: pod.name, pcmc: name }).length > 0)
    ) {
      return { requeueAfter: UNTIL_SYNCED };
    }
    const verdicts = await this.#settle({ pod, configs: parsed, renderings }, context);
    this.#record({ pod, configs: parsed, verdicts }, context);
    const failed = verdicts.find(({ error }) => error !== undefined);
    if (failed !== undefined) throw failed.error;
    const waits = verdicts.flatMap(({ again }) => again ?? []);
    return waits.length === 0 ? undefined : { requeueAfter: Math.min(...waits) };
  };

  /**
   * What the templates give for a Pod, by PodConfigMapConfig, and the Pod as it was for all of them. What goes wrong with one
   * leaves the others alone.
   */
  async #render(key: KeyString, configs: readonly ParsedConfig[], context: ReconcileContext): Promise<Rendered> {
    const { sources, templates } = this.#options;
    const before = sources.pods.get(key);
    const templated = configs.filter(
      (config) => config.spec.templates.size > 0 && selects(config, before?.metadata.labels),
    );
    if (before === undefined || templated.length === 0) return { stored: before, renderings: NOTHING_RENDERED };
    const renderings = new Map<string, Rendering | NotRendered>();
    const failed =
      ({ name }: ParsedConfig) =>
      (error: unknown) =>
        void renderings.set(name, { error });
    for (const config of templated) await templates.parsed(config, context.end).catch(failed(config));
    const stored = sources.pods.get(key);
    const readable = templated.filter((config) => templates.isRead(config));
    for (const config of templated) {
      if (renderings.has(config.name)) continue;
      const after = Math.max(UNTIL_RENDERED, templates.pauseOf(config));
      renderings.set(config.name, { error: undefined, after });
    }
    if (stored === undefined) return { stored, renderings };
    for (const config of readable) {
      const rendering = await templates.render(stored, config, context.signal).catch(failed(config));
      if (rendering !== undefined) renderings.set(config.name, rendering);
    }
    return { stored, renderings };
  }

  /** Before anything is written: settled if no action follows. */
  #verdictOf(settlement: Settlement, renderings: Renderings): Verdict {
    const { pcmc } = settlement;
    // What is left out of every ConfigMap is the PodConfigMapConfig's trouble, and is said there.
    if (settlement.kind === "desired") return { pcmc, failures: [] };
    if (settlement.reason === "NotRendered") {
      const rendering = renderings.get(pcmc);
      const { error, after = UNTIL_RENDERED }: NotRendered =
        rendering !== undefined && "error" in rendering ? rendering : { error: undefined };
      return {
        pcmc,
        failures: undefined,
        ...(error === undefined ? { again: spread(after, this.#options.random) } : { error }),
      };
    }
    const mayPass = settlement.faults?.some((fault) => fault.mayPass) ?? false;
    return { pcmc, failures: [settlement], ...(mayPass && { again: this.#recheck() }) };
  }

  /** When to look at a standing obstacle again. */
  #recheck(): number {
    return untilRecheck(this.#options);
  }

  /** Plans and carries out; plans again when objects turn up that the cache does not show. */
  async #settle(task: Task, context: ReconcileContext): Promise<readonly Verdict[]> {
    const { pod, renderings } = task;
    const read = new Map<string, ExistingConfigMap>();
    for (let reads = 0; ; reads++) {
      const { settlements, actions } = this.#plan(task, read);
      const verdicts = new Map(
        settlements.map((settlement) => [settlement.pcmc, this.#verdictOf(settlement, renderings)]),
      );
      /** Names that are taken by what the cache does not show, and for whom they are wanted. */
      const unseen = new Map<string, string>();
      for (const action of actions) {
        const result = await this.#perform(action, pod, context);
        if (result !== undefined && "unseen" in result) unseen.set(result.unseen, action.pcmc);
        else if (result !== undefined) verdicts.set(action.pcmc, result);
      }
      if (unseen.size === 0) return [...verdicts.values()];
      const troubles = await this.#readAll(unseen, { pod, read, context });
      for (const [name, pcmc] of unseen) {
        const error =
          troubles.get(name) ?? (reads === MAX_READS ? new StaleError(`ConfigMap ${name} comes and goes`) : undefined);
        if (error !== undefined) verdicts.set(pcmc, { pcmc, failures: undefined, error });
      }
      if (troubles.size > 0 || reads === MAX_READS) return [...verdicts.values()];
    }
  }

  #plan({ pod, configs, renderings }: Task, read: ReadonlyMap<string, ExistingConfigMap>) {
    const { pods, configMaps } = this.#options.sources;
    const configMap = (name: string): ExistingConfigMap | undefined => {
      const cached = configMaps.get(keyString(pod.namespace, name));
      return cached === undefined ? read.get(name) : configMapViewOf(cached);
    };
    const podOf = (name: string) => {
      const found = pods.get(keyString(pod.namespace, name));
      return found && podViewOf(found);
    };
    const rendered = ({ name }: ParsedConfig) => {
      const rendering = renderings.get(name);
      return rendering !== undefined && "ok" in rendering ? rendering : undefined;
    };
    const settlements = desiredConfigMaps(pod, { configs, pod: podOf, configMap, rendered });
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
      return { pcmc, failures, again: this.#recheck() };
    }
    // Its end is an event, unless it has lost the label that our watch goes by.
    if (action.type === "wait") return { pcmc, failures: undefined, again: this.#recheck() };
    try {
      await this.#write(action, pod, context);
      return undefined;
    } catch (error) {
      if (error instanceof AlreadyExistsError && action.type !== "delete") {
        return { unseen: action.configMap.metadata?.name ?? "" };
      }
      if (isTerminatingNamespace(error)) return { pcmc, failures: undefined };
      const refusal = refusalOf(error);
      if (refusal !== undefined) return { pcmc, failures: [refusal], again: this.#recheck() };
      const again = error instanceof ForbiddenError ? this.#onForbidden(error, pod, context) : undefined;
      return { pcmc, failures: undefined, ...(again === undefined ? { error } : { again }) };
    }
  }

  #onForbidden(error: ForbiddenError, { namespace }: PodView, { log }: ReconcileContext): number | undefined {
    const { metrics, permissions } = this.#options;
    const wait = permissions.onMissing(error, { resource: CONFIG_MAPS, namespace }, log);
    if (wait !== undefined) metrics.onFailure("pod", namespace, "forbidden");
    return wait;
  }

  async #write(action: Exclude<Action, { type: "conflict" | "wait" }>, pod: PodView, context: ReconcileContext) {
    const { namespace } = pod;
    if (action.type === "delete") return this.#delete({ ...action, namespace }, context);
    const { configMap } = action;
    const { end: signal } = context;
    if (action.type === "update") {
      return this.#counted("update", () => this.#writer.update(configMap, { signal }), { namespace, context });
    }
    if (action.type === "recreate") {
      const name = configMap.metadata?.name ?? "";
      await this.#delete({ namespace, name, preconditions: action.preconditions }, context);
    }
    return this.#counted("create", () => this.#writer.create(configMap, { signal }), { namespace, context });
  }

  #delete({ namespace, name, preconditions }: Deletion, context: ReconcileContext): Promise<void> {
    const object = { metadata: { namespace, name, ...preconditions } };
    const { end: signal } = context;
    return this.#counted("delete", () => this.#writer.delete(object, { signal }), { namespace, context });
  }

  async #counted(
    operation: "create" | "update" | "delete",
    write: () => Promise<unknown>,
    { namespace, context }: { readonly namespace: string; readonly context: ReconcileContext },
  ): Promise<void> {
    const { metrics, permissions } = this.#options;
    try {
      await write();
      metrics.onOperation(operation, namespace);
      if (permissions.incomplete) permissions.onGranted(operation, { resource: CONFIG_MAPS, namespace }, context.log);
    } catch (error) {
      metrics.onOperation(operation, namespace, error);
      // The cache had an object that is gone: what there is now comes with the watch.
      if (operation === "update" && error instanceof NotFoundError)
        throw new StaleError(error.message, { cause: error });
      throw error;
    }
  }

  /** Reads what the cache does not show; returns what went wrong, by name. */
  async #readAll(names: ReadonlyMap<string, string>, into: ReadInto): Promise<ReadonlyMap<string, unknown>> {
    const troubles = new Map<string, unknown>();
    for (const name of names.keys()) {
      await this.#read(name, into).catch((error: unknown) => troubles.set(name, error));
    }
    return troubles;
  }

  async #read(name: string, { pod: { namespace }, read, context }: ReadInto): Promise<void> {
    const object = await readConfigMap(this.#options.client, { namespace, name }, context.end);
    if (object === undefined) read.delete(name);
    else read.set(name, object);
  }

  /** The Pod counts no more, also where it had no outcome yet: a status may have waited for it. */
  #forget(key: KeyString): void {
    const { outcomes, onOutcome, sources } = this.#options;
    outcomes.forgetPod(key);
    for (const config of sources.configs.inNamespace(parseKey(key).namespace)) onOutcome(keyOf(config));
  }

  /** Leaves for the status what became of the Pod. */
  #record({ pod, configs, verdicts }: Settled, context: ReconcileContext): void {
    const { outcomes, onOutcome, metrics } = this.#options;
    const key = keyString(pod.namespace, pod.name);
    const byName = new Map(verdicts.map((verdict) => [verdict.pcmc, verdict]));
    for (const { name, uid, generation } of configs) {
      const pcmc = keyString(pod.namespace, name);
      // Deleted while we were at it: an outcome would never be forgotten again.
      if (this.#options.sources.configs.get(pcmc)?.metadata.uid !== uid) continue;
      const verdict = byName.get(name);
      if (verdict?.failures === undefined) {
        outcomes.forget(pcmc, key);
        // Not selected (any more): a status may have waited for it.
        if (verdict === undefined) onOutcome(pcmc);
        continue;
      }
      for (const { reason } of verdict.failures) metrics.onFailure("pod", pod.namespace, failureType(reason));
      const { failures, again } = verdict;
      if (!outcomes.record(pcmc, key, { podUid: pod.uid, pcmcUid: uid, generation, failures })) continue;
      onOutcome(pcmc);
      // Once, not at each look at it: the obstacle may stand for days.
      if (again === undefined) continue;
      for (const { reason, message } of failures)
        context.log.warning("a ConfigMap cannot be written", { pcmc: name, reason, cause: message });
    }
  }
}
