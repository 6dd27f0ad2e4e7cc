import type { ListOptions, WatchOptions } from "../../src/client/client.ts";
import type { Clock } from "../../src/clock.ts";
import type { Page, WatchEvent } from "../../src/decode/decoder.ts";
import { INITIAL_EVENTS_END } from "../../src/decode/json.ts";
import { JsonReader, planObject } from "../../src/decode/json-reader.ts";
import { type Projection, withAlwaysDecoded } from "../../src/decode/projection.ts";
import { type ApiError, apiError, ConnectionError } from "../../src/errors.ts";
import type { KubernetesObject, Stored } from "../../src/object.ts";
import type { Resource } from "../../src/resource.ts";
import { type Item, isSelected, type ModelServer } from "./model-server.ts";

/** What goes wrong with one request. */
export type Fault =
  /** It is refused. */
  | { readonly kind: "refused"; readonly error: Error }
  /** It goes well for so many events, or pages, and then ends like this. */
  | { readonly kind: "ends" | "lost" | "expires" | "falls silent"; readonly after: number };

/** A request as it came in. */
export interface Request {
  readonly at: number;
  readonly verb: "list" | "watch" | "watch list";
  readonly resourceVersion: string | undefined;
}

const PAGE = 2;
const reader = new JsonReader();

/** An object as a client decodes it. */
const decoded = (item: Item, projection: Projection = true): Item =>
  // The cast is the boundary: it is read as it was written.
  reader.read(Buffer.from(JSON.stringify(item)), planObject(withAlwaysDecoded(projection))) as Item;

/** The error of an API server, by code and reason. */
export const refusal = (code: number, reason: string): ApiError =>
  apiError({ status: { code, reason, message: reason }, request: "GET /api/v1/configmaps" });

const lost = (): ConnectionError => new ConnectionError("GET /?random", { cause: new Error("reset"), sent: true });

/** A stream of events to one watcher. */
class Stream {
  readonly ended = Promise.withResolvers<void>();
  /** Up to where it has told. */
  position: number;
  #left: number;
  readonly #fault: Fault | undefined;
  readonly #onEvent: (event: WatchEvent<Item>) => void;
  readonly #onActivity: () => void;
  readonly #projection: Projection | undefined;
  #over = false;

  constructor(fault: Fault | undefined, options: WatchOptions, onEvent: (event: WatchEvent<Item>) => void) {
    this.#fault = fault;
    this.#left = fault === undefined || fault.kind === "refused" ? Number.POSITIVE_INFINITY : fault.after;
    this.#onEvent = onEvent;
    this.#onActivity = options.onActivity ?? (() => {});
    this.#projection = options.project;
    this.position = Number(options.resourceVersion ?? 0);
  }

