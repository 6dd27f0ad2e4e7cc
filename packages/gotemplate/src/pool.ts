import type { Clock } from "./clock.ts";
import { EngineClosedError } from "./errors.ts";
import type { Done, Lane, LaneEvents } from "./lane.ts";
import type { Outcome, Task, Work } from "./task.ts";
import type { AbortSource } from "./template.ts";

/** How many workers there are, and for how long. */
export interface PoolOptions {
  readonly maxWorkers: number;
  readonly minWorkers: number;
  /** Milliseconds. */
  readonly idleTimeout: number;
  /** Bytes; a worker whose instance has grown past this is replaced, for it never shrinks. */
  readonly recycleAbove: number;
  readonly clock: Clock;
  /** Starts a worker. */
  readonly start: (events: LaneEvents) => Promise<Lane>;
}

/** Tasks that a worker is given ahead of time, so that it need not wait for the next. */
const AHEAD = 8;

/** Milliseconds that a task may take until what waits behind it goes elsewhere. Most take a tenth of one. */
const STUCK = 10;

/** Milliseconds that tasks may wait until there is one more worker. A burst is done sooner than a worker is there. */
const PRESSURE = 20;

/** Does work in workers: as few as keep up with it, at most so many. */
export class Pool implements LaneEvents {
  readonly #options: PoolOptions;
  readonly #lanes = new Set<Lane>();
  readonly #queue: Task[] = [];
  /** Take the timers of lanes back: each has one while it is busy, or one while it is idle. */
  readonly #timers = new Map<Lane, () => void>();
  #pressure: (() => void) | undefined;
  #starting = 0;
  /** Workers on their way up or down. */
  readonly #changes = new Set<Promise<void>>();
  #closed = false;
  #spare = 0;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  /** Workers that there are. */
  get size(): number {
    return this.#lanes.size;
  }

