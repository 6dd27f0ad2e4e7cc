import type { Clock } from "./clock.ts";
import { DeadlineError } from "./errors.ts";

/** A signal that aborts with its parent or when a time is over; dispose of it when the work is done. */
export interface Deadline extends Disposable {
  readonly signal: AbortSignal;
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
 * Starts a deadline. The signal's reason is a `DeadlineError`, or the parent's reason.
 *
 * @example
 * using deadline = startDeadline({ clock, milliseconds: 5_000, what: "GET /version", parent: signal });
 * await fetchVersion(deadline.signal);
 */
export const startDeadline = ({ clock, milliseconds, what, parent }: DeadlineOptions): Deadline => {
  const controller = new AbortController();
  const onAbort = () => controller.abort(parent?.reason);
  if (parent?.aborted) onAbort();
  else parent?.addEventListener("abort", onAbort, { once: true });
  const expire = () => controller.abort(new DeadlineError(what, milliseconds));
  const timer = Number.isFinite(milliseconds) ? clock.after(milliseconds, expire) : undefined;
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      timer?.cancel();
      parent?.removeEventListener("abort", onAbort);
    },
  };
};
