import { type Clock, type Random, systemClock } from "../clock.ts";
import type { ClusterConfig } from "../config/cluster-config.ts";
import type { AbortSource } from "../deadline.ts";
import type { Codec, Decoder, Known, Page, Skip, WatchEvent } from "../decode/decoder.ts";
import { jsonCodec } from "../decode/json.ts";
import { JsonSyntaxError } from "../decode/json-reader.ts";
import { ByProjection, type Projection } from "../decode/projection.ts";
import { protobufCodec } from "../decode/protobuf.ts";
import { ProtobufError } from "../decode/protobuf-reader.ts";
import { ApiError, apiError, ConnectionError, DeadlineError, DecodeError } from "../errors.ts";
import type { KubernetesObject, ObjectKey, Stored } from "../object.ts";
import type { Resource } from "../resource.ts";
import { encode } from "./encode.ts";
import { NEEDS_NAMESPACE, pathOf, type Query } from "./paths.ts";
import { describeCall, Rest, type RestCall, type RestObserver } from "./rest.ts";

export interface ClientOptions {
  /** Sent as `User-Agent`; names the program and its version. */
  readonly userAgent?: string;
  /** Owner of the fields that writes set (`managedFields`). Default: the user agent up to its `/`. */
  readonly fieldManager?: string;
  /** Connections for calls at the most; further calls wait. Default 32. Watches have connections of their own. */
  readonly connections?: number;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly observer?: RestObserver;
}

/** What every call takes. */
export interface CallOptions {
  /** Ends the call. */
  readonly signal?: AbortSource | undefined;
  /** Milliseconds for the call with all its retries. Default 30,000. */
  readonly timeout?: number | undefined;
  /** Retries at the most, where repeating is safe. Default 8. */
  readonly retries?: number | undefined;
}

/** What of the answer to decode. Default: all but `managedFields`. */
export interface DecodeOptions {
  readonly project?: Projection | undefined;
}

export interface ListOptions extends CallOptions, DecodeOptions {
  /** Absent = all namespaces. */
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
  /** Objects a page. Default 500. */
  readonly limit?: number | undefined;
  /** Absent = the most recent state, read through etcd. `"0"` = whatever the server has at hand. */
  readonly resourceVersion?: string | undefined;
}

export interface WatchOptions {
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
  readonly resourceVersion?: string | undefined;
  /** Ask for the present state first, as events, ended by a bookmark (KEP-3157). */
  readonly sendInitialEvents?: boolean | undefined;
  /** Seconds after which the server ends the watch. */
  readonly timeoutSeconds?: number | undefined;
  readonly project?: Projection | undefined;
  /** Called when the server has accepted the watch. */
  readonly onOpen?: (() => void) | undefined;
  /** Called for each chunk of bytes, before its events: a sign of life. */
  readonly onActivity?: (() => void) | undefined;
  /** Asked before an object is decoded, where the format allows: true = that state is at hand, and there is no event. */
  readonly skip?: Skip | undefined;
  readonly signal: AbortSignal;
}

export interface WriteOptions<T extends KubernetesObject = KubernetesObject> extends CallOptions, DecodeOptions {
  /**
   * Asked before the answer is decoded, where the format allows: an object that is at hand in that very state is returned
   * as it is.
   */
  readonly known?: Known<Stored<T>> | undefined;
  readonly subresource?: string | undefined;
  /** The server checks and answers, and stores nothing. */
  readonly dryRun?: boolean | undefined;
}

export interface PatchOptions<T extends KubernetesObject = KubernetesObject> extends WriteOptions<T> {
  /** `merge`: RFC 7386; `json`: RFC 6902, the body is an array; `strategic`: built-in types only. */
  readonly type: "merge" | "json" | "strategic";
}

export interface ApplyOptions<T extends KubernetesObject = KubernetesObject> extends WriteOptions<T> {
  /** Take over fields that others own. Default false: the server answers 409. */
  readonly force?: boolean | undefined;
}

export interface DeleteOptions extends CallOptions, DecodeOptions {
  /** Delete only this incarnation and state; otherwise a `ConflictError`. */
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string } | undefined;
  readonly propagationPolicy?: "Orphan" | "Background" | "Foreground" | undefined;
  readonly gracePeriodSeconds?: number | undefined;
}

/** What a guarded client has of the one that it was made from. */
interface Shared {
  readonly rest?: Rest;
  readonly guard?: () => void;
}

const PATCH_TYPES = {
  merge: "application/merge-patch+json",
  json: "application/json-patch+json",
  strategic: "application/strategic-merge-patch+json",
} as const;