  /** Does work. The signal ends only the wait for it. */
  async run(work: Work, signal?: AbortSource): Promise<Outcome> {
    if (signal?.aborted) throw signal.reason;
    if (this.#closed) throw new EngineClosedError();
    const { promise, resolve, reject } = Promise.withResolvers<Outcome>();
    const task: Task = { work, settle: resolve, fail: reject };
    const abort = (): void => {
      const waiting = this.#queue.indexOf(task);
      if (waiting >= 0) this.#queue.splice(waiting, 1);
      reject(signal?.reason);
    };
    signal?.addEventListener("abort", abort, { once: true });
    this.#queue.push(task);
    this.#assign();
    try {
      return await promise;
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }

  /** Ends all workers; what is not done fails. */
  async close(): Promise<void> {
    this.#closed = true;
    const left = [...this.#queue.splice(0), ...[...this.#lanes].flatMap((lane) => lane.tasks)];
    for (const lane of this.#lanes) this.#end(lane);
    for (const task of left) task.fail(new EngineClosedError());
    this.#pressure?.();
    while (this.#changes.size > 0) await Promise.allSettled(this.#changes);
  }

  done(lane: Lane, task: Task, done: Done): void {
    const { answer } = done;
    task.settle({ kind: "answer", ...done });
    const isUsedUp = answer.memory > this.#options.recycleAbove || lane.isWornOut;
    if (answer.broken || isUsedUp) this.#retire(lane, lane.tasks);
    this.#assign();
    if (!this.#lanes.has(lane)) return;
    if (lane.load === 0) this.#rest(lane);
    // It was looked at while it began what comes next, and then not again before the first one's deadline.
    else if (done.elapsed >= STUCK) this.#watch(lane);
  }

  died(lane: Lane, error: unknown): void {
    const { place, rendered } = lane;
    const elapsed = lane.elapsed();
    const [first, ...others] = lane.tasks;
    this.#drop(lane);
    if (lane.ready) {
      first?.settle({ kind: "died", place, rendered, elapsed });
      this.#queue.unshift(...others);
    } else {
      // One that cannot start will not start the next time either.
      for (const task of lane.tasks) task.fail(error);
    }
    this.#assign();
  }

  /** Gives what waits to workers, as far as they take it. */
  #assign(): void {
    if (this.#closed) return;
    for (let lane = this.#best(); lane; lane = this.#best()) {
      const task = this.#queue.shift();
      if (!task) return;
      this.#spare -= 1;
      lane.add(task, this.#spare);
      if (lane.load === 1) this.#watch(lane);
    }
    if (this.#queue.length === 0) return;
    if (this.#lanes.size === 0) this.#grow();
    this.#pressure ??= this.#options.clock.after(PRESSURE, () => {
      this.#pressure = undefined;
      if (this.#queue.length > 0) this.#grow();
      this.#assign();
    });
  }

  /** The worker with the least to do, of those that can take more: not behind a task that may never end. */
  #best(): Lane | undefined {
    let best: Lane | undefined;
    for (const lane of this.#lanes) {
      if (lane.load >= AHEAD || lane.elapsed() >= STUCK) continue;
      if (!best || lane.load < best.load) best = lane;
    }
    return best;
  }

  #grow(): void {
    if (this.#closed || this.#starting > 0 || this.#lanes.size >= this.#options.maxWorkers) return;
    this.#starting += 1;
    this.#track(this.#startLane());
  }

  async #startLane(): Promise<void> {
    try {
      const lane = await this.#options.start(this);
      this.#lanes.add(lane);
      if (this.#closed) this.#end(lane);
      else this.#rest(lane);
    } catch (error) {
      if (this.#lanes.size === 0) for (const task of this.#queue.splice(0)) task.fail(error);
    } finally {
      this.#starting -= 1;
      this.#assign();
    }
  }

  /** Looks at a busy worker when its task is stuck, and when it is late. */
  #watch(lane: Lane): void {
    this.#timers.get(lane)?.();
    this.#timers.delete(lane);
    const [task] = lane.tasks;
    if (!task) return;
    const elapsed = lane.elapsed();
    const { deadline } = task.work;
    const next = elapsed < STUCK ? Math.min(STUCK, deadline) : deadline;
    const cancel = this.#options.clock.after(Math.max(1, Math.ceil(next - elapsed)), () => {
      // Its answer may have come while this thread was busy: then it is neither stuck nor late.
      this.#options.clock.soon(() => {
        if (this.#timers.get(lane) === cancel) this.#look(lane);
      });
    });
    this.#timers.set(lane, cancel);
  }

  #look(lane: Lane): void {
    const [task] = lane.tasks;
    const { place, rendered } = lane;
    const elapsed = lane.elapsed();
    if (task && elapsed >= task.work.deadline) {
      this.#retire(lane, lane.tasks.slice(1));
      task.settle({ kind: "late", place, rendered, elapsed });
    } else {
      if (elapsed >= STUCK) this.#queue.unshift(...lane.takeBack());
      this.#watch(lane);
    }
    this.#assign();
  }

  /** Ends a worker; tasks of it go to others. */
  #retire(lane: Lane, tasks: readonly Task[]): void {
    this.#queue.unshift(...tasks);
    this.#end(lane);
  }

  /** Ends an idle worker after a while. */
  #rest(lane: Lane): void {
    this.#timers.get(lane)?.();
    const cancel = this.#options.clock.after(this.#options.idleTimeout, () => {
      this.#timers.delete(lane);
      if (lane.load === 0 && this.#lanes.size > this.#options.minWorkers) this.#end(lane);
    });
    this.#timers.set(lane, cancel);
  }

  #end(lane: Lane): void {
    this.#drop(lane);
    this.#track(lane.end());
  }

  #drop(lane: Lane): void {
    this.#lanes.delete(lane);
    this.#timers.get(lane)?.();
    this.#timers.delete(lane);
  }

  #track(change: Promise<void>): void {
    this.#changes.add(change);
    const settled = (): void => {
      this.#changes.delete(change);
    };
    change.then(settled, settled);
  }
}
