import { hostname } from "node:os";
import { type Clock, type Random, systemClock } from "../clock.ts";
import { type LogFields, type Logger, silentLogger } from "../log.ts";
import type { Runnable } from "../manager/manager.ts";
import { type Content, contentOf, faultOf, objectKeyOf, seriesKeyOf } from "./content.ts";
import { Drops } from "./drops.ts";
import type { NewEvent, Recorder } from "./event.ts";
import { type EventObserver, unobserved } from "./observer.ts";
import { type Reporter, Series } from "./series.ts";
import { SeriesTable } from "./series-table.ts";
import { SpamFilter } from "./spam-filter.ts";
import { clip, isQualifiedName } from "./text.ts";
import { Wakeup } from "./wakeup.ts";
import { type EventSink, EventWriter, type WriteOutcome } from "./writer.ts";

export interface EventRecorderOptions {
  readonly client: EventSink;
  /** Who reports: `example.com/controller`, or just `controller`. The part after the slash has at most 63 characters. */
  readonly reportingController: string;
  /** Which of its replicas, at most 128 bytes. Default: the controller, `-`, the host's name, which is the Pod's. */
  readonly reportingInstance?: string | undefined;
  /**
   * Milliseconds between two writes of one series that goes on. Default 5 minutes: who reads sees with that delay how
   * often and when last. Shorter costs a write for each object in trouble; from an hour on, Events vanish in between.
   */
  readonly refreshInterval?: number | undefined;
  /** Events that may wait to be written for the first time; what does not fit is dropped. Default 1,000. */
  readonly maxQueued?: number | undefined;
  /** Series, and objects, that are remembered, the latest. Default 4,096. Where it is too low, repeats become new Events. */
  readonly maxSeries?: number | undefined;
  /** Milliseconds after a stop in which to write what is pending; the rest is dropped. Default 500. */
  readonly flushTimeout?: number | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: Random | undefined;
  readonly log?: Logger | undefined;
  readonly observer?: EventObserver | undefined;
}

const REFRESH_INTERVAL = 300_000;
/** client-go's bounds of its queue and its caches. */
const MAX_QUEUED = 1_000;
const MAX_SERIES = 4_096;
const FLUSH_TIMEOUT = 500;

/** client-go's bound. */
const MAX_TRIES = 12;
/** Milliseconds between tries: 1, 2, 4 ... 30 s, each with up to a quarter more. Twelve last three minutes and a half. */
const RETRY = { initial: 1_000, cap: 30_000, jitter: 0.25 };

/**
 * Records Events (`events.k8s.io/v1`) by the rules of client-go's `tools/events`: the same one seen again becomes a
 * series, with a count, for as long as no six minutes pass without it.
 *
 * `event` never waits and never fails. Behind it, writes go out one at a time; whatever the server does, memory and the
 * number of writes stay bounded. Events may be recorded before `run`; after it they are dropped.
 *
 * Reconciles that drain record Events too: abort `stop` of `run` when they are done, after the manager.
 *
 * @example
 * const events = new EventRecorder({ client, reportingController: "example.com/podconfigmap" });
 * const recording = events.run({ stop: drained.signal, kill });
 * events.event({ regarding: pod, type: "Normal", reason: "Created", action: "Create", note: "Created 3 ConfigMaps" });
 */
export class EventRecorder implements Recorder, Runnable {
  readonly name = "events";
  readonly #refreshInterval: number;
  readonly #flushTimeout: number;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #observer: EventObserver;
  readonly #drops: Drops;
  readonly #writer: EventWriter;
  readonly #table: SeriesTable;
  readonly #filter: SpamFilter;
  readonly #wakeup: Wakeup;
  #lastName = 0n;
  /** Tries in a row that did not get through to the server. */
  #failures = 0;
  /** Monotonic milliseconds until which the server is left alone. */
  #pausedUntil = 0;
  #isClosed = false;

  /** @throws TypeError when `reportingController` is not a qualified name: the server would refuse each Event. */
  constructor(options: EventRecorderOptions) {
    const { reportingController, clock = systemClock, log = silentLogger, observer = unobserved } = options;
    if (!isQualifiedName(reportingController)) {
      throw new TypeError(`reportingController: "${reportingController}" is not a name such as example.com/controller`);
    }
    const { maxSeries = MAX_SERIES, maxQueued = MAX_QUEUED } = options;
    this.#refreshInterval = options.refreshInterval ?? REFRESH_INTERVAL;
    this.#flushTimeout = options.flushTimeout ?? FLUSH_TIMEOUT;
    this.#clock = clock;
    this.#random = options.random ?? Math.random;
    this.#observer = observer;
    this.#drops = new Drops({ clock, log, observer });
    this.#writer = new EventWriter({ sink: options.client, reporter: reporterOf(options), observer });
    this.#table = new SeriesTable({ series: maxSeries, queued: maxQueued });
    this.#filter = new SpamFilter(maxSeries);
    this.#wakeup = new Wakeup(clock);
  }

  /** Series that are held in memory, but for one that is being written. */
  get size(): number {
    return this.#table.size;
  }

  event(event: NewEvent): void {
    try {
      const content = contentOf(event);
      const fault = faultOf(content);
      if (fault === undefined) this.#record(content);
      else this.#drops.note("invalid", 1, { ...fieldsOf(content), fault });
    } catch (error) {
      // Only what the types forbid gets here; a reconcile must not fail for it all the same.
      this.#drops.note("invalid", 1, { error });
    }
  }

