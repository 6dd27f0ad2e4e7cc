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
 * when no connection came about, or when the server turned it away before looking at it (429 or 503 with `Retry-After`:
 * priority and fairness, a server that starts or stops). An eviction that a PodDisruptionBudget forbids is a 429 without.
 */
export const mayRetry = (error: unknown, repeatable: boolean): boolean => {
  if (error instanceof ConnectionError) return (repeatable || !error.sent) && !endsTheSame(error);
  if (!(error instanceof ApiError)) return false;
  // What a proxy says on a connection that it ends for being idle: it crossed the request.
  if (error.code === 408) return repeatable;
  if (error.code === 429 || error.code === 503) return repeatable || error.retryAfter !== undefined;
  return error.code >= 500 && repeatable && error.retryAfter !== undefined;
};

/**
 * Codes of connections that trying again does not mend: a certificate that is not trusted (Node names OpenSSL's codes,
 * https://nodejs.org/api/tls.html#x509-certificate-error-codes), a header that HTTP cannot carry, a closed client.
 */
const LASTING =
  /^(UNABLE_TO_|CERT_|CRL_|ERROR_IN_|OUT_OF_MEM|DEPTH_ZERO_|SELF_SIGNED_|INVALID_(CA|PURPOSE)|PATH_LENGTH_|HOSTNAME_MISMATCH|ERR_TLS_CERT_|ERR_HTTP_(REQUEST|POOL_CLOSED)$)/;

const endsTheSame = ({ cause }: ConnectionError): boolean =>
  cause instanceof Error && "code" in cause && typeof cause.code === "string" && LASTING.test(cause.code);

/** `Sun, 06 Nov 1994 08:49:37 GMT`: the one form that is sent today. `Date.parse` alone takes `-5` for a date too. */
const HTTP_DATE = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;

/**
 * Milliseconds of a `Retry-After` header: seconds or an HTTP date (RFC 9110, section 10.2.3).
 *
 * @param now the wall clock, milliseconds.
 */
export const retryAfterOf = (header: string | undefined, now: number): number | undefined => {
  if (header === undefined) return undefined;
  if (/^\s*\d+\s*$/.test(header)) return Number(header) * 1_000;
  const date = HTTP_DATE.test(header) ? Date.parse(header) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
};
