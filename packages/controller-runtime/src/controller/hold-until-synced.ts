import { type KeyString, parseKey } from "../object.ts";
import { Priority } from "../queue/priority.ts";
import type { Reconcile } from "./controller.ts";
import type { Watch } from "./watch.ts";

/** Which namespaces are complete: an `Informer`. */
export interface SyncState {
  syncedIn(namespace: string): boolean;
  /** Calls `listener` whenever a namespace has become complete; returns a function that ends it. */
  onSynced(listener: () => void): () => void;
}

/** What a controller takes instead of the bare reconcile. */
export interface HeldBack {
  readonly reconcile: Reconcile;
  /** Brings back what has been held. */
  readonly watch: Watch;
}

/**
 * Holds the keys of a namespace back until all `informers` have a complete list of it, and lets those of other namespaces
 * pass. A reconcile that acts on what is *not* there would take the missing half for deleted.
 *
 * Where all namespaces are watched together, a controller begins once they are complete, and nothing is ever held. It is for
 * namespaces that are watched one by one, of which one may be closed to us for days, and then be opened.
 *
 * @example
 * const held = holdUntilSynced([pods, configs], reconcile);
 * new Controller({ name: "pod", watches: [watch(pods, keyOf), held.watch], reconcile: held.reconcile });
 */
export const holdUntilSynced = (informers: readonly SyncState[], reconcile: Reconcile): HeldBack => {
  const held = new Map<string, Set<KeyString>>();
  const isComplete = (namespace: string) => informers.every((informer) => informer.syncedIn(namespace));
  const release = (enqueue: (key: KeyString, priority: number) => void) => {
    for (const [namespace, keys] of held) {
      if (!isComplete(namespace)) continue;
      held.delete(namespace);
      for (const key of keys) enqueue(key, Priority.bulk);
    }
  };
  return {
    reconcile: (key, context) => {
      const { namespace } = parseKey(key);
      if (isComplete(namespace)) return reconcile(key, context);
      const keys = held.get(namespace) ?? new Set();
      held.set(namespace, keys.add(key));
      return undefined;
    },
    watch: {
      start: (enqueue) => {
        const ends = informers.map((informer) => informer.onSynced(() => release(enqueue)));
        return () => {
          for (const end of ends) end();
        };
      },
      ready: () => Promise.resolve(),
    },
  };
};
