import { availableParallelism } from "node:os";

/** How an engine runs. */
export interface EngineOptions {
  /** Most workers at a time. Default: the number of processors; more gain nothing. */
  readonly maxWorkers?: number | undefined;
  /** Workers that stay although they are idle. Default 1: some 40 MB, for which the next render need not wait. */
  readonly minWorkers?: number | undefined;
  /** Milliseconds after which an idle worker ends. Default 30,000. */
  readonly idleTimeout?: number | undefined;
  /**
   * Milliseconds that a compile or a render may run; waiting for a worker does not count. Default 1,000. Where one of
   * several templates takes all of it, the others get as much once more. Each try to render templates that take
   * long to parse gets up to twice as much on top, as its worker may have to parse them again.
   */
  readonly deadline?: number | undefined;
  /**
   * Bytes of memory of a worker's instance: Go's runtime, the compiled templates, the data and all that a render makes.
   * Default 64 MiB, at least 16 MiB.
   */
  readonly memoryLimit?: number | undefined;
  /** Bytes of all sources of one compile, in UTF-8. Default 1 MiB. */
  readonly maxSourceBytes?: number | undefined;
  /** Bytes of all that one render puts out, in UTF-8. Default 1 MiB. */
  readonly maxOutputBytes?: number | undefined;
  /** Bytes of the data of one render, as JSON. Default 4 MiB. */
  readonly maxDataBytes?: number | undefined;
  /** Where worker and module are, for bundlers that move files. Default: where this package has them. */
  readonly files?: { readonly worker: URL; readonly module: URL } | undefined;
}

/** The options with their defaults. */
export type Limits = Required<{ readonly [K in keyof Omit<EngineOptions, "files">]: number }>;

const MIB = 1_048_576;

/** @throws RangeError that names an option which is no number, or out of range. */
export const limitsOf = (options: EngineOptions): Limits => {
  const limits = {
    maxWorkers: options.maxWorkers ?? availableParallelism(),
    minWorkers: options.minWorkers ?? 1,
    idleTimeout: options.idleTimeout ?? 30_000,
    deadline: options.deadline ?? 1_000,
    memoryLimit: options.memoryLimit ?? 64 * MIB,
    maxSourceBytes: options.maxSourceBytes ?? MIB,
    maxOutputBytes: options.maxOutputBytes ?? MIB,
    maxDataBytes: options.maxDataBytes ?? 4 * MIB,
  };
  const least = { maxWorkers: 1, minWorkers: 0, idleTimeout: 0, deadline: 1, memoryLimit: 16 * MIB };
  for (const [name, value] of Object.entries({ ...limits })) {
    const from = Object.entries(least).find(([option]) => option === name)?.[1] ?? 0;
    if (!(value >= from && value <= MOST))
      throw new RangeError(`${name} must be between ${from} and ${MOST}: ${value}`);
  }
  return limits;
};

/** What WebAssembly can address, nearly; and what timers can wait. */
const MOST = 2 ** 31 - 1;
