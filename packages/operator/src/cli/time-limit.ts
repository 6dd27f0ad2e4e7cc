import { formatDuration } from "../settings/duration.ts";

/** Part of the time that is kept for the output. */
const RESERVE = 0.1;

/** A time limit of a command, counted from the start of the process. */
export class TimeLimit implements Disposable {
  readonly #abort = new AbortController();
  readonly #timer: NodeJS.Timeout;
  /** Milliseconds left when it was made. */
  readonly left: number;

  /** `timeout`: milliseconds for the whole command, of which `uptime` are gone. */
  constructor(timeout: number, uptime: number) {
    this.left = Math.max(timeout * (1 - RESERVE) - uptime, 1);
    const limit = formatDuration(BigInt(Math.round(timeout)) * 1_000_000n);
    const onEnd = () =>
      this.#abort.abort(new Error(`not done within ${limit}: mend what takes so long, or raise --timeout`));
    this.#timer = setTimeout(onEnd, this.left);
  }

  /** Aborts when the time is up, with an error that says so. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}
