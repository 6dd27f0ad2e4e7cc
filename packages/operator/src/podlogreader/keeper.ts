import {
  type CallOptions,
  type Client,
  type Informer,
  type KubernetesObject,
  keyOf,
  NotFoundError,
  parseKey,
  type ReconcileContext,
  StaleError,
  type Stored,
  type WriteThrough,
  writeThrough,
} from "@pcmc/controller-runtime";
import type { MissingPermissions } from "../controllers/missing-permissions.ts";
import type { Operation } from "../metrics/group-metrics.ts";
import type { AccessResource, PodLogReaderMetrics } from "../metrics/podlogreader-metrics.ts";
import { type Action, type Content, type DifferenceInput, difference } from "./difference.ts";

/** The kinds that are made. */
export type ObjectKind = "Role" | "ServiceAccount" | "RoleBinding";

/** An action that writes. */
export type Write<T extends KubernetesObject> = Extract<
  Action<T>,
  { readonly type: "create" | "update" | "recreate" | "delete" }
>;

export interface KeeperOptions<T extends KubernetesObject> {
  readonly kind: ObjectKind;
  /** Its plural. */
  readonly resource: AccessResource;
  readonly client: Client;
  /** Of what bears our label. */
  readonly informer: Informer<T>;
  readonly content: Content<T>;
  readonly permissions: MissingPermissions;
  readonly metrics: Pick<PodLogReaderMetrics, "onWrite">;
}

/** Reads and writes our objects of one kind. */
export class Keeper<T extends KubernetesObject> {
  readonly #options: KeeperOptions<T>;
  readonly #writer: WriteThrough<T>;

  constructor(options: KeeperOptions<T>) {
    this.#options = options;
    this.#writer = writeThrough(options.client, options.informer);
  }

  get kind(): ObjectKind {
    return this.#options.kind;
  }

  /** Its plural. */
  get resource(): AccessResource {
    return this.#options.resource;
  }

  /** Our object of this key, as the cache has it. */
  cached(key: string): Stored<T> | undefined {
    return this.#options.informer.get(key);
  }

  /** The object of this key, whosever it is, as the API server has it. */
  async read(key: string, { end: signal }: ReconcileContext): Promise<Stored<T> | undefined> {
    const { client, informer } = this.#options;
    try {
      return await client.get(informer.resource, parseKey(key), { signal });
    } catch (error) {
      if (error instanceof NotFoundError) return undefined;
      throw error;
    }
  }

  /** See `difference`. */
  plan(input: Omit<DifferenceInput<T>, "content">): Action<T> | undefined {
    return difference({ ...input, content: this.#options.content });
  }

  /** @throws StaleError where an object that the write needs is gone; else as the client's verbs do. */
  async perform(action: Write<T>, context: ReconcileContext): Promise<void> {
    switch (action.type) {
      case "create":
        return this.#create(action.object, context);
      case "update":
        return this.#write("update", action.object, context, (options) => this.#writer.update(action.object, options));
      case "delete":
        return this.#delete(action.former, context);
      case "recreate":
        await this.#delete(action.former, context);
        return this.#create(action.object, context);
    }
  }

  #create(object: T, context: ReconcileContext): Promise<void> {
    return this.#write("create", object, context, (options) => this.#writer.create(object, options));
  }

  /** With UID and resourceVersion: exactly what was judged, or nothing. */
  #delete(former: Stored<T>, context: ReconcileContext): Promise<void> {
    return this.#write("delete", former, context, (options) => this.#writer.delete(former, options));
  }

  async #write(
    verb: Operation,
    object: T,
    { end: signal, log }: ReconcileContext,
    write: (options: CallOptions) => Promise<unknown>,
  ): Promise<void> {
    const { permissions, metrics, resource } = this.#options;
    try {
      await write({ signal });
    } catch (error) {
      metrics.onWrite(verb, resource, error);
      // Of an update the object, of a RoleBinding the Role, of anything the namespace: the watches tell what there is now.
      if (error instanceof NotFoundError) throw new StaleError(error.message, { cause: error });
      throw error;
    }
    metrics.onWrite(verb, resource);
    log.debug(`${verb} ${this.kind}`, { object: keyOf(object) });
    const { namespace } = parseKey(keyOf(object));
    if (permissions.incomplete) permissions.onGranted(verb, { resource, namespace }, log);
  }
}
