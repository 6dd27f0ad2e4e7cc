import type { Identity, WatchEvent } from "../decode/decoder.ts";
import { INITIAL_EVENTS_END } from "../decode/json.ts";
import type { KubernetesObject, Stored } from "../object.ts";
import type { ReflectorObserver, Sink, SinkList } from "./reflector.ts";
import { compareResourceVersions } from "./resource-version.ts";

/** What a reflector has: nothing it could go on from, or all up to a resourceVersion. */
export type State = { readonly name: "empty" } | { readonly name: "watching"; readonly resourceVersion: string };

/** The state of a reflector, moved on while a stream runs, so that it is right when the stream breaks. */
export interface Position {
  state: State;
}

/** The server's history went back: it was restored from a backup. */
export class RewoundError extends Error {}

export interface TakerOptions<T extends KubernetesObject> {
  readonly position: Position;
  readonly sink: Sink<Stored<T>>;
  readonly observer: ReflectorObserver;
  /** Of the reflector: what still comes after an abort is not taken. */
  readonly signal: AbortSignal;
}

/** Takes the events of one stream into a sink. */
export class Taker<T extends KubernetesObject> {
  readonly #options: TakerOptions<T>;
  /** Set while the initial events come. */
  #list: SinkList<Stored<T>> | undefined;
  #heard = false;
  #changed = false;

  constructor(options: TakerOptions<T>) {
    this.#options = options;
    this.#list = options.position.state.name === "empty" ? options.sink.beginList() : undefined;
  }

  /** Whether anything came at all. */
  get heard(): boolean {
    return this.#heard;
  }

  /** Whether a change came, after the initial events. */
  get changed(): boolean {
    return this.#changed;
  }

  /** Takes one event. @throws RewoundError */
  take({ type, object }: WatchEvent<Stored<T>>): void {
    // Aborted by the change before it, in the same chunk: what follows may be decoded with a projection of yesterday.
    this.#options.signal.throwIfAborted();
    if (this.#list !== undefined) {
      this.#takeInitial(this.#list, { type, object });
      this.#heard = true;
      return;
    }
    const { sink, position } = this.#options;
    const { resourceVersion } = object.metadata;
    if (type === "BOOKMARK") refuseRewind(position.state, resourceVersion);
    else this.#changed = true;
    if (type === "DELETED") sink.remove(object);
    else if (type !== "BOOKMARK") sink.upsert(object);
    this.#moveTo(resourceVersion);
  }

  /** Takes an event whose state the sink has already: the answer to a write of ours was sooner. */
  skip(identity: Identity): boolean {
    this.#options.signal.throwIfAborted();
    const { sink } = this.#options;
    if (this.#list !== undefined || !sink.confirm(identity)) return false;
    this.#changed = true;
    this.#moveTo(identity.resourceVersion);
    return true;
  }

  #moveTo(resourceVersion: string): void {
    const { sink, observer, position } = this.#options;
    position.state = { name: "watching", resourceVersion };
    sink.progress(resourceVersion);
    if (!this.#heard) observer.onProgress();
    this.#heard = true;
  }

  #takeInitial(list: SinkList<Stored<T>>, { type, object }: WatchEvent<Stored<T>>): void {
    if (type !== "BOOKMARK") {
      list.add(object);
      return;
    }
    const { resourceVersion, annotations } = object.metadata;
    if (annotations?.[INITIAL_EVENTS_END] !== "true") return;
    this.#list = undefined;
    list.finish(resourceVersion);
    this.#options.position.state = { name: "watching", resourceVersion };
    this.#options.observer.onSynced();
    this.#options.observer.onProgress();
  }
}

const refuseRewind = (state: State, resourceVersion: string): void => {
  if (state.name !== "watching" || compareResourceVersions(resourceVersion, state.resourceVersion) >= 0) return;
  throw new RewoundError(`the server is at resourceVersion ${resourceVersion}, we were at ${state.resourceVersion}`);
};