/**
 * A typed client of one API server.
 *
 * Every method throws an `ApiError` of the class of its reason, a `ConnectionError` when the connection was lost, a
 * `DeadlineError`, or the signal's reason when that aborts. Reads are tried again by themselves; writes only where the
 * first try certainly had no effect, or where it would have the same (apply, delete with a uid).
 *
 * @example
 * const client = new Client(await loadClusterConfig());
 * const pod = await client.get(Pods, { namespace: "default", name: "web-0" });
 */
export class Client {
  readonly #rest: Rest;
  readonly #json: Codec = jsonCodec();
  readonly #protobuf = protobufCodec();
  readonly #decoders = new WeakMap<Resource, ByProjection<Decoder<KubernetesObject>>>();
  readonly #whole: Decoder<KubernetesObject>;
  readonly #fieldManager: string;
  /** Where the server is, for messages. */
  readonly config: ClusterConfig;

  readonly #options: ClientOptions;
  readonly #guard: (() => void) | undefined;

  constructor(config: ClusterConfig, options: ClientOptions = {}, { rest, guard }: Shared = {}) {
    const userAgent = options.userAgent ?? "pcmc-controller-runtime";
    this.config = config;
    this.#options = options;
    this.#guard = guard;
    this.#fieldManager = options.fieldManager ?? userAgent.split("/", 1)[0] ?? userAgent;
    this.#whole = this.#json.decoder(true);
    const { clock = systemClock, random = Math.random, connections = 32, observer } = options;
    this.#rest = rest ?? new Rest({ config, clock, random, userAgent, connections, observer });
  }

