import type { AbortSource } from "../deadline.ts";

/**
 * `promise`, or the signal's reason as soon as that aborts. For work that takes no signal: it goes on, unheard.
 *
 * @throws what `promise` rejects with; the signal's reason.
 */
export const untilAborted = <T>(promise: Promise<T>, signal: AbortSource): Promise<T> =>
  new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
