import { hash } from "node:crypto";

/**
 * A digest of a JSON value that does not depend on the order of fields: 16 characters, good for telling whether two
 * values differ, of no use against someone who wants them to look the same. `undefined`, `null` and `{}` have one digest.
 */
export const digestOf = (value: unknown): string => {
  if (value === undefined || value === null) return digestOf({});
  return hash("sha256", canonical(value), "base64url").slice(0, 16);
};

const canonical = (value: unknown): string => {
  if (typeof value === "bigint") return value.toString();
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${fields.map(([field, inner]) => `${JSON.stringify(field)}:${canonical(inner)}`).join(",")}}`;
};
