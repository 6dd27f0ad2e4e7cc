import { type Linked, LinkedList } from "./linked-list.ts";

class Waiter<T> implements Linked<Waiter<T>> {
  readonly resolve: (value: T | undefined) => void;
  stopListening: () => void = () => {};
  prev: Waiter<T> | undefined = undefined;
  next: Waiter<T> | undefined = undefined;

  constructor(resolve: (value: T | undefined) => void) {
    this.resolve = resolve;
  }
}

/** Callers that wait for a value, served in the order in which they came. None is ever rejected. */
export class Waiters<T> {
  readonly #line = new LinkedList<Waiter<T>>();

  get size(): number {
    return this.#line.size;
  }

  /** Resolves with a served value, or with undefined at `dismiss` or when `signal` aborts. */
  wait(signal: AbortSignal | undefined): Promise<T | undefined> {
    if (signal?.aborted) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const waiter = new Waiter<T>(resolve);
      this.#line.push(waiter);
      if (signal === undefined) return;
      const leave = () => {
        this.#line.remove(waiter);
        resolve(undefined);
      };
      signal.addEventListener("abort", leave, { once: true });
      waiter.stopListening = () => signal.removeEventListener("abort", leave);
    });
  }

  /** Gives `value` to who has waited longest. */
  serve(value: T | undefined): void {
    const waiter = this.#line.shift();
    waiter?.stopListening();
    waiter?.resolve(value);
  }

  /** Sends all away empty-handed. */
  dismiss(): void {
    while (this.#line.size > 0) this.serve(undefined);
  }
}
