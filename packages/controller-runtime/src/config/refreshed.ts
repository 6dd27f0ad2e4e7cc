import type { Clock } from "../clock.ts";

/** A value and how long it holds. */
export interface Loaded<T> {
  readonly value: T;
  /** Whether the value may be used without loading it again. */
  isFresh(): boolean;
}

/** Loads a value. Gets what is held now, so that it can keep that where the source is broken for a moment. */
export type Load<T> = (current: T | undefined) => Promise<Loaded<T>>;

export interface RefreshedOptions<T> {
  readonly load: Load<T>;
  readonly clock: Clock;
  /**
   * Milliseconds between the end of a load and the next one; in between, `get` and `reload` give the value, or the
   * error, that the last load gave. Default 0. Set it where a load is dear: a server that refuses each credential
   * would otherwise have an exec plugin run for each request.
   */
  readonly minInterval?: number;
}

/** A value that goes stale. However many ask for it, one load is under way at a time, and all get its outcome. */
export class Refreshed<T> {
  readonly #load: Load<T>;
  readonly #clock: Clock;
  readonly #minInterval: number;
  #current: Loaded<T>;
  #loadedAt: number;
  #failure: { readonly error: unknown } | undefined;
  #flight: Promise<T> | undefined;

  private constructor(first: Loaded<T>, options: RefreshedOptions<T>) {
    this.#current = first;
    this.#load = options.load;
    this.#clock = options.clock;
    this.#minInterval = options.minInterval ?? 0;
    this.#loadedAt = options.clock.now();
  }

  /** Loads the first value. @throws what `load` throws. */
  static async start<T>(options: RefreshedOptions<T>): Promise<Refreshed<T>> {
    return new Refreshed(await options.load(undefined), options);
  }

  /** The value as last loaded, fresh or not. */
  get value(): T {
    return this.#current.value;
  }

  isFresh(): boolean {
    return this.#current.isFresh();
  }

  /** The value, loaded again first where it is stale. */
  async get(): Promise<T> {
    return this.isFresh() ? this.value : this.reload();
  }

  /** Loads the value again, fresh or not, and returns it. */
  reload(): Promise<T> {
    this.#flight ??= this.#fly().finally(() => {
      this.#flight = undefined;
    });
    return this.#flight;
  }

  async #fly(): Promise<T> {
    if (this.#clock.now() < this.#loadedAt + this.#minInterval) {
      if (this.#failure !== undefined) throw this.#failure.error;
      return this.value;
    }
    try {
      this.#current = await this.#load(this.value);
      this.#failure = undefined;
      return this.value;
    } catch (error) {
      this.#failure = { error };
      throw error;
    } finally {
      this.#loadedAt = this.#clock.now();
    }
  }
}
