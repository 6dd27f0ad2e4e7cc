import type { IncomingMessage } from "node:http";
import type { AbortSource } from "../deadline.ts";
import { DeadlineError } from "../errors.ts";

/** What a client has to be told instead of an answer: an HTTP status and one line. */
export class HttpRefusal extends Error {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.name = "HttpRefusal";
    this.status = status;
    this.headers = headers;
  }
}

/** A body that has come whole. It counts until it is disposed of. */
export interface Body extends Disposable {
  readonly bytes: Buffer;
}

/** A body of which a part has come. */
interface Reading {
  length: number;
  refuse(error: HttpRefusal): void;
}

/**
 * What is held of bodies, all together: of those on their way, and of those whose reviews are under way.
 *
 * Where that becomes too much, the largest of those on their way is given up, not the one that comes last: so whoever holds back
 * the ends of large bodies makes no small one be refused.
 */
export class BodyBudget {
  readonly #limits: { readonly body: number; readonly all: number };
  readonly #readings = new Set<Reading>();
  #held = 0;

  /** In bytes: of one body, and of all at a time. */
  constructor(limits: { readonly body: number; readonly all: number }) {
    this.#limits = limits;
  }

  /**
   * Reads a body to its end, or until `signal` aborts.
   *
   * @throws HttpRefusal 413 when it is too large, 429 when all together are, 408 when it has not come within the signal's
   * deadline; the signal's reason when that is another; the stream's error when the client goes.
   */
  async read(request: IncomingMessage, signal: AbortSource): Promise<Body> {
    const announced = Number(request.headers["content-length"] ?? 0);
    if (announced > this.#limits.body) throw this.#tooLarge();
    const { promise: refused, reject } = Promise.withResolvers<never>();
    const reading: Reading = { length: 0, refuse: reject };
    const onAbort = () => reject(late(signal.reason));
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
    this.#readings.add(reading);
    const collected = new Chunks(request, (size) => this.#take(reading, size));
    try {
      const bytes = await Promise.race([collected.all, refused]);
      return this.#whole(bytes, reading);
    } catch (error) {
      this.#held -= reading.length;
      throw error;
    } finally {
      collected.stop();
      this.#readings.delete(reading);
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** @throws HttpRefusal when this reading is the one that has to go. */
  #take(reading: Reading, size: number): void {
    reading.length += size;
    this.#held += size;
    if (reading.length > this.#limits.body) throw this.#tooLarge();
    if (this.#held <= this.#limits.all) return;
    let largest = reading;
    for (const other of this.#readings) if (other.length > largest.length) largest = other;
    this.#readings.delete(largest);
    this.#held -= largest.length;
    largest.length = 0;
    largest.refuse(busy("too many bytes are being received", { connection: "close" }));
  }

  #whole(bytes: Buffer, { length }: Reading): Body {
    let isHeld = true;
    return {
      bytes,
      [Symbol.dispose]: () => {
        if (isHeld) this.#held -= length;
        isHeld = false;
      },
    };
  }

  #tooLarge(): HttpRefusal {
    return new HttpRefusal(413, `a review has to be no larger than ${this.#limits.body} bytes`, {
      connection: "close",
    });
  }
}

/** The chunks of a request. Listened to, not iterated over: what waits for a chunk could not be ended. */
class Chunks {
  readonly all: Promise<Buffer>;
  readonly #request: IncomingMessage;
  readonly #chunks: Buffer[] = [];
  readonly #onChunk: (chunk: Buffer) => void;

  /** `onSize` hears of the size of each chunk before it is kept; what it throws ends the reading. */
  constructor(request: IncomingMessage, onSize: (size: number) => void) {
    this.#request = request;
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
    this.all = promise;
    // It may be given up before it fails, and then nobody waits for it.
    promise.catch(() => {});
    this.#onChunk = (chunk) => {
      try {
        onSize(chunk.length);
        this.#chunks.push(chunk);
      } catch (error) {
        this.stop();
        reject(error);
      }
    };
    request.on("data", this.#onChunk);
    request.once("end", () => resolve(Buffer.concat(this.#chunks)));
    request.once("error", reject);
    // It also closes in the end when all has come: an error with its stack is not made for nothing.
    request.once("close", () => {
      if (!request.complete) reject(new Error("the client has gone"));
    });
  }

  /** Takes no more, and forgets what has come. What still comes is passed over until the answer has left. */
  stop(): void {
    this.#request.off("data", this.#onChunk);
    if (!this.#request.readableEnded) this.#request.resume();
    this.#chunks.length = 0;
  }
}

/** The review's time is over: whoever sends so slowly is told, and is no API server. */
const late = (reason: unknown): unknown =>
  reason instanceof DeadlineError
    ? new HttpRefusal(408, "the review has not come whole within its time", { connection: "close" })
    : reason;

/** Later. The API server waits as long as it is told, and tries again within the webhook's timeout. */
export const busy = (message: string, headers: Readonly<Record<string, string>> = {}): HttpRefusal =>
  new HttpRefusal(429, message, { "retry-after": "1", ...headers });
