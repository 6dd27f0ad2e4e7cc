/** Structured values beside a message. `error` holds the cause where there is one. */
export interface LogFields {
  readonly error?: unknown;
  readonly [name: string]: unknown;
}

/** The levels, most severe first. */
export type LogLevel = "error" | "warning" | "info" | "debug";

/** Where this library and a controller write what they have to say. Never throws. */
export interface Logger {
  /** Something failed and someone should look. */
  error(message: string, fields?: LogFields): void;
  /** Something is off, and is handled. */
  warning(message: string, fields?: LogFields): void;
  /** What an operator of the process wants to know once. */
  info(message: string, fields?: LogFields): void;
  /** Detail for who looks for a fault. */
  debug(message: string, fields?: LogFields): void;
  /** A logger that adds `fields` to each line. */
  with(fields: LogFields): Logger;
}

const nothing = () => {};

/** Discards everything. */
export const silentLogger: Logger = {
  error: nothing,
  warning: nothing,
  info: nothing,
  debug: nothing,
  with: () => silentLogger,
};
