import type { ChangeHandler, Informer } from "../cache/informer.ts";
import type { Change } from "../cache/store.ts";
import type { KeyString, KubernetesObject, Stored } from "../object.ts";
import { Priority } from "../queue/priority.ts";

/** The keys that an object or a change is about. */
export type Keys = KeyString | Iterable<KeyString> | undefined;

export interface WatchOptions {
  /**
   * How urgent the keys are. Default: `Priority.fresh`, and `Priority.bulk` for the initial list, which never holds up a
   * fresh change.
   */
  readonly priority?: number;
  /**
   * Also enqueue for what was written through this informer (`writeThrough`), by whichever controller of the process.
   * Default false: who wrote it knows. A controller that watches what another one writes needs true.
   */
  readonly ownWrites?: boolean;
  /**
   * Let reconciles begin before this informer's first list is complete. Only where a reconcile that sees part of the
   * objects does nothing wrong. Default false.
   */
  readonly early?: boolean;
}

/** A source of keys for a controller. */
export interface Watch {
  /** Begins to hand keys to `enqueue`; returns a function that ends it. */
  start(enqueue: (key: KeyString, priority: number) => void): () => void;
  /** Resolves when reconciles may begin as far as this source is concerned. */
  ready(signal: AbortSignal): Promise<void>;
}

/**
 * Enqueues the keys of each object that comes, changes or goes; after a change those of the old state too, so that
 * whatever the object was about before is looked at once more.
 *
 * @example
 * watch(pods, keyOf)
 */
export const watch = <T extends KubernetesObject>(
  informer: Informer<T>,
  keysOf: (object: Stored<T>) => Keys,
  options: WatchOptions = {},
): Watch =>
  watchChanges(
    informer,
    (change) => (change.type === "updated" ? both(keysOf(change.old), keysOf(change.object)) : keysOf(change.object)),
    options,
  );

/** Enqueues the keys of each change: for when only the difference tells what is touched. */
export const watchChanges = <T extends KubernetesObject>(
  informer: Informer<T>,
  keysOf: (change: Change<Stored<T>>) => Keys,
  options: WatchOptions = {},
): Watch => ({
  start: (enqueue) => {
    const handler: ChangeHandler<Stored<T>> = (change) => {
      if (change.origin === "write" && options.ownWrites !== true) return;
      const usual = change.origin === "initial" ? Priority.bulk : Priority.fresh;
      const priority = options.priority ?? usual;
      each(keysOf(change), (key) => enqueue(key, priority));
    };
    return informer.onChange(handler);
  },
  ready: (signal) => (options.early === true ? Promise.resolve() : informer.whenReady(signal)),
});

const each = (keys: Keys, visit: (key: KeyString) => void): void => {
  if (keys === undefined) return;
  if (typeof keys === "string") visit(keys);
  else for (const key of keys) visit(key);
};

const both = (old: Keys, now: Keys): Keys => {
  if (old === now || old === undefined) return now;
  const keys = new Set<KeyString>();
  each(old, (key) => keys.add(key));
  each(now, (key) => keys.add(key));
  return keys;
};
