import { type KeyString, type KubernetesObject, keyOf, type Stored } from "../object.ts";
import type { Change } from "./store.ts";

/** The state that a write of ours made, or ended. */
export interface Outcome {
  readonly uid: string;
  /** Absent: the write was a deletion. */
  readonly resourceVersion?: string | undefined;
  /** The resourceVersion that the write required; absent when it created the object. */
  readonly base?: string | undefined;
}

interface Pending<T> {
  count: number;
  readonly held: Change<T>[];
  readonly outcomes: Outcome[];
}

/**
 * Writes of ours whose answers are not here yet. The watch is often sooner, and only the answer says whether what it tells
 * was our own doing: until then the changes of that key are kept from the handlers, in their order. The store is not: who
 * reads sees the newest state.
 */
export class PendingWrites<T extends Stored<KubernetesObject>> {
  readonly #byKey = new Map<KeyString, Pending<T>>();

  /** A write of `key` is on its way. */
  begin(key: KeyString): void {
    const pending = this.#byKey.get(key);
    if (pending === undefined) this.#byKey.set(key, { count: 1, held: [], outcomes: [] });
    else pending.count++;
  }

  /** Keeps a change of a key that is being written; false = it is not. */
  hold(change: Change<T>): boolean {
    if (this.#byKey.size === 0) return false;
    const pending = this.#byKey.get(keyOf(change.object));
    pending?.held.push(change);
    return pending !== undefined;
  }

  /** The answer to a write of `key` has come. */
  note(key: KeyString, outcome: Outcome): void {
    this.#byKey.get(key)?.outcomes.push(outcome);
  }

  /** A write of `key` is over, well or not. @returns the changes that waited, once no other write of `key` is on its way. */
  end(key: KeyString): readonly Change<T>[] {
    const pending = this.#byKey.get(key);
    if (pending === undefined || --pending.count > 0) return NONE;
    this.#byKey.delete(key);
    const { held, outcomes } = pending;
    return held.map((change) =>
      outcomes.some((outcome) => isOutcome(change, outcome)) ? { ...change, origin: "write" as const } : change,
    );
  }
}

const NONE: readonly never[] = [];

/** Whether a change is what a write of ours did and nothing else: it was based on the state before. */
const isOutcome = <T extends Stored<KubernetesObject>>(change: Change<T>, { uid, resourceVersion, base }: Outcome) => {
  const { metadata } = change.object;
  if (metadata.uid !== uid) return false;
  if (change.type === "deleted") return resourceVersion === undefined && metadata.resourceVersion === base;
  const before = change.type === "updated" ? change.old.metadata.resourceVersion : undefined;
  return metadata.resourceVersion === resourceVersion && before === base;
};
