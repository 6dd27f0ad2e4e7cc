/** Nanoseconds, as Go's `time.Duration`: 64 bits with a sign. */
export type Duration = bigint;

const UNITS: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  "\u00b5s": 1_000n, // micro sign
  "\u03bcs": 1_000n, // Greek letter mu
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};

const MAX = (1n << 63n) - 1n;

/** A number with its unit; Go's unit is all up to the next digit or point. */
const TERM = /(\d*)(?:\.(\d*))?([^\d.]+)/y;

/**
 * Parses a duration as Go's `time.ParseDuration` does: `1m30s`, `500ms`, `1.5h`, `-2s`, `0`.
 *
 * @returns undefined where Go returns an error.
 */
export const parseDuration = (text: string): Duration | undefined => {
  const isNegative = text.startsWith("-");
  const terms = /^[-+]/.test(text) ? text.slice(1) : text;
  if (terms === "0") return 0n;
  if (terms === "") return undefined;
  let sum = 0n;
  for (TERM.lastIndex = 0; TERM.lastIndex < terms.length; ) {
    const match = TERM.exec(terms);
    if (match === null) return undefined;
    const [, whole = "", fraction = "", unit = ""] = match;
    const term = termOf(whole, fraction, UNITS[unit]);
    if (term === undefined) return undefined;
    sum += term;
    // Go allows one more on the negative side, and checks after each term.
    if (sum > MAX + 1n) return undefined;
  }
  if (isNegative) return -sum;
  return sum > MAX ? undefined : sum;
};

const termOf = (whole: string, fraction: string, unit: bigint | undefined): bigint | undefined => {
  if (unit === undefined || (whole === "" && fraction === "")) return undefined;
  const nanoseconds = BigInt(whole) * unit;
  if (nanoseconds > MAX + 1n) return undefined;
  return nanoseconds + fractionOf(fraction, unit);
};

/** Go computes this in float64, after at most so many digits as 63 bits hold: the rounding is part of the result. */
const fractionOf = (digits: string, unit: bigint): bigint => {
  let value = 0n;
  let scale = 1;
  for (const digit of digits) {
    const next = value * 10n + BigInt(digit);
    if (value > MAX / 10n || next > MAX + 1n) break;
    value = next;
    scale *= 10;
  }
  return BigInt(Math.trunc(Number(value) * (Number(unit) / scale)));
};

/** Formats a duration as Go's `Duration.String`: `1m30s`, `1.5s`, `100ms`, `0s`. */
export const formatDuration = (duration: Duration): string => {
  if (duration < 0n) return `-${formatDuration(-duration)}`;
  if (duration === 0n) return "0s";
  if (duration < 1_000n) return `${duration}ns`;
  if (duration < 1_000_000n) return `${decimal(duration, 3)}\u00b5s`;
  if (duration < 1_000_000_000n) return `${decimal(duration, 6)}ms`;
  const minutes = duration / 60_000_000_000n;
  const seconds = `${decimal(duration % 60_000_000_000n, 9)}s`;
  if (minutes === 0n) return seconds;
  if (minutes < 60n) return `${minutes}m${seconds}`;
  return `${minutes / 60n}h${minutes % 60n}m${seconds}`;
};

/** `value` / 10^`places`, without zeros at its end. */
const decimal = (value: bigint, places: number): string => {
  const digits = value.toString().padStart(places + 1, "0");
  const fraction = digits.slice(-places).replace(/0+$/, "");
  const whole = digits.slice(0, -places);
  return fraction === "" ? whole : `${whole}.${fraction}`;
};

/** Milliseconds, which is what timers take. */
export const milliseconds = (duration: Duration): number => Number(duration) / 1e6;
