import { errorText } from "./error-text.ts";

/** JSON leaves these as they are; in a log they would break a line or drive a terminal. */
const UNSAFE = /[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

/** More of one value is cut: a log line is not the place for a whole object. UTF-16 units. */
export const MAX_VALUE = 16_384;

/**
 * JSON of any value, on one line. Never throws: what JSON cannot hold (circular, a getter that throws, BigInt) is said
 * in its place.
 */
export const json = (value: unknown): string => {
  const text = stringify(value).replace(UNSAFE, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
  return text.length <= MAX_VALUE ? text : (JSON.stringify(`${text.slice(0, MAX_VALUE)}... (cut)`) ?? "null");
};

const stringify = (value: unknown): string => {
  try {
    return JSON.stringify(value, replacer) ?? "null";
  } catch (error) {
    return JSON.stringify(`<cannot be shown: ${errorText(error)}>`);
  }
};

const replacer = (_key: string, value: unknown): unknown => {
  if (typeof value === "bigint") return value.toString();
  if (value instanceof Error) return errorText(value);
  if (value instanceof Map) return Object.fromEntries(value);
  if (value instanceof Set) return [...value];
  return value;
};