  /** Writes until `stop` aborts, then what is pending; `kill` ends that, and so does `flushTimeout`. Can run once. */
  async run({ stop, kill }: { readonly stop: AbortSignal; readonly kill: AbortSignal }): Promise<void> {
    const ending = new AbortController();
    const end = () => {
      ending.abort(new Error("the event recorder stops"));
      this.#wakeup.wake();
    };
    const listeners = new AbortController();
    let flush: { cancel(): void } | undefined;
    const onStop = () => {
      this.#table.hurry(this.#clock.now());
      // One more try: the server may be back.
      this.#pausedUntil = 0;
      flush = this.#clock.after(this.#flushTimeout, end);
      this.#wakeup.wake();
    };
    whenAborted(kill, end, listeners.signal);
    whenAborted(stop, onStop, listeners.signal);
    try {
      await this.#writeAll(stop, ending.signal);
    } finally {
      listeners.abort();
      flush?.cancel();
      this.#isClosed = true;
      this.#drops.note("stopped", this.#table.clear());
    }
  }

  #record(content: Content): void {
    if (this.#isClosed) {
      this.#drops.note("stopped", 1, fieldsOf(content));
      return;
    }
    const moment = { now: this.#clock.now(), date: this.#clock.date() };
    const key = seriesKeyOf(content);
    const series = this.#table.find(key, moment.now);
    // One of which nothing was written, as the server refused it, needs room like a new one.
    if ((series === undefined || series.count === 0) && this.#table.isFull) {
      this.#drops.note("queue_full", 1, fieldsOf(content));
      return;
    }
    if (series === undefined) {
      if (!this.#filter.allows(objectKeyOf(content), moment.now)) {
        this.#drops.note("rate_limited", 1, fieldsOf(content));
        return;
      }
      const nanoseconds = this.#nanoseconds(moment.date);
      this.#table.add(new Series(key, content, { ...moment, nanoseconds }), moment.now);
    } else {
      const wasPending = series.pending > 0;
      series.observe(content, moment);
      if (wasPending) return;
      this.#table.schedule(series, moment.now);
    }
    this.#wakeup.wakeBy(this.#table.nextDueAt);
  }

  async #writeAll(stop: AbortSignal, ending: AbortSignal): Promise<void> {
    while (!ending.aborted) {
      const now = this.#clock.now();
      const series = now < this.#pausedUntil ? undefined : this.#table.takeDue(now);
      if (series !== undefined) await this.#write(series, ending);
      else if (stop.aborted && this.#table.size === 0) return;
      else await this.#wakeup.sleepUntil(Math.max(this.#pausedUntil, this.#table.nextDueAt));
    }
  }

  async #write(series: Series, ending: AbortSignal): Promise<void> {
    const { count } = series;
    const outcome = await this.#writer.write(series, ending);
    if (outcome.kind === "written") this.#failures = 0;
    // What was under way at the end is not known: it stays pending, and is counted as dropped.
    if (outcome.kind === "written" || !ending.aborted) this.#settle(series, count, outcome);
    this.#table.schedule(series, this.#clock.now());
  }

  #settle(series: Series, count: number, outcome: WriteOutcome): void {
    const now = this.#clock.now();
    switch (outcome.kind) {
      case "written":
        this.#observer.onRecorded(series.content.type, series.wrote(count, { now, interval: this.#refreshInterval }));
        break;
      case "refused":
        this.#drops.note(outcome.reason, series.drop(now + this.#refreshInterval), {
          ...fieldsOf(series.content),
          error: outcome.error,
        });
        break;
      case "retry":
        this.#retryLater(series, now, outcome);
        break;
    }
  }

  #retryLater(series: Series, now: number, { concerns, after, error }: WriteOutcome & { kind: "retry" }): void {
    series.tries += 1;
    if (concerns === "server") {
      this.#failures += 1;
      this.#pausedUntil = now + Math.max(after, this.#delay(this.#failures));
    }
    if (series.tries >= MAX_TRIES) {
      const dropped = series.drop(now + this.#refreshInterval);
      this.#drops.note("failed", dropped, { ...fieldsOf(series.content), error, tries: MAX_TRIES });
      return;
    }
    // While the server is left alone nothing is written, so this one need not wait by itself.
    series.notBefore = concerns === "server" ? now : now + Math.max(after, this.#delay(series.tries));
  }

  /** Milliseconds to wait after the n-th failure. */
  #delay(failures: number): number {
    const { initial, cap, jitter } = RETRY;
    return Math.min(cap, initial * 2 ** (failures - 1)) * (1 + jitter * this.#random());
  }

  /** The wall clock in nanoseconds, made up below the millisecond; never the same twice. */
  #nanoseconds(date: Date): bigint {
    const madeUp = BigInt(date.getTime()) * 1_000_000n + BigInt(Math.floor(this.#random() * 1e6));
    this.#lastName = madeUp > this.#lastName ? madeUp : this.#lastName + 1n;
    return this.#lastName;
  }
}

const reporterOf = ({ reportingController, reportingInstance }: EventRecorderOptions): Reporter => ({
  reportingController,
  reportingInstance: clip(reportingInstance || `${reportingController}-${hostname()}`, 128),
});

const fieldsOf = ({ regarding: { kind, namespace, name }, reason, action, note }: Content): LogFields => ({
  object: { kind, namespace, name },
  reason,
  action,
  note,
});

/** Calls `listener` when `signal` aborts, also if it has; not after `forget` has aborted. */
const whenAborted = (signal: AbortSignal, listener: () => void, forget: AbortSignal): void => {
  if (signal.aborted) listener();
  else signal.addEventListener("abort", listener, { once: true, signal: forget });
};
