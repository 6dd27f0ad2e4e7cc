import type { Clock, Logger, Timer } from "@pcmc/controller-runtime";
import type { PodReading } from "../outcome.ts";

/** A Pod whose counters are exported. */
interface Followed {
  /** Milliseconds. */
  updateInterval: number;
  /** When it is read next, by the clock. */
  due: number;
  /** When it was read last, or else first followed, by the clock. */
  since: number;
  last: PodReading | undefined;
}

export interface MeterOptions {
  /** Reads these Pods, as far as they are held; `undefined` where the kernel cannot be read. */
  readonly read: (uids: ReadonlySet<string>) => readonly PodReading[] | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Reads the counters of Pods, each at its own `updateInterval`, and keeps what was read last: a scrape shows that, and costs
 * the kernel nothing. All Pods of one interval are read together, at its multiples: otherwise fifty Pods at thirty seconds
 * would wake the process more than once a second.
 */
export class Meter implements Disposable {
  readonly #options: MeterOptions;
  readonly #pods = new Map<string, Followed>();
  #timer: Timer | undefined;
  #timerDue = Number.POSITIVE_INFINITY;

  constructor(options: MeterOptions) {
    this.#options = options;
  }

  /** Reads the Pod from now on, first of all at once; with another interval than before, from now on at that. */
  follow(uid: string, updateInterval: number): void {
    const now = this.#options.clock.now();
    const known = this.#pods.get(uid);
    if (known?.updateInterval === updateInterval) return;
    if (known === undefined) this.#pods.set(uid, { updateInterval, due: now, since: now, last: undefined });
    else Object.assign(known, { updateInterval, due: Math.min(known.due, nextMultiple(now, updateInterval)) });
    this.#schedule();
  }

  /** Shows nothing of the Pod any more. */
  forget(uid: string): void {
    this.#pods.delete(uid);
  }

  /** What was read last, of each Pod that is followed and has been read. */
  *readings(): Generator<PodReading> {
    for (const { last } of this.#pods.values()) if (last !== undefined) yield last;
  }

  /** Milliseconds by which the reading is late that is most overdue; 0 where none is. */
  get lateness(): number {
    const now = this.#options.clock.now();
    const late = this.#pods.values().map(({ since, updateInterval }) => now - since - updateInterval);
    return Math.max(0, ...late);
  }

  [Symbol.dispose](): void {
    this.#timer?.cancel();
    this.#pods.clear();
  }

  /** Sees to it that the timer rings when the first Pod is due. */
  #schedule(): void {
    const due = Math.min(...this.#pods.values().map((pod) => pod.due));
    if (due >= this.#timerDue) return;
    this.#timer?.cancel();
    if (!Number.isFinite(due)) return;
    this.#timerDue = due;
    this.#timer = this.#options.clock.after(Math.max(due - this.#options.clock.now(), 0), () => this.#tick());
  }

  #tick(): void {
    this.#timerDue = Number.POSITIVE_INFINITY;
    const now = this.#options.clock.now();
    const due = new Map([...this.#pods].filter(([, pod]) => pod.due <= now));
    if (due.size > 0) this.#readAll(due, now);
    this.#schedule();
  }

  #readAll(due: ReadonlyMap<string, Followed>, now: number): void {
    for (const pod of due.values()) pod.due = nextMultiple(now, pod.updateInterval);
    try {
      for (const reading of this.#options.read(new Set(due.keys())) ?? []) {
        const pod = due.get(reading.uid);
        if (pod !== undefined) Object.assign(pod, { last: reading, since: now });
      }
    } catch (error) {
      // What was read last stays: a gap in a counter is worse than a value that is a little old.
      this.#options.log.warning("the counters could not be read", { error });
    }
  }
}

const nextMultiple = (now: number, interval: number): number => (Math.floor(now / interval) + 1) * interval;
