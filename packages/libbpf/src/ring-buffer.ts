import { setImmediate } from "node:timers/promises";
import { Resource } from "./handles.ts";
import type { BpfMap } from "./map.ts";
import { RingMemory } from "./ring-memory.ts";
import { Waiter } from "./wake.ts";

/** Records that one read takes at most; then everything else has its turn. */
const AT_ONCE = 1024;

/**
 * Reads what programs write into a map of type `ringbuf` (Linux 5.8). One reader a map: what it takes is gone.
 *
 * @example
 * using ring = new RingBuffer(object.map("events"));
 * for await (const record of ring.records(signal)) handle(record);
 */
export class RingBuffer implements Disposable {
  readonly #resource: Resource;
  readonly #map: BpfMap;
  readonly #memory: RingMemory;
  readonly #waiter: Waiter;

  constructor(map: BpfMap) {
    if (map.type !== "ringbuf") throw new TypeError(`${map.name} is a ${map.type}, not a ringbuf`);
    // Its own descriptor: a thread may still wait for it when the object that it came from is closed.
    this.#map = map.clone();
    this.#memory = new RingMemory(this.#map.fd, map.maxEntries);
    this.#waiter = new Waiter(this.#map.fd);
    this.#resource = new Resource("ring buffer", map.name, () => this.#release());
  }

  /** The records that are there now, in the order in which they were reserved; at most `limit`, default 1024. */
  read(limit: number = AT_ONCE): Buffer[] {
    this.#resource.assertOpen();
    return this.#memory.take(limit);
  }

  /** All records, now and later, until the signal aborts or the ring buffer is closed. Holds a thread of the pool. */
  async *records(signal?: AbortSignal): AsyncGenerator<Buffer, void> {
    const stop = (): void => this.#waiter.interrupt();
    signal?.addEventListener("abort", stop, { once: true });
    try {
      while (signal?.aborted !== true && !this.#resource.closed) {
        const records = this.read();
        yield* records;
        if (records.length === 0) await this.#waiter.wait();
        else await setImmediate();
      }
    } finally {
      signal?.removeEventListener("abort", stop);
    }
  }

  /** Ends all {@link records}. Harmless when it is closed. */
  [Symbol.dispose](): void {
    this.#resource[Symbol.dispose]();
  }

  #release(): void {
    this.#memory.unmap();
    this.#waiter.close(() => this.#map[Symbol.dispose]());
  }
}
