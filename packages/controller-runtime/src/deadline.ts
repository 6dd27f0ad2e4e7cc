import type { Clock, Timer } from "./clock.ts";
import { DeadlineError } from "./errors.ts";

/** What work can listen to for its end: an `AbortSignal`, or a `Deadline` that has not made one. */
export interface AbortSource {
  readonly aborted: boolean;
  readonly reason: unknown;
  addEventListener(type: "abort", listener: () => void, options?: { readonly once: true }): void;
  removeEventListener(type: "abort", listener: () => void): void;
}

/** The end of work, for who does the work: it can be heard and asked for, not moved. */
export interface WorkDeadline extends AbortSource {
  /** The same as a signal, made when it is first asked for. */
  readonly signal: AbortSignal;
  /** Milliseconds until its time is over; 0 afterwards. */
  readonly timeLeft: number;
}

export interface DeadlineOptions {
  readonly clock: Clock;
  /** `Infinity` = none: only the parent ends it. */
  readonly milliseconds: number;
  /** For the error's message: what is late then. A function where the words cost something. */
  readonly what: string | (() => string);
  readonly parent?: AbortSource | undefined;
}

/**
 * The end of some work: with its parent, or when a time is over. Dispose of it when the work is done. Its reason is a
 * `DeadlineError`, or the parent's reason.
 *
 * It costs nothing until somebody listens: an `AbortSignal`, with the timer and the listener behind it, takes longer to
 * make than a small reconcile.
 *
 * @example
 * using deadline = startDeadline({ clock, milliseconds: 5_000, what: "GET /version", parent: signal });
 * await fetchVersion(deadline.signal);
 */
export class Deadline implements WorkDeadline, Disposable {
  readonly #options: DeadlineOptions;
  readonly #expires: number;
  readonly #listeners: (() => void)[] = [];
  /** Those that have no timer, because this one ends sooner. */
  #led: Set<Deadline> | undefined;
  #end: { readonly reason: unknown } | undefined;
  #timer: Timer | undefined;
  #armed = false;
  #done = false;
  #controller: AbortController | undefined;

  constructor(options: DeadlineOptions) {
    this.#options = options;
    this.#expires = options.clock.now() + options.milliseconds;
  }

  get aborted(): boolean {
    const { clock, parent } = this.#options;
    if (this.#done) return this.#end !== undefined;
    if (this.#end === undefined && parent?.aborted) this.#abort(parent.reason);
    if (this.#end === undefined && clock.now() >= this.#expires) this.#expire();
    return this.#end !== undefined;
  }

  get reason(): unknown {
    return this.aborted ? this.#end?.reason : undefined;
  }

  /** Milliseconds until its time is over; 0 afterwards. */
  get timeLeft(): number {
    return Math.max(0, this.#expires - this.#options.clock.now());
  }

  /** The same as a signal, made when it is first asked for. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      const controller = new AbortController();
      this.#controller = controller;
      if (this.aborted) controller.abort(this.reason);
      else this.addEventListener("abort", () => controller.abort(this.reason));
    }
    return this.#controller.signal;
  }

  /** Each listener is called once; not at all when the end has come already: ask `aborted` first. */
  addEventListener(_type: "abort", listener: () => void): void {
    if (this.#done) return;
    this.#listeners.push(listener);
    if (this.#armed) return;
    this.#armed = true;
    const { parent } = this.#options;
    if (parent instanceof AbortSignal) followersOf(parent).add(this);
    else parent?.addEventListener("abort", this.#onParent);
    // A parent that ends sooner is timer enough, for as long as it may end at all.
    if (!(parent instanceof Deadline && parent.#lead(this))) this.#startTimer();
  }

  removeEventListener(_type: "abort", listener: () => void): void {
    const at = this.#listeners.indexOf(listener);
    if (at >= 0) this.#listeners.splice(at, 1);
    if (this.#listeners.length === 0) this.#disarm();
  }

  /** The work is done: nothing ends it any more. */
  [Symbol.dispose](): void {
    this.#done = true;
    this.#listeners.length = 0;
    this.#disarm();
    for (const child of this.#led ?? []) child.#startTimer();
    this.#led = undefined;
  }

  /** Takes over a child's time, if this one ends sooner and can still end. */
  #lead(child: Deadline): boolean {
    if (this.#done || this.#expires > child.#expires) return false;
    this.#led ??= new Set();
    this.#led.add(child);
    return true;
  }

  #startTimer(): void {
    const { clock, milliseconds } = this.#options;
    if (Number.isFinite(milliseconds)) this.#timer = clock.after(this.#expires - clock.now(), this.#expire);
  }

  /** Ends it now, for this reason; nothing where it has ended, or the work is done. */
  end(reason: unknown): void {
    if (!this.#done) this.#abort(reason);
  }

  readonly #onParent = () => this.end(this.#options.parent?.reason);

  readonly #expire = () => {
    const { what, milliseconds } = this.#options;
    this.#abort(new DeadlineError(typeof what === "string" ? what : what(), milliseconds));
  };

  #abort(reason: unknown): void {
    if (this.#end !== undefined) return;
    this.#end = { reason };
    this.#disarm();
    for (const listener of this.#listeners.splice(0)) listener();
  }

  #disarm(): void {
    if (!this.#armed) return;
    this.#armed = false;
    this.#timer?.cancel();
    this.#timer = undefined;
    const { parent } = this.#options;
    if (parent instanceof Deadline) parent.#led?.delete(this);
    if (parent instanceof AbortSignal) followersOf(parent).delete(this);
    else parent?.removeEventListener("abort", this.#onParent);
  }
}

/**
 * The deadlines that end with one signal. It has one listener for all of them: adding and removing one for each call
 * takes longer than a small call's own work.
 */
class Followers {
  readonly #signal: AbortSignal;
  readonly #deadlines = new Set<Deadline>();

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  add(deadline: Deadline): void {
    if (this.#deadlines.size === 0) this.#signal.addEventListener("abort", this.#onAbort, { once: true });
    this.#deadlines.add(deadline);
  }

  delete(deadline: Deadline): void {
    if (this.#deadlines.delete(deadline) && this.#deadlines.size === 0) {
      this.#signal.removeEventListener("abort", this.#onAbort);
    }
  }

  readonly #onAbort = () => {
    // Each takes itself out.
    for (const deadline of [...this.#deadlines]) deadline.end(this.#signal.reason);
  };
}

const followers = new WeakMap<AbortSignal, Followers>();

const followersOf = (signal: AbortSignal): Followers => {
  let found = followers.get(signal);
  if (found === undefined) {
    found = new Followers(signal);
    followers.set(signal, found);
  }
  return found;
};

/** Starts a deadline. */
export const startDeadline = (options: DeadlineOptions): Deadline => new Deadline(options);
