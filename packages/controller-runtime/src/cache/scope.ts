import type { Clock } from "../clock.ts";
import type { Logger } from "../log.ts";
import type { KubernetesObject, Stored } from "../object.ts";
import { Health } from "./health.ts";
import type { Sink } from "./reflector.ts";
import type { Change, Store } from "./store.ts";
import type { Troubles } from "./troubles.ts";
import { WatchLag } from "./watch-lag.ts";

/** What can be asked of one watch of an informer at any time; what gauges show. */
export interface ScopeState {
  /** `""` = all namespaces. */
  readonly namespace: string;
  readonly synced: boolean;
  /** How many objects the informer holds of it. */
  readonly objects: number;
  /** Milliseconds since the watch, or the list before it, last told anything; `undefined` before that. */
  readonly silentFor: number | undefined;
}

export interface WatchedScopeOptions {
  /** The resource, as users name it. */
  readonly resource: string;
  readonly namespace: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly troubles: Troubles;
  readonly count: () => number;
  readonly onLag: (seconds: number) => void;
}

/** One of the namespaces that an informer watches (`""` = all at once), and how its watch fares. */
export class WatchedScope implements ScopeState {
  readonly namespace: string;
  readonly health: Health;
  readonly #lag: WatchLag;
  readonly #clock: Clock;
  readonly #count: () => number;
  #heard: number | undefined;

  constructor(options: WatchedScopeOptions) {
    const { resource, namespace, clock, log, troubles, count, onLag } = options;
    this.namespace = namespace;
    const ownLog = namespace === "" ? log : log.with({ namespace });
    this.health = new Health({ watched: { resource, namespace }, troubles, log: ownLog });
    this.#lag = new WatchLag({ clock, onLag });
    this.#clock = clock;
    this.#count = count;
  }

  get synced(): boolean {
    return this.health.synced;
  }

  get objects(): number {
    return this.#count();
  }

  get silentFor(): number | undefined {
    return this.#heard === undefined ? undefined : this.#clock.now() - this.#heard;
  }

  /** The server has answered a write of ours. */
  written(resourceVersion: string): void {
    this.#lag.written(resourceVersion);
  }

  /** Where its reflector tells what it sees: in `store`; what changes there is handed to `emit`. */
  sink<T extends KubernetesObject>(
    store: Store<T>,
    emit: (changes: readonly Change<Stored<T>>[]) => void,
  ): Sink<Stored<T>> {
    const { namespace } = this;
    const emitOne = (change: Change<Stored<T>> | undefined) => {
      if (change !== undefined) emit([change]);
    };
    return {
      beginList: () => {
        const list = store.beginList(namespace);
        return {
          add: (object) => emitOne(list.add(object)),
          finish: (resourceVersion) => {
            this.#heard = this.#clock.now();
            this.#lag.listed(resourceVersion);
            emit(list.finish(resourceVersion));
          },
        };
      },
      upsert: (object) => emitOne(store.upsert(object, "watch")),
      remove: (object) => emitOne(store.remove(object)),
      confirm: (identity) => store.confirm(identity),
      progress: (resourceVersion) => {
        this.#heard = this.#clock.now();
        this.#lag.told(resourceVersion);
        emit(store.progress(namespace, resourceVersion));
      },
    };
  }
}
