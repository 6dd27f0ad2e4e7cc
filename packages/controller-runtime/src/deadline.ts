import type { Clock, Timer } from "./clock.ts";
import { DeadlineError } from "./errors.ts";

/** What work can listen to for its end: an `AbortSignal`, or a `Deadline` that has not made one. */
export interface AbortSource {
  readonly aborted: boolean;
  readonly reason: unknown;
  addEventListener(type: "abort", listener: () => void, options?: { readonly once: true }): void;
  removeEventListener(type: "abort", listener: () => void): void;
}

export interface DeadlineOptions {
  readonly clock: Clock;
  /** `Infinity` = none: only the parent ends it. */
  readonly milliseconds: number;
  /** For the error's message: what is late then. */
  readonly what: string;
  readonly parent?: AbortSignal | undefined;
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
export class Deadline implements AbortSource, Disposable {
  readonly #options: DeadlineOptions;
  readonly #expires: number;
  readonly #listeners: (() => void)[] = [];
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
    this.#listeners.push(listener);
    if (this.#armed) return;
    this.#armed = true;
    const { clock, milliseconds, parent } = this.#options;
    parent?.addEventListener("abort", this.#onParent, { once: true });
    if (Number.isFinite(milliseconds)) this.#timer = clock.after(this.#expires - clock.now(), this.#expire);
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
  }

  readonly #onParent = () => this.#abort(this.#options.parent?.reason);

  readonly #expire = () => this.#abort(new DeadlineError(this.#options.what, this.#options.milliseconds));

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
    this.#options.parent?.removeEventListener("abort", this.#onParent);
  }
}

/** Starts a deadline. */
export const startDeadline = (options: DeadlineOptions): Deadline => new Deadline(options);
