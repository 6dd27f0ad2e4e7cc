import type { Clock, Timer } from "../clock.ts";
import { describe, TerminalError } from "../errors.ts";

/**
 * The Lease is not, or no longer, ours: nothing may be written. Trying again does not mend it; what is to be done is done
 * by whoever leads now.
 */
export class NotLeadingError extends TerminalError {
  constructor(message: string, options: ErrorOptions = {}) {
    super(message, { ...options, type: "not_leading" });
    this.name = "NotLeadingError";
  }
}

/** A time during which the Lease is ours, and nobody else's. */
export interface Term {
  /**
   * Aborts, with a `NotLeadingError`, before the Lease can be another's. Hand it to each write, so that one under way ends
   * with the term.
   */
  readonly signal: AbortSignal;
  /**
   * Call it right before each write. It looks at the clock, and so also holds back a process that was stopped and goes on
   * before its timers do.
   *
   * @throws NotLeadingError when the term is over; `signal` has aborted then.
   */
  assertHeld(): void;
}

export interface HeldTermOptions {
  readonly clock: Clock;
  /** Milliseconds. */
  readonly renewDeadline: number;
  /** When the request that got the Lease began, by `clock`. */
  readonly start: number;
  /** `namespace/name`, for messages. */
  readonly lease: string;
}

/**
 * A term as the elector sees it: it lasts until `renewDeadline` after the *beginning* of the last renewal that worked.
 * Others count the longer lease duration from when they saw that renewal, which was later; so the end comes here first,
 * unless their clocks run faster than ours by more than the ratio of the two.
 */
export class HeldTerm implements Term {
  readonly #options: HeldTermOptions;
  readonly #controller = new AbortController();
  #deadline: number;
  #timer: Timer;
  #failure: unknown;

  constructor(options: HeldTermOptions) {
    this.#options = options;
    this.#deadline = options.start + options.renewDeadline;
    this.#timer = options.clock.after(this.left, this.#check);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Whether it goes on, by the clock of now. */
  get held(): boolean {
    return !this.signal.aborted && this.left > 0;
  }

  /** Milliseconds until it ends, if nothing renews it. */
  get left(): number {
    return this.#deadline - this.#options.clock.now();
  }

  assertHeld(): void {
    if (this.held) return;
    this.#expire();
    throw this.signal.reason;
  }

  /** A renewal worked that began at `start`. One whose answer comes after the end changes nothing. */
  renewed(start: number): void {
    if (!this.held) return;
    this.#deadline = Math.max(this.#deadline, start + this.#options.renewDeadline);
    this.#failure = undefined;
  }

  /** A renewal failed, for the message if the term ends by that. */
  failed(error: unknown): void {
    this.#failure = error;
  }

  /** Ends it. Again: nothing. */
  end(reason: NotLeadingError): void {
    this.#timer.cancel();
    this.#controller.abort(reason);
  }

  readonly #check = () => {
    if (this.left <= 0) this.#expire();
    else this.#timer = this.#options.clock.after(this.left, this.#check);
  };

  #expire(): void {
    const { lease, renewDeadline } = this.#options;
    const message = `lease ${lease} was not renewed within ${renewDeadline / 1_000} s`;
    const last = this.#failure;
    const error =
      last === undefined
        ? new NotLeadingError(message)
        : new NotLeadingError(`${message} (last: ${describe(last)})`, { cause: last });
    this.end(error);
  }
}
