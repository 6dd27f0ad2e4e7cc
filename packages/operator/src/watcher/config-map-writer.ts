import {
  AlreadyExistsError,
  type Client,
  ForbiddenError,
  keyString,
  NotFoundError,
  type ReconcileContext,
  StaleError,
  type Stored,
  type WriteThrough,
  writeThrough,
} from "@pcmc/controller-runtime";
import type { Watcher } from "../api/watcher.ts";
import {
  configMapViewOf,
  type DigestedConfigMap,
  type ExistingConfigMap,
  readConfigMap,
} from "../controllers/digested-config-maps.ts";
import type { MissingPermissions } from "../controllers/missing-permissions.ts";
import { MAX_READS, type RecheckOptions, untilRecheck } from "../controllers/recheck.ts";
import { isTerminatingNamespace, refusalOf } from "../controllers/refusal.ts";
import { failureType } from "../metrics/failure-type.ts";
import type { WatcherMetrics } from "../metrics/watcher-metrics.ts";
import { type ConfigMapAction, desiredData, type Obstacle, planConfigMap } from "./managed-config-map.ts";
import type { Sources } from "./sources.ts";
import type { ConfigMapState } from "./status.ts";

const CONFIG_MAPS = "configmaps";

export interface ConfigMapWriterOptions extends RecheckOptions {
  readonly client: Client;
  readonly sources: Sources;
  readonly permissions: MissingPermissions;
  readonly metrics: Pick<WatcherMetrics, "onConfigMapWrite" | "onFailure">;
}

/** How the managed ConfigMap stands now, and when to look again though nothing happens here. */
export interface Settled extends ConfigMapState {
  readonly again?: number | undefined;
}

/** Makes the managed ConfigMap of a Watcher what it should be. */
export class ConfigMapWriter {
  readonly #options: ConfigMapWriterOptions;
  readonly #writer: WriteThrough<DigestedConfigMap>;

  constructor(options: ConfigMapWriterOptions) {
    this.#options = options;
    this.#writer = writeThrough(options.client, options.sources.configMaps);
  }

  /** @throws what is worth another try. */
  async settle(watcher: Stored<Watcher>, context: ReconcileContext): Promise<Settled> {
    const settled = await this.#settle(watcher, context);
    const { reason } = settled.obstacle ?? {};
    if (reason !== undefined) {
      this.#options.metrics.onFailure("watcher", watcher.metadata.namespace ?? "", failureType(reason));
    }
    return settled;
  }

  async #settle(watcher: Stored<Watcher>, context: ReconcileContext): Promise<Settled> {
    const desired = desiredData(watcher);
    if ("reason" in desired) return { obstacle: desired, holds: false };
    const { namespace = "" } = watcher.metadata;
    /** What the cache does not show: it holds what has our label. */
    let read: ExistingConfigMap | undefined;
    for (let reads = 0; ; reads++) {
      const cached = this.#options.sources.configMaps.get(keyString(namespace, desired.name));
      const action = planConfigMap(watcher, desired, cached === undefined ? read : configMapViewOf(cached));
      if (action.type === "none") return UP_TO_DATE;
      if (action.type === "blocked") return { ...action, again: untilRecheck(this.#options) };
      try {
        await this.#write(action, namespace, context);
        return UP_TO_DATE;
      } catch (error) {
        if (!(error instanceof AlreadyExistsError)) return this.#onError(error, namespace, context);
        if (reads === MAX_READS) throw new StaleError(`ConfigMap ${desired.name} comes and goes`, { cause: error });
        read = await readConfigMap(this.#options.client, { namespace, name: desired.name }, context.end);
      }
    }
  }

  async #write(
    action: Extract<ConfigMapAction, { type: "create" | "update" | "recreate" }>,
    namespace: string,
    { end: signal, log }: ReconcileContext,
  ): Promise<void> {
    const { configMap, type } = action;
    const counted = async (operation: "create" | "update" | "delete", write: () => Promise<unknown>) => {
      const { metrics, permissions } = this.#options;
      try {
        await write();
      } catch (error) {
        metrics.onConfigMapWrite(operation, namespace, error);
        throw error;
      }
      metrics.onConfigMapWrite(operation, namespace);
      permissions.onGranted(operation, { resource: CONFIG_MAPS, namespace }, log);
    };
    if (type === "update") return counted("update", () => this.#writer.update(configMap, { signal }));
    if (type === "recreate") {
      const { name, uid, resourceVersion } = action.existing.metadata;
      await counted("delete", () =>
        this.#writer.delete({ metadata: { namespace, name, uid, resourceVersion } }, { signal }),
      );
    }
    return counted("create", () => this.#writer.create(configMap, { signal }));
  }

  #onError(error: unknown, namespace: string, { log }: ReconcileContext): Settled {
    // The cache had an object that is gone: what there is now comes with the watch.
    if (error instanceof NotFoundError && !isTerminatingNamespace(error)) {
      throw new StaleError(error.message, { cause: error });
    }
    const refusal = refusalOf(error);
    if (refusal !== undefined) return { obstacle: refusal, holds: false, again: untilRecheck(this.#options) };
    if (isTerminatingNamespace(error)) return { obstacle: TERMINATING, holds: false };
    if (!(error instanceof ForbiddenError)) throw error;
    const again = this.#options.permissions.onMissing(error, { resource: CONFIG_MAPS, namespace }, log);
    if (again === undefined) throw error;
    return { obstacle: { reason: "Forbidden", message: error.message }, holds: false, again };
  }
}

const UP_TO_DATE: Settled = { obstacle: undefined, holds: true };
const TERMINATING: Obstacle = { reason: "Rejected", message: "the namespace is being deleted" };
