import type { Clock, Timer } from "../clock.ts";
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
  readonly outcomes: Outcome[];
  /** What the watch has told, and since when it waits. */
  held: { readonly change: Change<T>; readonly since: number } | undefined;
  /** It cannot be ours, or has waited too long: nothing is kept any more. */
  open: boolean;
}

export interface PendingWritesOptions<T> {
  readonly clock: Clock;
  /** Takes what has waited too long. */
  readonly release: (changes: readonly Change<T>[]) => void;
}

/** Milliseconds. The answer comes within some of these after what the watch tells; a write that is retried takes seconds. */
const LONGEST = 250;

/**
 * Writes of ours whose answers are not here yet. The watch is often sooner, and only the answer says whether what it tells
 * was our own doing: until then one change of that key is kept from the handlers, for a moment. The store is not: who reads
 * sees the newest state.
 */
export class PendingWrites<T extends Stored<KubernetesObject>> {
  readonly #byKey = new Map<KeyString, Pending<T>>();
  readonly #options: PendingWritesOptions<T>;
  #holding = 0;
  #timer: Timer | undefined;

  constructor(options: PendingWritesOptions<T>) {
    this.#options = options;
  }

  /** A write of `key` is on its way. */
  begin(key: KeyString): void {
    const pending = this.#byKey.get(key);
    if (pending === undefined) this.#byKey.set(key, { count: 1, outcomes: [], held: undefined, open: false });
    else pending.count++;
  }

  /**
   * Keeps a change of a key that is being written.
   *
   * @returns what is to be told now: nothing; or the change, after the one that was kept, since two are not one write's.
   */
  hold(change: Change<T>): readonly Change<T>[] {
    const pending = this.#byKey.size === 0 ? undefined : this.#byKey.get(keyOf(change.object));
    if (pending === undefined || pending.open) return [change];
    if (pending.held === undefined) {
      pending.held = { change, since: this.#options.clock.now() };
      this.#holding += 1;
      this.#timer ??= this.#options.clock.after(LONGEST, this.#expire);
      return NONE;
    }
    return [...this.#open(pending), change];
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
    const { outcomes } = pending;
    return this.#open(pending).map((change) =>
      outcomes.some((outcome) => isOutcome(change, outcome)) ? { ...change, origin: "write" as const } : change,
    );
  }

  /** Keeps nothing of a key any more. @returns what was kept. */
  #open(pending: Pending<T>): readonly Change<T>[] {
    const { held } = pending;
    pending.held = undefined;
    pending.open = true;
    if (held === undefined) return NONE;
    this.#holding -= 1;
    if (this.#holding === 0) {
      this.#timer?.cancel();
      this.#timer = undefined;
    }
    return [held.change];
  }

  readonly #expire = () => {
    this.#timer = undefined;
    const { clock, release } = this.#options;
    const due: Change<T>[] = [];
    let next = Number.POSITIVE_INFINITY;
    for (const pending of this.#byKey.values()) {
      if (pending.held === undefined) continue;
      const left = pending.held.since + LONGEST - clock.now();
      if (left <= 0) due.push(...this.#open(pending));
      else next = Math.min(next, left);
    }
    if (Number.isFinite(next)) this.#timer = clock.after(next, this.#expire);
    release(due);
  };
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
