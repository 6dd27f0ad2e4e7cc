import type { Clock, Random } from "../clock.ts";
import { type KeyString, parseKey } from "../object.ts";
import { Bands } from "./bands.ts";
import { Delays } from "./delays.ts";
import { Entry } from "./entry.ts";
import { Failures, type RetryOptions, type RetryPolicy, retryDelay, retryPolicy } from "./failures.ts";
import { LinkedList } from "./linked-list.ts";
import { type QueueState, unobserved, type WorkQueueMetrics, type WorkQueueObserver } from "./observer.ts";
import { Priority } from "./priority.ts";
import { Waiters } from "./waiters.ts";

export type { WorkQueueMetrics } from "./observer.ts";

/** How a key is added. */
export interface AddOptions {
  /**
   * An integer, higher is sooner; default `Priority.fresh`. Whoever adds a key again from its own reconcile should pass
   * on the priority of its `QueueItem`, or a bulk key that fails overtakes the bulk.
   */
  readonly priority?: number;
  /** Not before so many milliseconds. Default 0. With `rateLimited` (a Retry-After): the wait is not shorter than this. */
  readonly after?: number;
  /** The key has failed: count it, and try again after its backoff. */
  readonly rateLimited?: boolean;
}

/** A key that was handed out. */
export interface QueueItem {
  readonly key: KeyString;
  /** The highest priority asked for since the key was last handed out. */
  readonly priority: number;
  /** Failures since the last success; 0 for a first try. */
  readonly attempts: number;
  /** Milliseconds since the key was due. */
  readonly queuedFor: number;
}

export interface WorkQueueOptions {
  /** The controller's name: the label of the metrics. */
  readonly name: string;
  readonly clock: Clock;
  readonly random: Random;
  /** Which flow a key belongs to; flows of equal priority take turns. Default: the key's namespace. */
  readonly flowOf?: (key: KeyString) => string;
  /** How a key that fails is tried again. */
  readonly backoff?: RetryOptions;
  /**
   * Lower priorities get one pick of so many while higher ones never run dry. Default 8; at least 2. Smaller: a resync
   * slows fresh events in a storm of them; larger: it takes longer under one.
   */
  readonly every?: number;
  readonly metrics?: WorkQueueMetrics;
}

/** What becomes of keys that are due when the queue is shut down. */
export type ShutDownMode = "drop" | "drain";

const namespaceOf = (key: KeyString): string => parseKey(key).namespace;
const PLAIN: AddOptions = {};

/**
 * The queue between the events and the workers of a controller: client-go's semantics, with priorities that age and flows
 * that share.
 *
 * - A key is queued at most once: adding it again keeps the higher priority and the earlier time.
 * - A key is never handed out twice at the same time: added while it is processed, it is handed out again after `done`.
 * - Each `get` is answered by `done`, once, whatever came of it; a worker calls `forget` first when the key succeeded, or
 *   adds it `rateLimited` when it failed.
 * - An add ends the wait of a failing key at once, but at most once in `backoff.freshInterval`, and keeps its attempts.
 * - Bound on waiting: `Bands`, in src/queue/bands.ts, says after how many picks a due key is handed out at the latest, and what
 *   share a flow has at the least.
 *
 * Add, get and done take O(log n); no promise returned here is ever rejected.
 *
 * @example
 * for (let item = await queue.get(signal); item !== undefined; item = await queue.get(signal)) {
 *   try {
 *     await reconcile(item.key);
 *     queue.forget(item.key);
 *   } catch {
 *     queue.add(item.key, { rateLimited: true, priority: item.priority });
 *   } finally {
 *     queue.done(item.key);
 *   }
 * }
 */
export class WorkQueue implements QueueState {
  readonly name: string;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #flowOf: (key: KeyString) => string;
  readonly #retry: RetryPolicy;
  readonly #observer: WorkQueueObserver;
  readonly #entries = new Map<KeyString, Entry>();
  readonly #ready: Bands;
  readonly #delays: Delays;
  readonly #processing = new LinkedList<Entry>();
  readonly #waiters = new Waiters<QueueItem>();
  #serving = false;
  #shutDown: ShutDownMode | undefined = undefined;
  readonly #finished = Promise.withResolvers<void>();

  /** @throws RangeError on an option that makes no sense. */
  constructor(options: WorkQueueOptions) {
    const { every = 8 } = options;
    if (!(Number.isInteger(every) && every >= 2)) throw new RangeError(`every is ${every}; it must be 2 or more`);
    this.name = options.name;
    this.#clock = options.clock;
    this.#random = options.random;
    this.#flowOf = options.flowOf ?? namespaceOf;
    this.#retry = retryPolicy(options.backoff);
    this.#ready = new Bands(every);
    this.#delays = new Delays(options.clock, () => this.#promote(this.#clock.now()));
    this.#observer = options.metrics?.attach(this) ?? unobserved;
  }

