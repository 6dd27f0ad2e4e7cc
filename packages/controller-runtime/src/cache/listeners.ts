import type { Change } from "./store.ts";

/** Is called for each change, in order. One that throws is logged, and changes nothing for the others. */
export type ChangeHandler<T> = (change: Change<T>) => void;

interface Delivery<T> {
  readonly changes: readonly Change<T>[];
  /** Those that were there when the changes happened: who came later has found their outcome in the store. */
  readonly handlers: readonly ChangeHandler<T>[];
}

/** Hands changes to handlers: to each all of them, in the order in which they happened. */
export class Listeners<T> {
  readonly #onError: (error: unknown) => void;
  /** Replaced, never changed: a delivery keeps the ones of its time. */
  #handlers: readonly ChangeHandler<T>[] = [];
  readonly #waiting: Delivery<T>[] = [];
  #delivering = false;

  /** `onError` is told of what a handler throws. */
  constructor(onError: (error: unknown) => void) {
    this.#onError = onError;
  }

  /** Calls `handler` for `present`, as added, and for each change from now on; returns a function that ends it. */
  add(handler: ChangeHandler<T>, present: Iterable<T>): () => void {
    this.#handlers = [...this.#handlers, handler];
    for (const object of present) this.#call(handler, { type: "added", object, origin: "initial" });
    return () => {
      this.#handlers = this.#handlers.filter((other) => other !== handler);
    };
  }

  /** Hands out changes that have happened together. What a handler causes in turn comes after what it was called for. */
  emit(changes: readonly Change<T>[]): void {
    if (changes.length === 0 || this.#handlers.length === 0) return;
    this.#waiting.push({ changes, handlers: this.#handlers });
    if (this.#delivering) return;
    this.#delivering = true;
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) this.#deliver(next);
    this.#delivering = false;
  }

  #deliver({ changes, handlers }: Delivery<T>): void {
    for (const change of changes) {
      for (const handler of handlers) if (this.#handlers.includes(handler)) this.#call(handler, change);
    }
  }

  #call(handler: ChangeHandler<T>, change: Change<T>): void {
    try {
      handler(change);
    } catch (error) {
      this.#onError(error);
    }
  }
}
