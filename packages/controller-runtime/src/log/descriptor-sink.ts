import { writeSync } from "node:fs";
import { type Clock, systemClock, type Timer } from "../clock.ts";
import type { LineSink } from "./logger.ts";

/** Milliseconds between tries while a pipe is full. */
const RETRY = 10;

/** Bytes that wait for a slow reader at the most; further lines are dropped and counted. */
const LIMIT = 1 << 20;

/** Milliseconds that the end of the process waits for a reader that takes nothing. */
const PATIENCE = 1_000;

export interface DescriptorSinkOptions {
  /** An open file descriptor. A pipe should be non-blocking: see `stderrSink`. */
  readonly descriptor: number;
  readonly clock?: Clock;
  /** Default 1 MiB. */
  readonly limit?: number;
  /** For tests: `fs.writeSync`. */
  readonly writeSync?: (descriptor: number, data: Buffer) => number;
  /** For tests: blocks the thread. */
  readonly pause?: (milliseconds: number) => void;
}

/**
 * Writes lines to a file descriptor before `write` returns, so that nothing is lost when the process ends by
 * `process.exit` or an uncaught error.
 *
 * A reader that is slow must not stop a controller that holds a lease: while the pipe is full, lines wait in memory, and
 * past `limit` they are dropped and counted. A reader that is gone (EPIPE) is not written to again.
 */
export class DescriptorSink implements LineSink {
  readonly #descriptor: number;
  readonly #clock: Clock;
  readonly #limit: number;
  readonly #writeSync: (descriptor: number, data: Buffer) => number;
  readonly #pause: (milliseconds: number) => void;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #dropped = 0;
  #retry: Timer | undefined;
  #isGone = false;
  readonly #onExit = () => this.flush();

  constructor(options: DescriptorSinkOptions) {
    this.#descriptor = options.descriptor;
    this.#clock = options.clock ?? systemClock;
    this.#limit = options.limit ?? LIMIT;
    this.#writeSync = options.writeSync ?? ((descriptor, data) => writeSync(descriptor, data));
    this.#pause = options.pause ?? block;
    process.on("exit", this.#onExit);
  }

  write(line: string): void {
    if (this.#isGone) return;
    const data = Buffer.from(line);
    if (this.#waitingBytes > 0 && this.#waitingBytes + data.length > this.#limit) {
      this.#dropped += 1;
      return;
    }
    this.#waiting.push(data);
    this.#waitingBytes += data.length;
    // A pipe that was full a moment ago is tried again by the timer, not at the price of a system call a line.
    if (this.#retry === undefined) this.#drain();
  }

  takeDropped(): number {
    if (this.#waitingBytes > this.#limit / 2) return 0;
    const dropped = this.#dropped;
    this.#dropped = 0;
    return dropped;
  }

  /** Writes what waits, blocking; gives up on a reader that takes nothing for a second. */
  flush(): void {
    let triesLeft = PATIENCE / RETRY;
    while (this.#waitingBytes > 0 && triesLeft > 0) {
      const before = this.#waitingBytes;
      this.#tryWrite();
      triesLeft = this.#waitingBytes < before ? PATIENCE / RETRY : triesLeft - 1;
      if (this.#waitingBytes > 0) this.#pause(RETRY);
    }
  }

  /** Flushes, and lets go of the process. Lines written later are dropped. */
  close(): void {
    this.flush();
    this.#isGone = true;
    this.#retry?.cancel();
    process.off("exit", this.#onExit);
  }

  #drain(): void {
    this.#retry = undefined;
    while (this.#waitingBytes > 0) {
      const before = this.#waitingBytes;
      this.#tryWrite();
      if (this.#waitingBytes < before) continue;
      this.#retry = this.#clock.after(RETRY, () => this.#drain());
      return;
    }
  }

  /** Writes as much as fits now. */
  #tryWrite(): void {
    const data = this.#waiting.length === 1 ? this.#waiting[0] : Buffer.concat(this.#waiting);
    if (data === undefined) return;
    try {
      const written = this.#writeSync(this.#descriptor, data);
      this.#keep(data.subarray(written));
    } catch (error) {
      const code = error instanceof Error && "code" in error ? error.code : undefined;
      if (code === "EAGAIN" || code === "EINTR") {
        this.#keep(data);
        return;
      }
      this.#isGone = code === "EPIPE" || code === "EBADF";
      // A full disk and the like: these lines are lost, later ones may fit again.
      this.#keep(data.subarray(data.length));
    }
  }

  #keep(rest: Buffer): void {
    this.#waiting = rest.length === 0 ? [] : [rest];
    this.#waitingBytes = rest.length;
  }
}

/** Standard error, as a sink. One a process. */
export const stderrSink = (options: Omit<DescriptorSinkOptions, "descriptor"> = {}): DescriptorSink => {
  // Opening the stream makes a pipe non-blocking; without it a reader that hangs would hang us within the system call.
  void process.stderr;
  return new DescriptorSink({ ...options, descriptor: 2 });
};

const block = (milliseconds: number): void => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
};
