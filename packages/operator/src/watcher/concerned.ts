import { type Change, type Informer, type KeyString, keyOf, type Stored } from "@pcmc/controller-runtime";
import type { Pod } from "kubernetes-types/core/v1.d.ts";
import type { Watcher } from "../api/watcher.ts";
import { isLive } from "./missed.ts";
import { asksFor } from "./requests.ts";
import { watchersNamedBy } from "./sources.ts";

/**
 * The Watchers whose numbers a change of a Pod can touch, those that do not exist included. A Pod changes some ten times until it
 * runs, and with each change the thread is kept from answering webhooks: nearly all of them concern nobody.
 */
export const watchersConcerned =
  (watchers: Pick<Informer<Watcher>, "inNamespace" | "countIn">) =>
  (change: Change<Stored<Pod>>): Iterable<KeyString> => {
    if (change.type === "updated" && isAlike(change.old, change.object)) return NONE;
    const versions = change.type === "updated" ? [change.old, change.object] : [change.object];
    const { namespace = "" } = change.object.metadata;
    const named = versions.flatMap(watchersNamedBy);
    // Most Pods of most clusters: nothing to do.
    if (watchers.countIn(namespace) === 0) return new Set(named);
    const asked = watchers.inNamespace(namespace).filter((watcher) => versions.some((pod) => asksFor(pod, watcher)));
    return new Set([...named, ...asked.map(keyOf)]);
  };

const NONE: readonly KeyString[] = [];

/** Whether two versions of a Pod are counted alike. Containers and volumes cannot change in what a Watcher looks at. */
const isAlike = (a: Stored<Pod>, b: Stored<Pod>): boolean =>
  a.metadata.uid === b.metadata.uid &&
  isLive(a) === isLive(b) &&
  sameEntries(a.metadata.labels, b.metadata.labels) &&
  sameEntries(a.metadata.annotations, b.metadata.annotations);

type Entries = Readonly<Record<string, string>>;

const sameEntries = (a: Entries = NO_ENTRIES, b: Entries = NO_ENTRIES): boolean => {
  if (a === b) return true;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
};

const NO_ENTRIES: Entries = {};
