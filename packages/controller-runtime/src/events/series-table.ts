import { Heap } from "../queue/heap.ts";
import type { Series } from "./series.ts";

/** A series that has been quiet for so long, milliseconds, is finished (client-go's figure). */
export const FINISH_AFTER = 360_000;

export interface SeriesLimits {
  /** Series that are remembered. */
  readonly series: number;
  /** Events that wait to be written for the first time, and finished series that wait to be written for the last. */
  readonly queued: number;
}

const sooner = (a: Series, b: Series): boolean => a.dueAt < b.dueAt || (a.dueAt === b.dueAt && a.order < b.order);

/**
 * All series, and when something is next to be done about each: to write what is pending, or to forget one that is quiet.
 * Bounded: the series seen least recently is retired where there are too many, and who adds asks `isFull` before.
 */
export class SeriesTable {
  /** By key, the one seen last at the end; not the retired ones. */
  readonly #byKey = new Map<string, Series>();
  /** All, by the time of the next thing to do, but for one that was taken out. */
  readonly #heap = new Heap<Series>(sooner);
  /** Those that take up room to wait. */
  readonly #backlog = new Set<Series>();
  readonly #limits: SeriesLimits;
  #order = 0;
  #hurried = false;

  constructor(limits: SeriesLimits) {
    this.#limits = limits;
  }

  /** Whether no further Event has room to wait. */
  get isFull(): boolean {
    return this.#backlog.size >= this.#limits.queued;
  }

  /** Series that are remembered or wait to be written, but for one that was taken out. */
  get size(): number {
    return this.#heap.size;
  }

  /** When there is next something to do; Infinity for never. */
  get nextDueAt(): number {
    return this.#heap.peek()?.dueAt ?? Number.POSITIVE_INFINITY;
  }

  /** The series that one more of `key` belongs to, if any; it is now the one seen last. */
  find(key: string, now: number): Series | undefined {
    const series = this.#byKey.get(key);
    if (series === undefined || now - series.lastSeen >= FINISH_AFTER) return undefined;
    this.#byKey.delete(key);
    this.#byKey.set(key, series);
    return series;
  }

  /** Adds a series, in the place of a finished one of the same key. */
  add(series: Series, now: number): void {
    this.#retire(this.#byKey.get(series.key), now);
    this.#byKey.set(series.key, series);
    if (this.#byKey.size > this.#limits.series) this.#retire(this.#byKey.values().next().value, now);
    this.schedule(series, now);
  }

  /** Works out when a series is due. To be called when it begins to be pending, and when it has been written or not. */
  schedule(series: Series, now: number): void {
    const isPending = series.pending > 0;
    if (isPending && (series.written === 0 || series.retired)) this.#backlog.add(series);
    else this.#backlog.delete(series);
    this.#heap.remove(series);
    if (!isPending && (series.retired || this.#hurried)) {
      this.#forget(series);
      return;
    }
    series.dueAt = Math.max(now, this.#dueAt(series));
    series.order = this.#order++;
    this.#heap.push(series);
  }

  /** Takes out, until it is scheduled again, the series that has been due to be written the longest. */
  takeDue(now: number): Series | undefined {
    for (;;) {
      const series = this.#heap.peek();
      if (series === undefined || series.dueAt > now) return undefined;
      this.#heap.remove(series);
      // Repeats move the time at which it is finished, and do not come by here.
      if (this.#dueAt(series) > now) this.schedule(series, now);
      else if (series.pending > 0) return series;
      else this.#forget(series);
    }
  }

  /** From now on everything pending is due at once, and nothing else is remembered. */
  hurry(now: number): void {
    this.#hurried = true;
    for (const series of [...this.#byKey.values(), ...this.#backlog]) this.schedule(series, now);
  }

  /** Forgets everything. @returns how many were pending. */
  clear(): number {
    let pending = 0;
    for (const series of new Set([...this.#byKey.values(), ...this.#backlog])) pending += series.pending;
    this.#byKey.clear();
    this.#backlog.clear();
    this.#heap.clear();
    return pending;
  }

  #dueAt(series: Series): number {
    const quietAt = series.lastSeen + FINISH_AFTER;
    if (series.pending === 0) return quietAt;
    // A failed try is followed by its wait, whatever else.
    if (series.tries > 0) return series.notBefore;
    return this.#hurried || series.retired ? Number.NEGATIVE_INFINITY : Math.min(series.notBefore, quietAt);
  }

  #retire(series: Series | undefined, now: number): void {
    if (series === undefined) return;
    this.#byKey.delete(series.key);
    series.retired = true;
    this.schedule(series, now);
  }

  #forget(series: Series): void {
    if (!series.retired) this.#byKey.delete(series.key);
  }
}
