import type { Clock, Timer } from "../clock.ts";
import type { Entry } from "./entry.ts";
import { Heap } from "./heap.ts";

const sooner = (a: Entry, b: Entry): boolean => a.dueAt < b.dueAt || (a.dueAt === b.dueAt && a.order < b.order);

/** Entries that wait for a time: a heap and one timer for all of them, which is set only while there are any. */
export class Delays {
  readonly #heap = new Heap<Entry>(sooner);
  readonly #clock: Clock;
  readonly #onDue: () => void;
  #timer: Timer | undefined = undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  #order = 0;

  /** @param onDue called when entries are due; it takes them with `takeDue`. */
  constructor(clock: Clock, onDue: () => void) {
    this.#clock = clock;
    this.#onDue = onDue;
  }

  /** Sets when an entry is due, new here or not. */
  schedule(entry: Entry, dueAt: number): void {
    this.#heap.remove(entry);
    entry.dueAt = dueAt;
    entry.order = this.#order++;
    this.#heap.push(entry);
    this.#arm();
  }

  /** Takes an entry out; does nothing when it is not here. */
  remove(entry: Entry): void {
    this.#heap.remove(entry);
    if (this.#heap.size === 0) this.#disarm();
  }

  /** Takes out the entry that has been due the longest at `now`. */
  takeDue(now: number): Entry | undefined {
    const entry = this.#heap.peek();
    if (entry === undefined || entry.dueAt > now) return undefined;
    this.remove(entry);
    return entry;
  }

  /** Forgets all entries and ends the timer. */
  clear(): void {
    this.#heap.clear();
    this.#disarm();
  }

  /** A timer that is too early is left alone: it finds nothing due and sets the next. */
  #arm(): void {
    const dueAt = this.#heap.peek()?.dueAt ?? Number.POSITIVE_INFINITY;
    if (dueAt >= this.#timerAt) return;
    this.#disarm();
    this.#timerAt = dueAt;
    this.#timer = this.#clock.after(Math.max(0, dueAt - this.#clock.now()), () => {
      this.#disarm();
      this.#onDue();
      this.#arm();
    });
  }

  #disarm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#timerAt = Number.POSITIVE_INFINITY;
  }
}
