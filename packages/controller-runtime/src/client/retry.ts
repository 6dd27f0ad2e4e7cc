import type { BackoffOptions } from "../backoff.ts";
import { ApiError, ConnectionError } from "../errors.ts";

/** Between tries of one call. The first retry comes soon: most failures here are one closed connection. */
export const CALL_BACKOFF: BackoffOptions = { initial: 50, factor: 2, cap: 5_000, jitter: 0.5, resetAfter: 60_000 };

/** Retries of one call at the most. */
export const MAX_RETRIES = 8;

/**
 * Whether a call that failed with `error` may be sent again.
 *
 * Reads and other repeatable calls: after a lost connection and whenever the server says "later" (429, 503, and any
 * 5xx with `Retry-After`). A call that must not happen twice: only when it certainly has not happened at all, that is
 * when no connection came about, or when the server turned it away before looking at it (429; 503 with `Retry-After`,
 * which is how a server that starts or stops answers).
 */
export const mayRetry = (error: unknown, repeatable: boolean): boolean => {
  if (error instanceof ConnectionError) return repeatable || !error.sent;
  if (!(error instanceof ApiError)) return false;
  if (error.code === 429) return true;
  if (error.code === 503) return repeatable || error.retryAfter !== undefined;
  return error.code >= 500 && repeatable && error.retryAfter !== undefined;
};

/**
 * Milliseconds of a `Retry-After` header: seconds or an HTTP date (RFC 9110, section 10.2.3).
 *
 * @param now the wall clock, milliseconds.
 */
export const retryAfterOf = (header: string | string[] | undefined, now: number): number | undefined => {
  const value = Array.isArray(header) ? header[0] : header;
  if (value === undefined) return undefined;
  if (/^\s*\d+\s*$/.test(value)) return Number(value) * 1_000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
};
