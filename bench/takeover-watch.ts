import { createInterface } from "node:readline";
import type { Cluster } from "@pcmc/devcluster";
import { Agent, request } from "undici";

/** One event of a watch, and when it came (`performance.now()`). */
export interface Told<T> {
  readonly type: string;
  readonly object: T;
  readonly at: number;
}

/** A watch with all rights, over a connection of its own: first what there is, then each change. */
export class EventWatch implements AsyncDisposable {
  readonly #agent: Agent;
  readonly #reading: Promise<void>;
  #ended: unknown;
  #isOver = false;

  private constructor(agent: Agent, reading: Promise<void>) {
    this.#agent = agent;
    this.#reading = reading.then(
      () => this.#end("the server ended it"),
      (error: unknown) => this.#end(error),
    );
  }

  /** @param path - of a collection, with a query of its own where that is needed */
  static async open<T>(cluster: Cluster, path: string, onEvent: (event: Told<T>) => void): Promise<EventWatch> {
    const { caPem: ca, certPem: cert, keyPem: key } = cluster;
    const agent = new Agent({ connect: { ca, cert, key }, bodyTimeout: 0 });
    // An hour, so that the server does not choose a shorter time.
    const query = `${path.includes("?") ? "&" : "?"}watch=true&timeoutSeconds=3600`;
    const { statusCode, body } = await request(`${cluster.server}${path}${query}`, { dispatcher: agent });
    if (statusCode !== 200) throw new Error(`watch of ${path}: ${statusCode} ${await body.text()}`);
    const read = async () => {
      for await (const line of createInterface({ input: body })) {
        const { type, object } = JSON.parse(line) as Omit<Told<T>, "at">;
        onEvent({ type, object, at: performance.now() });
      }
    };
    return new EventWatch(agent, read());
  }

  /** @throws Error when it tells nothing any more: what is waited for may have been missed. */
  throwIfEnded(): void {
    if (this.#isOver) throw new Error("a watch of the benchmark ended", { cause: this.#ended });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent.destroy();
    await this.#reading;
  }

  #end(reason: unknown): void {
    this.#isOver = true;
    this.#ended = reason;
  }
}