  /** How many keys are due and could be handed out now: not those that wait for their time, or for their own `done`. */
  get length(): number {
    return this.#ready.size;
  }

  /** How many keys are handed out and not done. */
  get processing(): number {
    return this.#processing.size;
  }

  /** How many keys the queue knows at all: due, delayed, processing, or remembered for their failures. */
  get tracked(): number {
    return this.#entries.size;
  }

  /** `length` by priority, without those that have no key. */
  depths(): ReadonlyMap<number, number> {
    return this.#ready.depths();
  }

  /** How long, in milliseconds, the keys that are processed have been so: all together, and the longest. */
  unfinished(): { readonly total: number; readonly longest: number } {
    const now = this.#clock.now();
    let total = 0;
    for (const entry of this.#processing) total += now - entry.startedAt;
    const oldest = this.#processing.head;
    return { total, longest: oldest === undefined ? 0 : now - oldest.startedAt };
  }

  /** How long, in milliseconds, the key has waited that was due first. Looks at every key: for scrapes, not for hot paths. */
  oldest(): number {
    const now = this.#clock.now();
    let dueAt = now;
    for (const entry of this.#entries.values()) {
      if (entry.place === "ready" && entry.dueAt < dueAt) dueAt = entry.dueAt;
    }
    return now - dueAt;
  }

  /**
   * Asks for a key to be handed out. Ignored after `shutDown`.
   *
   * @throws RangeError when `priority` is not an integer or `after` is not a number.
   */
  add(key: KeyString, options: AddOptions = PLAIN): void {
    const { priority = Priority.fresh, after = 0, rateLimited = false } = options;
    if (!Number.isSafeInteger(priority) || Number.isNaN(after)) {
      throw new RangeError(`cannot add ${key} with priority ${priority} after ${after} ms`);
    }
    if (this.#shutDown !== undefined) return;
    const now = this.#clock.now();
    const entry = this.#entry(key);
    this.#raise(entry, priority);
    if (rateLimited) this.#fail(entry, now, after);
    else entry.wantedAt = Math.min(entry.wantedAt, now + Math.max(0, after));
    if (rateLimited || after > 0) this.#observer.retried();
    if (entry.place !== "processing") this.#settle(entry, now);
  }

  /**
   * Resolves with the next key, once one is due and not being processed; callers are served in the order in which they came.
   * Resolves with undefined when `signal` aborts, and after `shutDown` when there is nothing left to hand out.
   */
  get(signal?: AbortSignal): Promise<QueueItem | undefined> {
    if (signal?.aborted) return Promise.resolve(undefined);
    const item = this.#waiters.size === 0 ? this.tryGet() : undefined;
    if (item !== undefined || this.#shutDown !== undefined) return Promise.resolve(item);
    return this.#waiters.wait(signal);
  }

  /** The next key, if one is due: as `get`, without waiting, and before those who wait. */
  tryGet(): QueueItem | undefined {
    const now = this.#clock.now();
    // The timer may be late; a key is due when its time has come.
    this.#promote(now);
    const entry = this.#ready.shift();
    if (entry === undefined) return undefined;
    const item = {
      key: entry.key,
      priority: entry.priority,
      attempts: entry.failures?.attempts ?? 0,
      queuedFor: now - entry.dueAt,
    };
    entry.failures?.begin(now, this.#retry.freshInterval);
    entry.wantedAt = Number.POSITIVE_INFINITY;
    entry.startedAt = now;
    entry.place = "processing";
    this.#processing.push(entry);
    this.#observer.started(item.queuedFor);
    return item;
  }

  /** Says that a key that was handed out is no longer worked on. Ignored for any other key. */
  done(key: KeyString): void {
    const entry = this.#entries.get(key);
    if (entry?.place !== "processing") return;
    const now = this.#clock.now();
    this.#processing.remove(entry);
    this.#observer.finished(now - entry.startedAt);
    entry.place = "new";
    this.#settle(entry, now);
    this.#finishIfEmpty();
  }

  /** Drops the failures of a key: it succeeded. A retry that is planned stays, as a plain delayed add. */
  forget(key: KeyString): void {
    const entry = this.#entries.get(key);
    if (entry?.failures === undefined) return;
    entry.wantedAt = Math.min(entry.wantedAt, entry.failures.retryAt);
    entry.failures = undefined;
    if (entry.place !== "processing") this.#settle(entry, this.#clock.now());
  }

  /** Failures of a key since its last success. */
  attempts(key: KeyString): number {
    return this.#entries.get(key)?.failures?.attempts ?? 0;
  }

  /**
   * Ends the queue: adds are ignored from now on, keys that wait for their time are dropped. `drop` drops those that are due
   * too; `drain` goes on handing them out, so that workers must call `get` until it says undefined. May be called again, to
   * turn a drain that takes too long into a drop.
   *
   * @returns a promise that resolves when no key is being processed, or, with `drain`, due.
   */
  shutDown(mode: ShutDownMode = "drop"): Promise<void> {
    const now = this.#clock.now();
    if (this.#shutDown === undefined && mode === "drain") this.#promote(now);
    this.#shutDown = this.#shutDown === "drop" ? "drop" : mode;
    this.#delays.clear();
    for (const entry of this.#entries.values()) {
      if (entry.place === "delayed" || entry.place === "resting") this.#entries.delete(entry.key);
      if (entry.place === "ready" && this.#shutDown === "drop") this.#drop(entry);
    }
    this.#serve();
    this.#waiters.dismiss();
    this.#finishIfEmpty();
    return this.#finished.promise;
  }

  #entry(key: KeyString): Entry {
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      entry = new Entry(key);
      this.#entries.set(key, entry);
    }
    return entry;
  }

  #raise(entry: Entry, priority: number): void {
    const wanted = entry.wanted() < Number.POSITIVE_INFINITY;
    if (wanted && priority <= entry.priority) return;
    if (entry.place === "ready") this.#ready.remove(entry);
    entry.priority = priority;
    if (entry.place === "ready") this.#ready.push(entry, this.#flowOf(entry.key));
  }

  #fail(entry: Entry, now: number, atLeast: number): void {
    entry.failures ??= new Failures();
    const startedAt = entry.place === "processing" ? entry.startedAt : now;
    entry.failures.fail({ now, startedAt, calm: this.#retry.calm }, (attempts) =>
      Math.max(atLeast, retryDelay(this.#retry, attempts, this.#random)),
    );
  }

  /** Puts an entry that is not processing where it belongs. One that is ready stays so: nothing makes it due later. */
  #settle(entry: Entry, now: number): void {
    if (entry.place === "ready") return;
    const dueAt = entry.wanted();
    if (dueAt <= now) {
      this.#delays.remove(entry);
      entry.dueAt = dueAt;
      this.#admit(entry);
      return;
    }
    if (dueAt < Number.POSITIVE_INFINITY) {
      this.#delay(entry, dueAt);
      return;
    }
    this.#rest(entry, now);
  }

  #delay(entry: Entry, dueAt: number): void {
    if (this.#shutDown !== undefined) {
      this.#entries.delete(entry.key);
      return;
    }
    if (entry.place === "delayed" && entry.dueAt <= dueAt) return;
    entry.place = "delayed";
    this.#delays.schedule(entry, dueAt);
  }

  /** Nobody wants the key now; its failures are kept until calm has come. */
  #rest(entry: Entry, now: number): void {
    const until = entry.failures === undefined ? now : entry.failures.troubleAt + this.#retry.calm;
    if (until > now && this.#shutDown === undefined) {
      entry.place = "resting";
      this.#delays.schedule(entry, until);
      return;
    }
    this.#delays.remove(entry);
    this.#entries.delete(entry.key);
  }

  /** The key is due. */
  #admit(entry: Entry): void {
    if (this.#shutDown === "drop") {
      this.#entries.delete(entry.key);
      return;
    }
    entry.place = "ready";
    this.#ready.push(entry, this.#flowOf(entry.key));
    this.#observer.added();
    if (this.#waiters.size === 0 || this.#serving) return;
    // Not at once: of the keys that are added in one go, the first worker is to get the most urgent, and a key that is
    // added twice is to be worked on once. A worker could not start before the current task ends anyway.
    this.#serving = true;
    queueMicrotask(() => this.#serve());
  }

  #serve(): void {
    this.#serving = false;
    while (this.#waiters.size > 0 && this.#ready.size > 0) this.#waiters.serve(this.tryGet());
  }

  #promote(now: number): void {
    for (let entry = this.#delays.takeDue(now); entry !== undefined; entry = this.#delays.takeDue(now)) {
      if (entry.place === "resting") this.#entries.delete(entry.key);
      else this.#admit(entry);
    }
  }

  #drop(entry: Entry): void {
    this.#ready.remove(entry);
    this.#entries.delete(entry.key);
  }

  #finishIfEmpty(): void {
    if (this.#shutDown === undefined || this.#processing.size > 0 || this.#ready.size > 0) return;
    this.#observer.closed();
    this.#finished.resolve();
  }
}
