import type { Socket } from "node:net";
import type { ResponseHead } from "./response-head.ts";
import { ResponseParser } from "./response-parser.ts";

/** One request and what becomes of it: `onHead`, `onBody`..., and then just one of `onEnd` and `onError`. */
export interface Exchange {
  onHead(head: ResponseHead): void;
  onBody(piece: Buffer): void;
  onEnd(): void;
  /** No whole answer. `sent`: whether the request may have reached the server. */
  onError(cause: Error, sent: boolean): void;
}

export interface ConnectionObserver {
  /** The answer is whole, and the connection free for another request. */
  onFree(connection: Connection): void;
  /** Called once, when it is closed: it cannot be used any more. */
  onGone(connection: Connection): void;
}

/**
 * An established connection, and the exchange that is on it: one at a time. A connection on which anything went wrong
 * is closed, never used again: whose bytes come next would be unsure.
 */
export class Connection {
  readonly #socket: Socket;
  readonly #observer: ConnectionObserver;
  readonly #parser: ResponseParser;
  #exchange: Exchange | undefined;
  #isGone = false;
  #keepAlive = Number.POSITIVE_INFINITY;
  /** For the pool, of an idle connection: milliseconds of `performance.now()` from which on it is too old. */
  expires = 0;

  constructor(socket: Socket, observer: ConnectionObserver) {
    this.#socket = socket;
    this.#observer = observer;
    this.#parser = new ResponseParser({
      onHead: (head) => {
        this.#keepAlive = head.keepAlive;
        this.#exchange?.onHead(head);
      },
      onBody: (piece) => this.#exchange?.onBody(piece),
      onEnd: (isFollowed) => this.#onEnd(isFollowed),
    });
    socket.on("data", this.#onData);
    socket.on("end", () => {
      this.#parser.end();
      // Not sooner than "close" otherwise, and until then a request could be given to it.
      if (this.#exchange === undefined) this.#close();
    });
    socket.on("error", (error) => this.destroy(error));
    socket.on("close", () => this.destroy(new Error("the server closed the connection before its answer was whole")));
  }

  /** Milliseconds for which the server keeps the connection after the last answer; `Infinity` = not said. */
  get keepAlive(): number {
    return this.#keepAlive;
  }

  /** Whether a request can be given to it: the server has not begun to close it. */
  get isUsable(): boolean {
    return !this.#isGone && this.#socket.writable && !this.#socket.readableEnded;
  }

  /** Whether the process stays up for it: for a request it does, for an idle connection it does not. */
  hold(isHeld: boolean): void {
    if (isHeld) this.#socket.ref();
    else this.#socket.unref();
  }

  /** Sends a request; `bytes` is the whole of it. The connection must be free. */
  send(exchange: Exchange, bytes: string): void {
    this.#exchange = exchange;
    this.#parser.reset();
    this.#socket.write(bytes, "utf8");
  }

  /** Closes it at once. The exchange that is on it, if any, fails with `cause`. */
  destroy(cause: Error): void {
    const exchange = this.#exchange;
    this.#exchange = undefined;
    this.#close();
    exchange?.onError(cause, true);
  }

  readonly #onData = (piece: Buffer) => {
    try {
      this.#parser.push(piece);
    } catch (error) {
      this.destroy(error instanceof Error ? error : new Error(String(error)));
    }
  };

  #onEnd(isFollowed: boolean): void {
    const exchange = this.#exchange;
    this.#exchange = undefined;
    // A server that answers before it has the whole request reads what is left of it as the next one, or not at all.
    if (isFollowed || this.#keepAlive === 0 || this.#socket.writableLength > 0) this.#close();
    else this.#observer.onFree(this);
    exchange?.onEnd();
  }

  #close(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#parser.stop();
    this.#socket.destroy();
    this.#observer.onGone(this);
  }
}
