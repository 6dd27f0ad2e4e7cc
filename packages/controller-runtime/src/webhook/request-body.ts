import type { IncomingMessage } from "node:http";

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

/** What is held of bodies that are on their way, all together. */
export class BodyBudget {
  readonly #limits: { readonly body: number; readonly all: number };
  #held = 0;

  /** In bytes: of one body, and of all at a time. */
  constructor(limits: { readonly body: number; readonly all: number }) {
    this.#limits = limits;
  }

  /**
   * Reads a body to its end.
   *
   * @throws HttpRefusal 413 when it is too large, 429 when all together are; the stream's error when the client goes.
   */
  async read(request: IncomingMessage): Promise<Buffer> {
    const announced = Number(request.headers["content-length"] ?? 0);
    if (announced > this.#limits.body) throw this.#tooLarge();
    const chunks: Buffer[] = [];
    let length = 0;
    try {
      // Destroyed, it would take the answer with it.
      for await (const chunk of request.iterator({ destroyOnReturn: false })) {
        if (!Buffer.isBuffer(chunk)) continue;
        length += chunk.length;
        this.#held += chunk.length;
        if (length > this.#limits.body) throw this.#tooLarge();
        if (this.#held > this.#limits.all) throw busy("too many bytes are being received");
        chunks.push(chunk);
      }
      return Buffer.concat(chunks);
    } finally {
      this.#held -= length;
    }
  }

  #tooLarge(): HttpRefusal {
    return new HttpRefusal(413, `a review has to be no larger than ${this.#limits.body} bytes`, {
      connection: "close",
    });
  }
}

/** Later. The API server waits as long as it is told, and tries again within the webhook's timeout. */
export const busy = (message: string): HttpRefusal => new HttpRefusal(429, message, { "retry-after": "1" });