  /**
   * The same client, over the same connections, whose writes ask first: `guard` is called right before the first byte of
   * each, and what it throws is what the write fails with. For writes that only a leader may do.
   */
  guardedBy(guard: () => void): Client {
    const before = this.#guard;
    const both = () => {
      before?.();
      guard();
    };
    return new Client(this.config, this.#options, { rest: this.#rest, guard: before === undefined ? guard : both });
  }

  /** Reads one object. */
  async get<T extends KubernetesObject>(
    resource: Resource<T>,
    key: ObjectKey,
    options: CallOptions & DecodeOptions = {},
  ): Promise<Stored<T>> {
    const { accept } = this.#decoder(resource, options.project);
    const body = await this.#call({ method: "GET", path: pathOf(resource, key), accept, ...callOptions(options) });
    return this.#decodeObject(resource, body, options);
  }

  /** Reads all objects, page by page, into one array. */
  async list<T extends KubernetesObject>(resource: Resource<T>, options: ListOptions = {}): Promise<Page<Stored<T>>> {
    const items: Stored<T>[] = [];
    let resourceVersion = "";
    for await (const page of this.pages(resource, options)) {
      for (const item of page.items) items.push(item);
      resourceVersion = page.resourceVersion;
    }
    return { items, resourceVersion, continue: undefined };
  }

  /**
   * Reads all objects, page by page.
   *
   * @throws ExpiredError when the pages take so long that the server has forgotten where they began: start again.
   */
  async *pages<T extends KubernetesObject>(
    resource: Resource<T>,
    options: ListOptions = {},
  ): AsyncGenerator<Page<Stored<T>>, void, undefined> {
    const decoder = this.#decoder(resource, options.project);
    let next: string | undefined;
    do {
      const path = pathOf(
        resource,
        { namespace: options.namespace },
        {
          labelSelector: options.labelSelector,
          fieldSelector: options.fieldSelector,
          limit: options.limit ?? 500,
          continue: next,
          // The token holds the version of the first page; naming another is an error.
          resourceVersion: next === undefined ? options.resourceVersion : undefined,
        },
      );
      const body = await this.#call({ method: "GET", path, accept: decoder.accept, ...callOptions(options) });
      const page = decoded(describeCall({ method: "GET", path }), () => decoder.page(body));
      for (const item of page.items) stamp(resource, item);
      yield page;
      next = page.continue;
    } while (next !== undefined);
  }

  /**
   * Watches, calling `onEvent` for each event in order, until the server ends the stream. An `ERROR` event is thrown as
   * the `ApiError` it describes. Informers are what controllers want; this is the bare verb.
   */
  async watch<T extends KubernetesObject>(
    resource: Resource<T>,
    options: WatchOptions,
    onEvent: (event: WatchEvent<Stored<T>>) => void,
  ): Promise<void> {
    const decoder = this.#decoder(resource, options.project);
    const path = pathOf(resource, { namespace: options.namespace }, watchQuery(options));
    const request = describeCall({ method: "GET", path });
    const events = decoder.events((event) => {
      if (event.type === "ERROR") throw apiError({ status: event.object, request });
      onEvent({ type: event.type, object: stamp(resource, event.object) });
    }, options.skip);
    const onData = (chunk: Buffer) => {
      options.onActivity?.();
      try {
        events.push(chunk);
      } catch (error) {
        throw isSyntaxError(error) ? new DecodeError(request, error) : error;
      }
    };
    const { signal, onOpen } = options;
    await this.#rest.stream({ path, accept: decoder.watchAccept, onData, onOpen, signal });
  }

  /**
   * Creates an object.
   *
   * @throws TypeError, like all that write, for an object that does not say where it belongs.
   */
  async create<T extends KubernetesObject>(
    resource: Resource<T>,
    object: T,
    options: WriteOptions<T> = {},
  ): Promise<Stored<T>> {
    const { subresource } = options;
    const { name, namespace } = object.metadata ?? {};
    if (resource.namespaced && !namespace) throw new TypeError(`${resource.kind} ${name}: ${NEEDS_NAMESPACE}`);
    const target = subresource === undefined ? { namespace } : { ...keyFrom(object), subresource };
    const path = pathOf(resource, target, this.#writeQuery(options));
    const body = bodyOf(resource, object);
    return this.#write(resource, { method: "POST", path, body }, options);
  }

  /** Replaces an object. With `metadata.resourceVersion` set, only if it has not changed since. */
  async update<T extends KubernetesObject>(
    resource: Resource<T>,
    object: T,
    options: WriteOptions<T> = {},
  ): Promise<Stored<T>> {
    const target = { ...keyFrom(object), subresource: options.subresource };
    const path = pathOf(resource, target, this.#writeQuery(options));
    const body = bodyOf(resource, object);
    return this.#write(resource, { method: "PUT", path, body }, options);
  }

  /** Replaces an object's status subresource. */
  updateStatus<T extends KubernetesObject>(
    resource: Resource<T>,
    object: T,
    options: WriteOptions<T> = {},
  ): Promise<Stored<T>> {
    return this.update(resource, object, { ...options, subresource: "status" });
  }

  /** Patches an object. */
  async patch<T extends KubernetesObject>(
    resource: Resource<T>,
    key: ObjectKey,
    body: object,
    options: PatchOptions<T>,
  ): Promise<Stored<T>> {
    const path = pathOf(resource, { ...key, subresource: options.subresource }, this.#writeQuery(options));
    const call = { method: "PATCH", path, body: encode(body), contentType: PATCH_TYPES[options.type] } as const;
    return this.#write(resource, call, options);
  }

  /**
   * Server-side apply: says which fields should have which values, and owns them (KEP-555). Repeating it changes
   * nothing, so it is tried again like a read.
   *
   * @throws ConflictError when others own a field and `force` is not set.
   */
  async apply<T extends KubernetesObject>(
    resource: Resource<T>,
    object: T,
    options: ApplyOptions<T> = {},
  ): Promise<Stored<T>> {
    const target = { ...keyFrom(object), subresource: options.subresource };
    const query = { ...this.#writeQuery(options), force: options.force || undefined };
    const path = pathOf(resource, target, query);
    const body = bodyOf(resource, object);
    const contentType = "application/apply-patch+yaml";
    return this.#write(resource, { method: "PATCH", path, body, contentType, repeatable: true }, options);
  }

  /**
   * Deletes an object.
   *
   * @returns the object as it is now while finalizers hold it; `undefined` when it is gone.
   * @throws NotFoundError, ConflictError when a precondition does not hold.
   */
  async delete<T extends KubernetesObject>(
    resource: Resource<T>,
    key: ObjectKey,
    options: DeleteOptions = {},
  ): Promise<Stored<T> | undefined> {
    const { preconditions, propagationPolicy, gracePeriodSeconds } = options;
    const body = encode({
      apiVersion: "v1",
      kind: "DeleteOptions",
      preconditions,
      propagationPolicy,
      gracePeriodSeconds,
    });
    const path = pathOf(resource, key);
    // With a uid, a second try can only find the same incarnation gone.
    const repeatable = preconditions?.uid !== undefined;
    const answer = await this.#call({ method: "DELETE", path, body, repeatable, ...callOptions(options) });
    const object = decoded(`DELETE ${path}`, () => this.#whole.object(answer));
    // A Status, or the object in its last state: gone either way unless something still holds it.
    if (object.kind === "Status" || object.metadata?.deletionTimestamp === undefined) return undefined;
    return isStillThere(object) ? this.#decodeObject(resource, answer, options) : undefined;
  }

  /**
   * A call to any path, for what has no typed verb (`/version`, `/apis`).
   *
   * @returns the parsed answer.
   */
  async raw(
    method: RestCall["method"],
    path: string,
    options: CallOptions & { body?: unknown } = {},
  ): Promise<unknown> {
    const body = options.body === undefined ? undefined : encode(options.body);
    const answer = await this.#call({ method, path, body, ...callOptions(options) });
    return decoded(describeCall({ method, path }), () => JSON.parse(answer.toString("utf8")) as unknown);
  }

  /** Ends all connections; calls under way fail. */
  close(): Promise<void> {
    this.#rest.close();
    return Promise.resolve();
  }

  #call(call: RestCall): Promise<Buffer> {
    const isRead = call.method === "GET";
    return this.#rest.call(isRead || this.#guard === undefined ? call : { ...call, guard: this.#guard });
  }

  async #write<T extends KubernetesObject>(resource: Resource<T>, call: RestCall, options: WriteOptions<T>) {
    const { accept } = this.#decoder(resource, options.project);
    const body = await this.#call({ ...call, accept, ...callOptions(options) });
    return this.#decodeObject(resource, body, options);
  }

  /** Protobuf where the kind and what is wanted of it are known, else JSON. Kept for as long as the projection lives. */
  #decoder<T extends KubernetesObject>(resource: Resource<T>, projection: Projection = true): Decoder<Stored<T>> {
    let ofResource = this.#decoders.get(resource);
    if (ofResource === undefined) {
      ofResource = new ByProjection();
      this.#decoders.set(resource, ofResource);
    }
    const known = ofResource.get(projection);
    // The key is the resource, and a resource has one type of object.
    if (known !== undefined) return known as Decoder<Stored<T>>;
    const json = this.#json.decoder<Stored<T>>(projection);
    const decoder = this.#protobuf.decoder(resource as Resource<Stored<T>>, { projection, json }) ?? json;
    ofResource.set(projection, decoder);
    return decoder;
  }

  #decodeObject<T extends KubernetesObject>(
    resource: Resource<T>,
    body: Buffer,
    { project, known }: Pick<WriteOptions<T>, "project" | "known">,
  ): Stored<T> {
    const decoder = this.#decoder(resource, project);
    return stamp(
      resource,
      decoded(resource.kind, () => decoder.object(body, known)),
    );
  }

  #writeQuery(options: WriteOptions): Query {
    return { fieldManager: this.#fieldManager, dryRun: options.dryRun ? "All" : undefined };
  }
}

/**
 * Whether `error` says that nobody can tell if the write happened, or that it did and what came of it is not known: read
 * before writing again. A write that its signal aborts is uncertain too, but rejects with the signal's reason.
 */
export const isUncertain = (error: unknown): boolean =>
  (error instanceof ConnectionError && error.sent) ||
  error instanceof DeadlineError ||
  error instanceof DecodeError ||
  (error instanceof ApiError && error.code >= 500);

const callOptions = ({ signal, timeout, retries }: CallOptions): CallOptions => ({ signal, timeout, retries });

/** The body of a write; kind and apiVersion are the resource's where the object leaves them out. */
const bodyOf = <T extends KubernetesObject>({ apiVersion, kind }: Resource<T>, object: T): string =>
  encode({ apiVersion, kind, ...object });

/** The place of an object; a name that is not set is refused by `pathOf`. */
const keyFrom = ({ metadata }: KubernetesObject): ObjectKey => ({
  namespace: metadata?.namespace ?? "",
  name: metadata?.name ?? "",
});

const watchQuery = (options: WatchOptions): Query => ({
  watch: true,
  labelSelector: options.labelSelector,
  fieldSelector: options.fieldSelector,
  resourceVersion: options.resourceVersion,
  allowWatchBookmarks: true,
  timeoutSeconds: options.timeoutSeconds,
  ...(options.sendInitialEvents ? { sendInitialEvents: true, resourceVersionMatch: "NotOlderThan" } : {}),
});

/** Lists leave kind and apiVersion out of their items; who gets an object wants them all the same. */
const stamp = <T extends KubernetesObject>(resource: Resource<T>, object: Stored<T>): Stored<T> => {
  object.apiVersion ??= resource.apiVersion;
  object.kind ??= resource.kind;
  return object;
};

/** A deleted object stays while finalizers hold it, a Pod also for its grace period, a Namespace until it is empty. */
const isStillThere = ({ metadata, spec }: KubernetesObject & { spec?: { finalizers?: string[] } }): boolean =>
  (metadata?.finalizers?.length ?? 0) > 0 ||
  (metadata?.deletionGracePeriodSeconds ?? 0) > 0 ||
  (spec?.finalizers?.length ?? 0) > 0;

const isSyntaxError = (error: unknown): boolean => error instanceof JsonSyntaxError || error instanceof ProtobufError;

const decoded = <T>(request: string, decode: () => T): T => {
  try {
    return decode();
  } catch (error) {
    throw new DecodeError(request, error);
  }
};
