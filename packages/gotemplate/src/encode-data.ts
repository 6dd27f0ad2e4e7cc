import { JsonText, type JsonValue, type TemplateData } from "./data.ts";
import { DataError } from "./errors.ts";

/** How deeply data may nest. Go checks the same for JSON text. */
const MAX_DEPTH = 500;

/**
 * Data as JSON. It is measured first, so that too much of it is refused before it takes long.
 *
 * @throws {@link DataError}
 */
export const encodeData = (data: TemplateData, maxBytes: number): string => {
  const text = data instanceof JsonText ? data.text : stringify(data, maxBytes);
  // No text has fewer bytes than characters.
  if (text.length > maxBytes || Buffer.byteLength(text) > maxBytes) throw tooLarge(maxBytes);
  if (!text.isWellFormed())
    throw new DataError("encoding", "the data holds half of a surrogate pair, which is no character");
  return text;
};

const tooLarge = (maxBytes: number): DataError => new DataError("size", `the data is larger than ${maxBytes} bytes`);

const stringify = (data: JsonValue, maxBytes: number): string => {
  const measured = { size: 0, hasBigints: false };
  measure(data, { measured, maxBytes, depth: 0 });
  return measured.hasBigints ? JSON.stringify(data, exactIntegers) : JSON.stringify(data);
};

// In Node since version 21, in TypeScript's library not yet.
const { rawJSON } = JSON as unknown as { readonly rawJSON: (text: string) => unknown };

const exactIntegers = (_key: string, value: unknown): unknown =>
  typeof value === "bigint" ? rawJSON(String(value)) : value;

interface Measuring {
  readonly measured: { size: number; hasBigints: boolean };
  readonly maxBytes: number;
  readonly depth: number;
}

/** Adds at most as many bytes as the value has as JSON. */
const measure = (value: JsonValue | undefined, { measured, maxBytes, depth }: Measuring): void => {
  measured.size += typeof value === "string" ? value.length + 2 : 1;
  if (measured.size > maxBytes) throw tooLarge(maxBytes);
  if (typeof value === "bigint") measured.hasBigints = true;
  if (typeof value === "number" && !Number.isFinite(value)) throw new DataError("syntax", `${value} is no JSON number`);
  if (typeof value !== "object" || value === null) return;
  if (depth >= MAX_DEPTH) throw new DataError("depth", `the data nests more than ${MAX_DEPTH} levels deep`);
  const below = { measured, maxBytes, depth: depth + 1 };
  if (Array.isArray(value)) {
    for (const element of value) measure(element, below);
    return;
  }
  for (const [key, element] of Object.entries(value)) {
    measured.size += key.length + 3;
    measure(element, below);
  }
};
