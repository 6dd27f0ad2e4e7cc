import { type Clock, type Random, systemClock } from "../clock.ts";
import { type AbortSource, type Deadline, startDeadline } from "../deadline.ts";
import { ApiError, ConflictError, describe, StaleError, TerminalError } from "../errors.ts";
import { type Logger, silentLogger } from "../log.ts";
import type { KeyString } from "../object.ts";
import { Priority } from "../queue/priority.ts";
import { type QueueItem, WorkQueue, type WorkQueueMetrics } from "../queue/work-queue.ts";
import { errorType } from "./error-type.ts";
import type { Watch } from "./watch.ts";

/** What a reconcile gets besides its key. */
export interface ReconcileContext {
  /** Aborts when the reconcile takes too long, or the process must end. Hand it to every call. */
  readonly signal: AbortSignal;
  /** The same as `signal`, without the cost of one: for what takes an `AbortSource`, as the client does. */
  readonly end: AbortSource;
  readonly log: Logger;
  /** Failures of this key in a row, before this try. */
  readonly attempts: number;
}

/** Nothing, or when to look at the key again though nothing happened (milliseconds). */
export type ReconcileResult = undefined | { readonly requeueAfter: number };

/**
 * Makes the world as it should be for one key, from what is there now, whatever happened before. It is never called for
 * one key twice at a time. Throw to be called again later, with backoff; throw `TerminalError` to wait for a change.
 */
export type Reconcile = (key: KeyString, context: ReconcileContext) => Promise<ReconcileResult> | ReconcileResult;

/** How a reconcile ended, as in controller-runtime's metric. */
export type Outcome = "success" | "requeue_after" | "error" | "terminal_error";

/** Is told of each reconcile; see `controllerMetrics`. */
export interface ControllerObserver {
  onStart(controller: string, workers: number): void;
  onReconcileStart(controller: string): void;
  /** `errorType` is set where it failed: see there; `canceled` where the end of the process ended it. */
  onReconcile(result: {
    readonly controller: string;
    readonly key: KeyString;
    readonly outcome: Outcome;
    readonly seconds: number;
    readonly errorType: string | undefined;
  }): void;
}

export interface ControllerOptions {
  /** In logs and metrics. */
  readonly name: string;
  readonly watches: readonly Watch[];
  readonly reconcile: Reconcile;
  /** Keys reconciled at a time. Default 1. */
  readonly workers?: number | undefined;
  /** Milliseconds for one reconcile. Default 30,000. */
  readonly timeout?: number | undefined;
  /** Quick tries after a failure, before it goes on at the slow cap of the backoff. Default 5. */
  readonly maxRetries?: number | undefined;
  /** Every so many milliseconds, all `keys` are looked at again, at the lowest priority. */
  readonly resync?: { readonly period: number; readonly keys: () => Iterable<KeyString> } | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: Random | undefined;
  readonly log?: Logger | undefined;
  readonly observer?: ControllerObserver | undefined;
  readonly queueMetrics?: WorkQueueMetrics | undefined;
}

const TIMEOUT = 30_000;
/** Milliseconds after a kill in which reconciles can end as their signal says; those that do not are left behind. */
const KILL_GRACE = 1_000;

/**
 * Turns changes into keys, and keys into reconciles.
 *
 * @example
 * const echo = new Controller({ name: "echo", watches: [watch(pods, keyOf)], reconcile: (key, { log }) => log.info(key) });
 * await echo.run({ stop, kill });
 */
export class Controller {
  readonly name: string;
  readonly #options: ControllerOptions;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #queue: WorkQueue;
  #started = false;

