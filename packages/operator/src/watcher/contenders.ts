import type { Watcher } from "../api/watcher.ts";
import { byName } from "./names.ts";

/** The Watcher that has a name first. */
export interface Contender {
  readonly watcher: string;
  /** What both want to have under `name`. */
  readonly over: "container" | "volume";
  readonly name: string;
}

/**
 * For each Watcher of one namespace whose container or volume has the name of an earlier one's: that earlier Watcher. Earlier is
 * by name, whatever became of it: who contends does not depend on which Watchers are ready, or on what a Pod asks for.
 *
 * Each review of a Pod asks, and Watchers change seldom: for the same versions in the same order it is worked out once.
 */
export const contendersOf = (watchers: readonly Watcher[]): ReadonlyMap<string, Contender> => {
  const [first] = watchers;
  if (first === undefined) return NONE;
  const last = known.get(first);
  if (last !== undefined && isSame(last.watchers, watchers)) return last.contenders;
  const contenders = workOut(watchers);
  known.set(first, { watchers: [...watchers], contenders });
  return contenders;
};

const NONE: ReadonlyMap<string, Contender> = new Map();

/** By the first of the Watchers, of whatever namespace it is. */
const known = new WeakMap<Watcher, { readonly watchers: readonly Watcher[]; readonly contenders: typeof NONE }>();

const isSame = (a: readonly Watcher[], b: readonly Watcher[]): boolean =>
  a.length === b.length && a.every((watcher, at) => watcher === b[at]);

const workOut = (watchers: readonly Watcher[]): ReadonlyMap<string, Contender> => {
  const containers = new Map<string, string>();
  const volumes = new Map<string, string>();
  const contenders = new Map<string, Contender>();
  const sorted = watchers.toSorted((a, b) => byName(a.metadata?.name ?? "", b.metadata?.name ?? ""));
  for (const { metadata, spec } of sorted) {
    const watcher = metadata?.name ?? "";
    const volume = earlierIn(volumes, spec?.volume?.name, watcher);
    if (volume !== undefined) contenders.set(watcher, { ...volume, over: "volume" });
    // Told before the volume, where it is both.
    const container = earlierIn(containers, spec?.container?.name, watcher);
    if (container !== undefined) contenders.set(watcher, { ...container, over: "container" });
  }
  return contenders;
};

/** Who has `name` already; takes it for `watcher` where nobody has. */
const earlierIn = (
  holders: Map<string, string>,
  name: string | undefined,
  watcher: string,
): Omit<Contender, "over"> | undefined => {
  if (name === undefined || name === "") return undefined;
  const holder = holders.get(name);
  if (holder !== undefined) return { watcher: holder, name };
  holders.set(name, watcher);
  return undefined;
};
