/** Milliseconds of each unit of a Go duration. */
const UNITS: Readonly<Record<string, number>> = {
  h: 3_600_000,
  m: 60_000,
  s: 1_000,
  ms: 1,
  us: 1e-3,
  µs: 1e-3,
  ns: 1e-6,
};
const PART = /(\d+(?:\.\d*)?|\.\d+)(h|ms|m|s|us|µs|ns)/gy;

/** What a webhook gets where its configuration says nothing; and the most that it can say (admissionregistration/v1). */
const DEFAULT = 10_000;
const LONGEST = 30_000;
/** Kept for the way back: the API server gives up at the time that it tells. */
const MARGIN_SHARE = 0.1;
const LONGEST_MARGIN = 500;

/** Milliseconds that a handler gets, by the query of its URL: `timeout=10s`, which the API server adds, less a margin. */
export const handlerTimeout = (query: string): number => {
  const asked = goDuration(new URLSearchParams(query).get("timeout") ?? "") ?? DEFAULT;
  const timeout = Math.min(asked, LONGEST);
  return timeout - Math.min(timeout * MARGIN_SHARE, LONGEST_MARGIN);
};

/** Milliseconds of a positive Go duration such as `1m30s`; `undefined` for anything else. */
const goDuration = (text: string): number | undefined => {
  let milliseconds = 0;
  let end = 0;
  for (const [part, amount = "", unit = ""] of text.matchAll(PART)) {
    milliseconds += Number(amount) * (UNITS[unit] ?? Number.NaN);
    end += part.length;
  }
  return end === text.length && milliseconds > 0 ? milliseconds : undefined;
};
