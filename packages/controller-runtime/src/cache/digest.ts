import { hash } from "node:crypto";

/** 96 bits: among a million values the chance that two share one is 10^-17. */
const LENGTH = 16;

/**
 * A digest of a JSON value that does not depend on the order of fields: 16 characters of a SHA-256. `undefined`, `null` and
 * `{}` have one digest, as have the numbers 1 and 1n.
 */
export const digestOf = (value: unknown): string => {
  if (value === undefined || value === null) return EMPTY;
  return hash("sha256", canonical(value), "base64url").slice(0, LENGTH);
};

/**
 * Text that differs where values differ. A string goes with its length in front, which saves escaping it: this runs for
 * each state of each ConfigMap.
 */
const canonical = (value: unknown): string => {
  if (typeof value === "string") return `${value.length}:${value}`;
  if (typeof value !== "object" || value === null) return `=${value};`;
  if (Array.isArray(value)) {
    let text = "[";
    for (const item of value) text += canonical(item);
    return `${text}]`;
  }
  let text = "{";
  const fields = value as Readonly<Record<string, unknown>>;
  for (const field of sorted(Object.keys(fields))) text += `${field.length}:${field}${canonical(fields[field])}`;
  return `${text}}`;
};

/** The API server sends maps in this order, so mostly there is nothing to do. */
const sorted = (names: string[]): readonly string[] => {
  for (let i = 1; i < names.length; i++) if ((names[i - 1] as string) > (names[i] as string)) return names.sort();
  return names;
};

const EMPTY = hash("sha256", canonical({}), "base64url").slice(0, LENGTH);
