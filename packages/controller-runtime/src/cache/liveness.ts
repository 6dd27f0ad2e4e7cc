import type { Clock, Timer } from "../clock.ts";

/** A watch gave no sign of life. TCP does not notice: a vanished peer, or a firewall that forgot the connection. */
export class SilentError extends Error {
  constructor(milliseconds: number) {
    super(`no sign of life for ${milliseconds / 1000} s`);
    this.name = "SilentError";
  }
}

export interface LivenessOptions {
  readonly clock: Clock;
  /** Milliseconds without `touch()` after which the signal aborts. */
  readonly silence: number;
  readonly parent: AbortSignal;
}

/** A signal that aborts with its parent, or when nothing has been heard for too long. */
export class Liveness implements Disposable {
  readonly #options: LivenessOptions;
  readonly #controller = new AbortController();
  #heard: number;
  #timer: Timer;

  constructor(options: LivenessOptions) {
    this.#options = options;
    this.#heard = options.clock.now();
    this.#timer = options.clock.after(options.silence, this.#check);
    if (options.parent.aborted) this.#onAbort();
    else options.parent.addEventListener("abort", this.#onAbort, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Something was heard. Cheap: it moves no timer. */
  touch(): void {
    this.#heard = this.#options.clock.now();
  }

  [Symbol.dispose](): void {
    this.#timer.cancel();
    this.#options.parent.removeEventListener("abort", this.#onAbort);
  }

  readonly #onAbort = () => this.#controller.abort(this.#options.parent.reason);

  readonly #check = () => {
    const { clock, silence } = this.#options;
    const left = this.#heard + silence - clock.now();
    if (left <= 0) this.#controller.abort(new SilentError(silence));
    else this.#timer = clock.after(left, this.#check);
  };
}
