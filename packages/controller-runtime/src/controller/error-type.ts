import { ApiError, ConnectionError, DeadlineError, DecodeError, StaleError, TerminalError } from "../errors.ts";

/**
 * A short name for an error, for metric labels: the API's reason in snake case (`already_exists`), `connection`,
 * `timeout`, `decode`, what a `TerminalError` says of itself, or `panic` for what nobody meant to throw.
 */
export const errorType = (error: unknown): string => {
  if (error instanceof ApiError) return snakeCase(error.reason);
  if (error instanceof ConnectionError) return "connection";
  if (error instanceof DeadlineError) return "timeout";
  if (error instanceof DecodeError) return "decode";
  if (error instanceof StaleError) return "conflict";
  if (error instanceof TerminalError)
    return error.type ?? (error.cause === undefined ? "terminal" : errorType(error.cause));
  return "panic";
};

/** A reason, which the API writes in camel case, as a metric label: `already_exists`. */
export const snakeCase = (reason: string): string => reason.replace(/(?<=[a-z0-9])(?=[A-Z])/g, "_").toLowerCase();
