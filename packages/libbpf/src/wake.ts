import { closeSync, readSync, writeSync } from "node:fs";
import { BpfError } from "./errors.ts";
import { lastErrno, native } from "./native.ts";

const EFD_CLOEXEC_NONBLOCK = 0o2004000;
const POLLIN = 1;

/**
 * Waits until a descriptor is readable, on a thread of Node's pool: Node itself waits only for sockets, pipes and
 * terminals.
 */
export class Waiter {
  /** An eventfd that the thread looks at too. */
  readonly #interrupt: number;
  // struct pollfd { int fd; short events, revents; } of both.
  readonly #fds = Buffer.alloc(16);
  #waiting: Promise<void> | undefined;
  #closed = false;
  #release: (() => void) | undefined;

  constructor(fd: number) {
    this.#interrupt = native().libc.eventfd(0, EFD_CLOEXEC_NONBLOCK);
    if (this.#interrupt < 0) throw new BpfError({ operation: "make eventfd", errno: lastErrno() });
    this.#fds.writeInt32LE(fd, 0);
    this.#fds.writeInt16LE(POLLIN, 4);
    this.#fds.writeInt32LE(this.#interrupt, 8);
    this.#fds.writeInt16LE(POLLIN, 12);
  }

  /** Until there is something to read, it is interrupted or closed. All who wait share one thread. */
  async wait(): Promise<void> {
    if (this.#closed) return;
    this.#waiting ??= new Promise<void>((resolve) => {
      native().poll.async(this.#fds, 2, -1, () => {
        this.#waiting = undefined;
        if (this.#release !== undefined) this.#end(this.#release);
        else if (this.#fds.readInt16LE(14) !== 0) readSync(this.#interrupt, Buffer.alloc(8));
        resolve();
      });
    });
    await this.#waiting;
  }

  /** Ends the wait of all who wait; without any, the next one. */
  interrupt(): void {
    if (!this.#closed) writeSync(this.#interrupt, Buffer.from([1, 0, 0, 0, 0, 0, 0, 0]));
  }

  /** Ends the wait; `release` is called when no thread looks at the descriptors any more: their numbers may be reused. */
  close(release: () => void): void {
    if (this.#waiting === undefined) {
      this.#end(release);
      return;
    }
    this.#release = release;
    this.interrupt();
    this.#closed = true;
  }

  #end(release: () => void): void {
    this.#closed = true;
    closeSync(this.#interrupt);
    release();
  }
}
