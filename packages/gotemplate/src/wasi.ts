/** Thrown out of the instance when Go ends it, which it does when it cannot go on. */
export class Exited extends Error {
  constructor() {
    super("the instance ended itself");
  }
}

type Functions = Readonly<Record<string, (...args: never[]) => number>>;

// Of WASI's error numbers.
const SUCCESS = 0;
const BAD_DESCRIPTOR = 8;

/** WASI's number of the clock. */
const MONOTONIC = 1;

/** Longest message that is kept, in bytes: of a crash, the first line says what it was. */
const SAID = 4_096;

/**
 * What Go asks of WASI, and no more: no files, no arguments, no environment, nothing random, and a wall clock that stands.
 * Its runtime does measure its own work, so the monotonic clock runs; no template can read it.
 */
export class Wasi {
  readonly functions: Functions;
  /** What Go wrote to its standard output and error. */
  said = "";
  readonly #memory: () => ArrayBuffer;

  constructor(memory: () => ArrayBuffer) {
    this.#memory = memory;
    const known: Functions = {
      args_get: () => SUCCESS,
      args_sizes_get: (count: number, size: number) => this.#nothing(count, size),
      environ_get: () => SUCCESS,
      environ_sizes_get: (count: number, size: number) => this.#nothing(count, size),
      sched_yield: () => SUCCESS,
      clock_time_get: (clock: number, _precision: bigint, result: number) => this.#time(clock, result),
      random_get: (start: number, length: number) => this.#random(start, length),
      fd_write: (_file: number, parts: number, count: number, written: number) => this.#write(parts, count, written),
      proc_exit: () => {
        throw new Exited();
      },
    };
    // Whatever else there is works on files and sockets.
    this.functions = new Proxy(known, {
      get: (functions, name) => (typeof name === "string" ? functions[name] : undefined) ?? (() => BAD_DESCRIPTOR),
    });
  }

  get #view(): DataView {
    return new DataView(this.#memory());
  }

  #nothing(count: number, size: number): number {
    this.#view.setUint32(count, 0, true);
    this.#view.setUint32(size, 0, true);
    return SUCCESS;
  }

  #time(clock: number, result: number): number {
    this.#view.setBigUint64(result, clock === MONOTONIC ? process.hrtime.bigint() : 0n, true);
    return SUCCESS;
  }

  #random(start: number, length: number): number {
    new Uint8Array(this.#memory(), start, length).fill(0);
    return SUCCESS;
  }

  #write(parts: number, count: number, written: number): number {
    let total = 0;
    for (let part = parts; part < parts + 8 * count; part += 8) {
      const length = this.#view.getUint32(part + 4, true);
      const room = SAID - this.said.length;
      if (room > 0) this.said += Buffer.from(this.#memory(), this.#view.getUint32(part, true), Math.min(length, room));
      total += length;
    }
    this.#view.setUint32(written, total, true);
    return SUCCESS;
  }
}