  /** Tells one event, or fails as it should. Returns whether more can come. */
  send(event: WatchEvent<Item>): boolean {
    if (this.#over) return false;
    if (this.#left-- <= 0) return this.#fail();
    try {
      this.#onActivity();
      const { type, object } = event;
      this.#onEvent(type === "BOOKMARK" ? event : { type, object: decoded(object, this.#projection) });
    } catch (error) {
      this.end(() => this.ended.reject(error));
    }
    return !this.#over;
  }

  /** Ends at once where the script says so. */
  start(): void {
    if (this.#left <= 0) this.#fail();
  }

  end(how: () => void): void {
    this.#over = true;
    how();
  }

  #fail(): false {
    this.end(() => {
      const kind = this.#fault?.kind;
      if (kind === "ends") this.ended.resolve();
      if (kind === "lost") this.ended.reject(lost());
      if (kind === "expires") this.ended.reject(refusal(410, "Expired"));
    });
    return false;
  }
}

/** A `ListWatch` over a model server, on which requests fail as a script says; after its end all goes well. */
export class ScriptedApi {
  readonly server: ModelServer;
  readonly requests: Request[] = [];
  /** Consumed one per request, from the front. `undefined` = that one goes well. */
  readonly script: (Fault | undefined)[] = [];
  /** What of the objects each request asked for. */
  readonly projections: (Projection | undefined)[] = [];
  /** Whether the server knows WatchList. */
  watchList = true;
  #held = false;
  readonly #clock: Clock;
  readonly #streams = new Set<Stream>();

  constructor(server: ModelServer, clock: Clock) {
    this.server = server;
    this.#clock = clock;
  }

  /** How many watches are open. */
  get watches(): number {
    return this.#streams.size;
  }

  /** Watches tell nothing until `release`. */
  hold(): void {
    this.#held = true;
  }

  release(): void {
    this.#held = false;
    this.server.tick();
  }

  /** Tells every watcher how far it is. */
  bookmark(): void {
    for (const stream of [...this.#streams]) {
      stream.position = Math.max(stream.position, this.server.revision);
      stream.send({ type: "BOOKMARK", object: bookmarkAt(this.server.revision) });
    }
  }

  /** Ends the open watches, as a server does when their time is over. */
  endWatches(): void {
    for (const stream of [...this.#streams]) stream.end(() => stream.ended.resolve());
  }

  async *pages<T extends KubernetesObject>(
    _resource: Resource<T>,
    { namespace, signal, project }: ListOptions = {},
  ): AsyncGenerator<Page<Stored<T>>, void, undefined> {
    const fault = this.#take("list", { project });
    const items = this.#items(namespace);
    const resourceVersion = String(this.server.revision);
    for (let page = 0; page === 0 || page * PAGE < items.length; page++) {
      await Promise.resolve();
      if (signal?.aborted) throw signal.reason;
      if (fault?.kind === "refused") throw fault.error;
      if (fault !== undefined && page >= fault.after) throw fault.kind === "expires" ? refusal(410, "Expired") : lost();
      const next = (page + 1) * PAGE < items.length ? String(page + 1) : undefined;
      const slice = items.slice(page * PAGE, (page + 1) * PAGE);
      // The cast is the boundary: this API serves one type.
      yield {
        resourceVersion,
        continue: next,
        items: slice.map((item) => decoded(item, project)) as unknown as Stored<T>[],
      };
    }
  }

  async watch<T extends KubernetesObject>(
    _resource: Resource<T>,
    options: WatchOptions,
    onEvent: (event: WatchEvent<Stored<T>>) => void,
  ): Promise<void> {
    const isInitial = options.sendInitialEvents === true;
    const fault = this.#take(isInitial ? "watch list" : "watch", options);
    await Promise.resolve();
    options.signal.throwIfAborted();
    if (fault?.kind === "refused") throw fault.error;
    if (isInitial && !this.watchList) throw refusal(422, "Invalid");
    if (!isInitial && Number(options.resourceVersion) < this.server.compacted) throw refusal(410, "Expired");
    options.onOpen?.();
    const stream = new Stream(fault, options, onEvent as unknown as (event: WatchEvent<Item>) => void);
    await this.#serve(stream, options);
  }

  async #serve(stream: Stream, options: WatchOptions): Promise<void> {
    // What has come in with the same chunk is still told.
    const onAbort = () => stream.ended.reject(options.signal.reason);
    const pump = () => this.#pump(stream, options.namespace);
    options.signal.addEventListener("abort", onAbort, { once: true });
    const unsubscribe = this.server.subscribe(pump);
    this.#streams.add(stream);
    try {
      stream.start();
      if (options.sendInitialEvents) this.#sendInitial(stream, options.namespace);
      pump();
      await stream.ended.promise;
    } finally {
      unsubscribe();
      this.#streams.delete(stream);
      options.signal.removeEventListener("abort", onAbort);
    }
  }

  #sendInitial(stream: Stream, namespace: string | undefined): void {
    stream.position = this.server.revision;
    for (const object of this.#items(namespace)) if (!stream.send({ type: "ADDED", object })) return;
    stream.send({ type: "BOOKMARK", object: bookmarkAt(this.server.revision, { [INITIAL_EVENTS_END]: "true" }) });
  }

  #pump(stream: Stream, namespace: string | undefined): void {
    if (this.#held) return;
    for (const { type, object, revision } of this.server.eventsAfter(stream.position)) {
      stream.position = revision;
      if (isIn(namespace, object) && !stream.send({ type, object })) return;
    }
  }

  #items(namespace: string | undefined): Item[] {
    return this.server.selected().filter((item) => isSelected(item) && isIn(namespace, item));
  }

  #take(verb: Request["verb"], { project, resourceVersion }: ListOptions): Fault | undefined {
    this.projections.push(project);
    this.requests.push({ at: this.#clock.now(), verb, resourceVersion });
    return this.script.shift();
  }
}

const isIn = (namespace: string | undefined, item: Item): boolean =>
  namespace === undefined || namespace === "" || namespace === item.metadata.namespace;

const bookmarkAt = (revision: number, annotations?: Record<string, string>): Item => ({
  metadata: { name: "", uid: "", resourceVersion: String(revision), ...(annotations && { annotations }) },
});
