import {
  type Client,
  type Clock,
  ForbiddenError,
  type Informer,
  isUncertain,
  type KeyString,
  type KubernetesObject,
  keyOf,
  NotFoundError,
  type ReconcileContext,
  type ReconcileResult,
  resourceName,
  StaleError,
  type Stored,
  type WriteThrough,
  writeThrough,
} from "@pcmc/controller-runtime";
import type { GroupMetrics, ResourceType } from "../metrics/group-metrics.ts";
import type { MissingPermissions } from "./missing-permissions.ts";
import { refusalOf } from "./refusal.ts";
import { StatusSubresource } from "./status-subresource.ts";

/** Milliseconds between two status writes of one object, however fast what it is about comes and goes. */
const STATUS_INTERVAL = 1_000;

export interface StatusWriterOptions<T extends KubernetesObject> {
  readonly client: Client;
  readonly informer: Informer<T>;
  readonly permissions: MissingPermissions;
  readonly metrics: Pick<GroupMetrics, "onFailure">;
  /** Under which failures are counted. */
  readonly type: ResourceType;
  readonly clock: Clock;
}

/**
 * Writes the statuses of one kind of custom resource: each at most once a second, and with patience where the permission or the
 * status subresource is missing.
 */
export class StatusWriter<T extends KubernetesObject> {
  readonly #options: StatusWriterOptions<T>;
  readonly #writer: WriteThrough<T>;
  readonly #subresource: StatusSubresource;
  /** The plural with its subresource, for messages about permissions. */
  readonly #resource: string;
  /** When each status was last written. */
  readonly #written = new Map<KeyString, number>();

  constructor(options: StatusWriterOptions<T>) {
    const { client, informer, clock } = options;
    this.#options = options;
    this.#writer = writeThrough(client, informer);
    this.#subresource = new StatusSubresource(clock, resourceName(informer.resource));
    this.#resource = `${informer.resource.plural}/status`;
  }

  /** The object is gone. */
  forget(key: KeyString): void {
    this.#written.delete(key);
  }

  /**
   * Writes the status of `object`, only if the stored one still has its resourceVersion, and then calls `announce`.
   *
   * @returns when to ask again, where it could not be written yet.
   */
  async write(object: Stored<T>, context: ReconcileContext, announce: () => void): Promise<ReconcileResult> {
    const { clock } = this.#options;
    const key = keyOf(object);
    const due = (this.#written.get(key) ?? Number.NEGATIVE_INFINITY) + STATUS_INTERVAL;
    const wait = Math.max(due - clock.now(), this.#subresource.pause);
    if (wait > 0) return { requeueAfter: wait };
    this.#written.set(key, clock.now());
    try {
      const result = await this.#write(object, context);
      if (result === undefined) announce();
      return result;
    } catch (error) {
      // It may be stored, and would not be written again then. If it is not, what is said now will be said as a repeat.
      if (isUncertain(error)) announce();
      throw error;
    }
  }

  async #write(object: Stored<T>, { signal, log }: ReconcileContext): Promise<ReconcileResult> {
    const { metrics, permissions, type } = this.#options;
    const { namespace = "" } = object.metadata;
    const resource = this.#resource;
    try {
      await this.#writer.updateStatus(object, { signal });
    } catch (error) {
      if (error instanceof NotFoundError) return this.#onNotFound(error, object, { signal, log });
      if (!(error instanceof ForbiddenError) || refusalOf(error) !== undefined) throw error;
      const requeueAfter = permissions.onMissing(error, { resource, namespace }, log);
      if (requeueAfter === undefined) throw error;
      metrics.onFailure(type, namespace, "forbidden");
      return { requeueAfter };
    }
    permissions.onGranted("update", { resource, namespace }, log);
    this.#subresource.onFound(log);
    log.debug("status written");
    return undefined;
  }

  /** The answer is the same whether the object is gone or its definition knows no status: only a look at the object tells. */
  async #onNotFound(
    error: NotFoundError,
    { metadata: { namespace = "", name, uid } }: Stored<T>,
    { signal, log }: Pick<ReconcileContext, "signal" | "log">,
  ): Promise<ReconcileResult> {
    const { client, informer, metrics, type } = this.#options;
    const found = await client.get(informer.resource, { namespace, name }, { signal }).catch((cause: unknown) => {
      if (!(cause instanceof NotFoundError)) throw cause;
      return undefined;
    });
    // Deleted meanwhile: the watch tells it soon, and there is nothing more to say.
    if (found?.metadata.uid !== uid) throw new StaleError(error.message, { cause: error });
    metrics.onFailure(type, namespace, "not_found");
    return { requeueAfter: this.#subresource.onMissing(log) };
  }
}
