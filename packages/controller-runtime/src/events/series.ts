import type { Event, EventSeries } from "kubernetes-types/events/v1.d.ts";
import type { HeapItem } from "../queue/heap.ts";
import { type Content, namespaceOf } from "./content.ts";
import { eventName, microTime } from "./text.ts";

/** A moment, in both of the clock's times. */
export interface Moment {
  /** Monotonic milliseconds. */
  readonly now: number;
  readonly date: Date;
}

/** Who reports. */
export interface Reporter {
  readonly reportingController: string;
  readonly reportingInstance: string;
}

/**
 * One Event, and how often it has been seen. `count` runs ahead of `written`, what the server was last told; the
 * difference is pending.
 *
 * An Event is written when it is first seen, and at its first repeat, so that everyone sees that it goes on; after that
 * only now and then.
 */
export class Series implements HeapItem {
  readonly key: string;
  readonly name: string;
  content: Content;
  /** When the first one was seen. */
  startedAt: Date;
  lastObserved: Date;
  /** The same as monotonic milliseconds. */
  lastSeen: number;
  count = 1;
  written = 0;
  /** Whether the server has it, as far as we know. */
  exists = false;
  /** Monotonic milliseconds before which it is not to be written. */
  notBefore: number;
  /** Tries that have failed since it was last written. */
  tries = 0;
  /** The next of its kind begins another series; what is pending here is still written. */
  retired = false;
  /** The time of the next thing to do about it, and its rank among equals: set by the table. */
  dueAt = 0;
  order = 0;
  heapIndex = -1;

  /** @param nanoseconds unique, for the name. */
  constructor(key: string, content: Content, { now, date, nanoseconds }: Moment & { readonly nanoseconds: bigint }) {
    this.key = key;
    this.content = content;
    this.name = eventName(content.regarding.name ?? "", nanoseconds);
    this.startedAt = date;
    this.lastObserved = date;
    this.lastSeen = now;
    this.notBefore = now;
  }

  get pending(): number {
    return this.count - this.written;
  }

  /** Counts one more. */
  observe(content: Content, { now, date }: Moment): void {
    if (this.count === 0) {
      // All before was dropped: this is the first that can be written.
      this.content = content;
      this.startedAt = date;
    }
    this.count += 1;
    this.lastObserved = date;
    this.lastSeen = now;
  }

  /** Takes note that the server knows of `count`. @returns how many it did not know of before. */
  wrote(count: number, { now, interval }: { readonly now: number; readonly interval: number }): number {
    const news = count - this.written;
    this.written = count;
    this.tries = 0;
    this.notBefore = count === 1 ? now : now + interval;
    return news;
  }

  /** Gives up what is pending, and does not try again before `notBefore`. @returns how many that were. */
  drop(notBefore: number): number {
    const { pending } = this;
    this.count = this.written;
    this.tries = 0;
    this.notBefore = notBefore;
    return pending;
  }

  /** The Event as it is created. */
  event(reporter: Reporter): Event {
    const { regarding, related, type, reason, action, note } = this.content;
    const series = this.series();
    return {
      metadata: { namespace: namespaceOf(this.content), name: this.name },
      eventTime: microTime(this.startedAt),
      ...reporter,
      action,
      reason,
      regarding,
      ...(related === undefined ? {} : { related }),
      note,
      type,
      ...(series === undefined ? {} : { series }),
    };
  }

  /** Absent for an Event that was seen once: the API wants a count of two at least. */
  series(): EventSeries | undefined {
    return this.count < 2 ? undefined : { count: this.count, lastObservedTime: microTime(this.lastObserved) };
  }
}
