import { compareResourceVersions } from "../cache/resource-version.ts";
import type { Clock } from "../clock.ts";
import type { Stored } from "../object.ts";
import { durationOf, hasSameRecord, holderOf, type Lease } from "./lease.ts";

export interface ObservedLeaseOptions {
  readonly clock: Clock;
  readonly identity: string;
  /** Of our own settings, milliseconds: for a Lease that is gone, or does not say. */
  readonly leaseDuration: number;
  /** Called when the record is another, or the Lease came or went. */
  readonly onChange: () => void;
}

/**
 * What we know of the Lease, and since when on our own clock. Expiry is counted from when *we* saw the record change; the
 * times in the record come from other clocks, and are never looked at.
 *
 * Two sources tell: reads, and a watch that may lag behind them and behind our own writes. What the watch tells of the
 * past is dropped.
 */
export class ObservedLease {
  readonly #options: ObservedLeaseOptions;
  #lease: Stored<Lease> | undefined;
  /** The last state in which it was there. */
  #last: Stored<Lease> | undefined;
  #since = 0;
  #current = false;
  /** Counts what was taken, so that a read can tell whether something came in meanwhile. */
  #taken = 0;

  constructor(options: ObservedLeaseOptions) {
    this.#options = options;
  }

  /** The Lease as last seen; `undefined` while it is gone, or nothing is known. */
  get lease(): Stored<Lease> | undefined {
    return this.#lease;
  }

  /** The last state in which it was there. */
  get last(): Stored<Lease> | undefined {
    return this.#last;
  }

  /** Who holds it, as last seen. */
  get holder(): string | undefined {
    return this.#lease === undefined ? undefined : holderOf(this.#lease);
  }

  /** Whether there is anything to go by; if not, read first. */
  get current(): boolean {
    return this.#current;
  }

  /**
   * The time of our clock from which on we may take it; for a Lease that is free, or ours already, when we saw that.
   *
   * A Lease that someone deleted still binds us for its duration: its holder may not know of it yet, and go on. Only who
   * has never seen it creates it at once, as client-go does: so a process that starts in the moment between a deletion and
   * the holder's answer to it can lead beside that holder, until the holder sees it.
   */
  get freeAt(): number {
    const { identity, leaseDuration } = this.#options;
    if (this.#last === undefined) return this.#since;
    const duration = durationOf(this.#last, leaseDuration);
    if (this.#lease === undefined) return this.#since + Math.max(duration, leaseDuration);
    const { holder } = this;
    return holder === undefined || holder === identity ? this.#since : this.#since + duration;
  }

  /** Someone else was faster: what we know is out of date. */
  doubt(): void {
    this.#current = false;
  }

  /** Begins a read; the answer goes to the function that comes back, `undefined` for "not found". */
  beginRead(): (answer: Stored<Lease> | undefined) => void {
    const taken = this.#taken;
    return (answer) => {
      // It tells the state of some moment since the read began. What the watch told meanwhile may be newer.
      if (taken === this.#taken || (answer !== undefined && this.#isNews(answer))) this.#take(answer);
    };
  }

  /** Takes what a write of ours left behind. */
  takeWritten(lease: Stored<Lease>): void {
    if (this.#isNews(lease)) this.#take(lease);
  }

  /** Takes what the watch tells. */
  takeEvent(lease: Stored<Lease>): void {
    if (this.#isNews(lease)) this.#take(lease);
  }

  /** The watch says that `lease` is gone. */
  takeDeletion(lease: Stored<Lease>): void {
    if (this.#lease?.metadata.uid === lease.metadata.uid) this.#take(undefined);
  }

  #isNews({ metadata }: Stored<Lease>): boolean {
    return (
      this.#last === undefined ||
      compareResourceVersions(metadata.resourceVersion, this.#last.metadata.resourceVersion) > 0
    );
  }

  #take(lease: Stored<Lease> | undefined): void {
    const before = this.#lease;
    const isFirst = this.#taken === 0;
    this.#lease = lease;
    this.#last = lease ?? this.#last;
    this.#current = true;
    this.#taken += 1;
    const isSame = before !== undefined && lease !== undefined ? hasSameRecord(before, lease) : before === lease;
    if (isSame && !isFirst) return;
    this.#since = this.#options.clock.now();
    this.#options.onChange();
  }
}
