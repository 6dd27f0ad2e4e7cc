import type { Clock, Logger } from "@pcmc/controller-runtime";

/** Milliseconds between two tries: the first, and the slow cap of the backoff. */
const FIRST = 1_000;
const CAP = 30_000;

/**
 * Whether the installed CustomResourceDefinition has the status subresource. That of an older controller may not: then every
 * status is answered with 404, while all else can be seen to. It is told once, and waited for: whoever comes first after
 * a pause tries, and the statuses of all others wait with it.
 */
export class StatusSubresource {
  readonly #clock: Clock;
  readonly #crd: string;
  #missing: { readonly since: number; readonly nextTry: number } | undefined;

  /** @param crd the definition's name, for messages. */
  constructor(clock: Clock, crd: string) {
    this.#clock = clock;
    this.#crd = crd;
  }

  /** Milliseconds for which there is no use in writing a status; 0 = try. */
  get pause(): number {
    return this.#missing === undefined ? 0 : Math.max(0, this.#missing.nextTry - this.#clock.now());
  }

  /**
   * An object is there, and its status is not.
   *
   * @returns milliseconds to wait: as long as it has been missing already, from a second up to the slow cap.
   */
  onMissing(log: Logger): number {
    const now = this.#clock.now();
    if (this.#missing === undefined) {
      log.warning(
        `the installed CRD ${this.#crd} has no status subresource: apply crd/; all else goes on, statuses wait for it`,
      );
    }
    const since = this.#missing?.since ?? now;
    const wait = Math.min(Math.max(now - since, FIRST), CAP);
    this.#missing = { since, nextTry: now + wait };
    return wait;
  }

  /** A status was written. */
  onFound(log: Logger): void {
    if (this.#missing === undefined) return;
    this.#missing = undefined;
    log.info(`the installed CRD ${this.#crd} has the status subresource now: statuses are written`);
  }
}
