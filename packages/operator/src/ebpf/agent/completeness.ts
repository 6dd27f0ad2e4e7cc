import type { Clock, Timer } from "@pcmc/controller-runtime";

/** Milliseconds. A Pod that nests cgroups without end is no emergency, and a look costs some microseconds a Pod. */
const LOOK_AGAIN = 10_000;

export interface CompletenessOptions {
  /** UIDs of Pods of which something is left out now. */
  readonly incomplete: () => readonly string[];
  /** Has the Pod with this UID looked at again. */
  readonly enqueue: (uid: string) => void;
  readonly clock: Clock;
}

/**
 * Looks whether the kernel side had to leave something out: it can tell of nothing by itself. What is to be said of it, and
 * whether it can be mended, comes out when the Pod is looked at.
 */
export class Completeness implements Disposable {
  readonly #options: CompletenessOptions;
  #timer: Timer | undefined;

  constructor(options: CompletenessOptions) {
    this.#options = options;
    this.#schedule();
  }

  [Symbol.dispose](): void {
    this.#timer?.cancel();
  }

  #schedule(): void {
    const { incomplete, enqueue, clock } = this.#options;
    this.#timer = clock.after(LOOK_AGAIN, () => {
      for (const uid of incomplete()) enqueue(uid);
      this.#schedule();
    });
  }
}