  constructor(options: ControllerOptions) {
    this.name = options.name;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#log = (options.log ?? silentLogger).with({ controller: options.name });
    this.#queue = new WorkQueue({
      name: options.name,
      clock: this.#clock,
      random: options.random ?? Math.random,
      ...(options.maxRetries === undefined ? {} : { backoff: { maxRetries: options.maxRetries } }),
      ...(options.queueMetrics === undefined ? {} : { metrics: options.queueMetrics }),
    });
  }

  /** Whether reconciles have begun: every informer it waits for is in step. */
  get started(): boolean {
    return this.#started;
  }

  /** Keys that wait. */
  get queueLength(): number {
    return this.#queue.length;
  }

  /** Enqueues a key from outside, after `after` milliseconds. */
  enqueue(key: KeyString, options: { readonly after?: number; readonly priority?: number } = {}): void {
    this.#queue.add(key, options);
  }

  /**
   * Runs until `stop` aborts, then lets the reconciles under way finish. `kill` ends those too: their signals abort, and
   * one that pays no heed to that within a second is left behind. Once per instance: a later term has a controller of its
   * own, which looks at everything anew.
   *
   * Never rejects: what a reconcile throws is logged, counted and tried again.
   */
  async run({ stop, kill }: { readonly stop: AbortSignal; readonly kill: AbortSignal }): Promise<void> {
    const { watches, workers = 1, observer } = this.#options;
    const ends = watches.map((watch) => watch.start((key, priority) => this.#queue.add(key, { priority })));
    const ending = AbortSignal.any([stop, kill]);
    const onEnd = () => this.#queue.shutDown();
    if (ending.aborted) onEnd();
    else ending.addEventListener("abort", onEnd, { once: true });
    try {
      await Promise.all(watches.map((watch) => watch.ready(ending)));
      this.#started = true;
      observer?.onStart(this.name, workers);
      this.#log.info("controller has started", { workers });
      using _resync = this.#resync();
      await this.#untilKilled(Promise.all(Array.from({ length: workers }, () => this.#work(kill))), kill);
    } catch (error) {
      if (!ending.aborted) throw error;
    } finally {
      for (const end of ends) end();
      ending.removeEventListener("abort", onEnd);
      this.#queue.shutDown();
      this.#started = false;
    }
  }

  /** Waits for the workers; after a kill, not for ever. */
  async #untilKilled(work: Promise<unknown>, kill: AbortSignal): Promise<void> {
    const givenUp = Promise.withResolvers<void>();
    const giveUp = () => {
      const count = this.#queue.processing;
      this.#log.error("reconciles do not end though their signal has aborted; leaving them behind", { count });
      givenUp.resolve();
    };
    const timers = new DisposableStack();
    const onKill = () => {
      const timer = this.#clock.after(KILL_GRACE, giveUp);
      timers.defer(() => timer.cancel());
    };
    if (kill.aborted) onKill();
    else kill.addEventListener("abort", onKill, { once: true });
    await Promise.race([work, givenUp.promise]).finally(() => {
      kill.removeEventListener("abort", onKill);
      timers.dispose();
    });
  }

  async #work(kill: AbortSignal): Promise<void> {
    for (;;) {
      const item = this.#queue.tryGet() ?? (await this.#queue.get());
      if (item === undefined) return;
      try {
        await this.#reconcile(item, kill);
      } finally {
        this.#queue.done(item.key);
      }
    }
  }

  async #reconcile(item: QueueItem, kill: AbortSignal): Promise<void> {
    const { key } = item;
    const { reconcile, timeout = TIMEOUT, observer } = this.#options;
    const start = this.#clock.now();
    observer?.onReconcileStart(this.name);
    using deadline = startDeadline({
      clock: this.#clock,
      milliseconds: timeout,
      what: `reconcile of ${key}`,
      parent: kill,
    });
    const context = new Context(deadline, this.#log, item);
    let outcome: Outcome;
    let type: string | undefined;
    try {
      const result = await reconcile(key, context);
      outcome = this.#succeed(key, result);
    } catch (error) {
      // A call that was cancelled by the deadline throws the deadline's error, perhaps wrapped: name the cause itself.
      const cause: unknown = deadline.aborted ? deadline.reason : error;
      outcome = kill.aborted ? "error" : this.#fail(item, cause, context.log);
      type = kill.aborted ? "canceled" : errorType(cause);
    }
    const seconds = (this.#clock.now() - start) / 1_000;
    observer?.onReconcile({ controller: this.name, key, outcome, seconds, errorType: type });
  }

  #succeed(key: KeyString, result: ReconcileResult): Outcome {
    this.#queue.forget(key);
    if (result === undefined) return "success";
    this.#queue.add(key, { after: result.requeueAfter, priority: Priority.bulk });
    return "requeue_after";
  }

  #fail(item: QueueItem, error: unknown, log: Logger): Outcome {
    const { key, attempts } = item;
    if (error instanceof TerminalError) {
      this.#queue.forget(key);
      log.error("reconcile failed; waiting for a change", { cause: describe(error) });
      return "terminal_error";
    }
    const after = error instanceof ApiError ? (error.retryAfter ?? 0) : 0;
    this.#queue.add(key, { rateLimited: true, after, priority: item.priority });
    // Somebody else was faster: look again. That is how optimistic concurrency works, not a fault.
    if (error instanceof ConflictError || error instanceof StaleError)
      log.debug("the object changed meanwhile", { cause: describe(error) });
    else if (errorType(error) === "panic") log.error("reconcile threw", { error, attempts });
    else log.warning("reconcile failed; trying again", { cause: describe(error), attempts });
    return "error";
  }

  /** Enqueues everything once a period; ends when disposed of. */
  #resync(): Disposable {
    const { resync } = this.#options;
    if (resync === undefined || resync.period <= 0) return { [Symbol.dispose]: () => {} };
    const tick = () => {
      for (const key of resync.keys()) this.#queue.add(key, { priority: Priority.bulk });
      timer = this.#clock.after(resync.period, tick);
    };
    let timer = this.#clock.after(resync.period, tick);
    return { [Symbol.dispose]: () => timer.cancel() };
  }
}

/** What a reconcile gets. Signal and log are made when they are asked for: most reconciles find nothing to do. */
class Context implements ReconcileContext {
  readonly attempts: number;
  readonly #deadline: Deadline;
  readonly #parentLog: Logger;
  readonly #key: KeyString;
  #log: Logger | undefined;

  constructor(deadline: Deadline, parentLog: Logger, { key, attempts }: QueueItem) {
    this.attempts = attempts;
    this.#deadline = deadline;
    this.#parentLog = parentLog;
    this.#key = key;
  }

  get signal(): AbortSignal {
    return this.#deadline.signal;
  }

  get end(): AbortSource {
    return this.#deadline;
  }

  get log(): Logger {
    this.#log ??= this.#parentLog.with({ key: this.#key });
    return this.#log;
  }
}
