import type { LogLevel } from "../log.ts";

/** One thing to log, before it has a form. */
export interface LogRecord {
  readonly time: Date;
  readonly level: LogLevel;
  readonly message: string;
  /** In order, each name once, without `error`. */
  readonly fields: ReadonlyMap<string, unknown>;
  /** The field `error`; undefined where there is none. */
  readonly error: unknown;
  /** `file.ts:12` of the caller; `undefined` where the format has no use for it. */
  readonly caller: string | undefined;
}

/** Turns a record into one line, without its end. */
export type Format = (record: LogRecord) => string;
