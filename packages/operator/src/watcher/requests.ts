import type { Pod } from "kubernetes-types/core/v1.d.ts";
import type { Watcher } from "../api/watcher.ts";
import { parseLabelSelector, type SelectorResult } from "../podconfigmap/selector.ts";
import { listOf } from "./injected.ts";
import { byName, INJECT, MIRROR, OPT_OUT } from "./names.ts";

/** One Watcher that a Pod asks for. */
export interface Request {
  readonly name: string;
  /** By which it is asked for; the annotation, where it is both. */
  readonly by: "annotation" | "selector";
  /** `undefined` where there is none of that name. */
  readonly watcher: Watcher | undefined;
}

export interface Requests {
  /** Sorted by name, each once. */
  readonly requests: readonly Request[];
  /** Entries of the annotation that can be no name. */
  readonly invalid: readonly string[];
  /** The first entry of the annotation that does not count, for all of them: there are more than `MAX_ASKED`. */
  readonly beyond?: string;
}

/**
 * Entries of the annotation that count, doubles and empty ones included. An annotation holds 256 KiB, and each name in it is a
 * key of indexes and queues, a warning and an Event: whoever may create a Pod could keep the operator busy for hours.
 */
export const MAX_ASKED = 64;

/**
 * Which of the Watchers of its namespace a Pod asks for: those that its annotation `watch.example.com/inject` names, and,
 * unless that has the entry `false`, those whose `podSelector` selects it. A selector that is absent, null or malformed selects
 * nothing. A Watcher that is itself called `false` can only be asked for by its selector. Of the annotation the first `MAX_ASKED`
 * entries count.
 *
 * A mirror Pod asks for nothing: it shows what a kubelet runs from a file, and that does not change by it.
 */
export const requestedBy = (pod: Pod, watchers: readonly Watcher[]): Requests => {
  const annotations = pod.metadata?.annotations ?? {};
  if (Object.hasOwn(annotations, MIRROR)) return NOTHING;
  const { entries: all, beyond } = askedBy(annotations);
  const entries = new Set(all);
  const isOptedOut = entries.delete(OPT_OUT);
  const selected = isOptedOut ? [] : watchers.filter((watcher) => selects(watcher, pod));
  if (entries.size + selected.length === 0 && beyond === undefined) return NOTHING;
  const known = new Map(watchers.map((watcher) => [nameOf(watcher), watcher]));
  const [names, invalid] = partition([...entries], isWatcherName);
  const requests = [
    ...names.map((name) => ({ name, by: "annotation" as const, watcher: known.get(name) })),
    ...selected
      .filter((watcher) => !entries.has(nameOf(watcher)))
      .map((watcher) => ({ name: nameOf(watcher), by: "selector" as const, watcher })),
  ];
  const sorted = requests.sort((a, b) => byName(a.name, b.name));
  return { requests: sorted, invalid, ...(beyond !== undefined && { beyond }) };
};

/** Whether a Pod asks for this Watcher: what `requestedBy` says, for one of them and in a fraction of its time. */
export const asksFor = (pod: Pod, watcher: Watcher): boolean => {
  const annotations = pod.metadata?.annotations;
  if (annotations === undefined) return selects(watcher, pod);
  if (Object.hasOwn(annotations, MIRROR)) return false;
  const { entries } = askedBy(annotations);
  const name = nameOf(watcher);
  if (name !== OPT_OUT && entries.includes(name)) return true;
  return !entries.includes(OPT_OUT) && selects(watcher, pod);
};

/** Whether a Pod's annotation names this Watcher, whether there is one or not. The entry `false` is no name. */
export const asksByName = ({ metadata }: Pod, name: string): boolean => {
  const annotations = metadata?.annotations;
  if (annotations === undefined || name === OPT_OUT || Object.hasOwn(annotations, MIRROR)) return false;
  return askedBy(annotations).entries.includes(name);
};

interface Asked {
  /** Those that count. */
  readonly entries: readonly string[];
  readonly beyond: string | undefined;
}

type Annotations = Readonly<Record<string, string>>;

const asked = new WeakMap<Annotations, Asked>();

/** What the annotation says, read once for each version of a Pod: each Watcher of its namespace asks. */
export const askedBy = (annotations: Annotations): Asked => {
  const known = asked.get(annotations);
  if (known !== undefined) return known;
  const text = annotations[INJECT];
  const found: Asked = {
    entries: listOf(text, MAX_ASKED),
    beyond: text?.split(",", MAX_ASKED + 1)[MAX_ASKED]?.trim(),
  };
  asked.set(annotations, found);
  return found;
};

const NOTHING: Requests = { requests: [], invalid: [] };

const nameOf = ({ metadata }: Watcher): string => metadata?.name ?? "";

/** DNS subdomain, and short enough for the managed ConfigMap to have a name. */
const NAME = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const LONGEST = 253;
const isWatcherName = (entry: string): boolean => entry.length <= LONGEST && NAME.test(entry);

const parsed = new WeakMap<object, SelectorResult>();

const selects = ({ spec }: Watcher, { metadata }: Pod): boolean => {
  const podSelector = spec?.podSelector;
  if (podSelector === undefined || podSelector === null) return false;
  // An older definition may have let anything in; and what is no object cannot be remembered by.
  if (typeof podSelector !== "object") return false;
  let result = parsed.get(podSelector);
  if (result === undefined) {
    result = parseLabelSelector(podSelector);
    parsed.set(podSelector, result);
  }
  return result.ok && result.selector.matches(metadata?.labels);
};

const partition = <T>(items: readonly T[], isFirst: (item: T) => boolean): [T[], T[]] => [
  items.filter(isFirst),
  items.filter((item) => !isFirst(item)),
];
