import { digestOf } from "../cache/digest.ts";
import type { Projection } from "./projection.ts";
import { StringTable } from "./string-table.ts";

/** A JSON text ended early or holds what JSON does not. `offset` counts bytes from 0. */
export class JsonSyntaxError extends Error {
  readonly offset: number;

  constructor(offset: number, expected: string) {
    super(`invalid JSON at byte ${offset}: expected ${expected}`);
    this.name = "JsonSyntaxError";
    this.offset = offset;
  }
}

const enumerable = { writable: true, enumerable: true, configurable: true } as const;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

/** Sets apart `[` from `{` and `]` from `}`. */
const CASE_BIT = 0x20;

const isOpening = (byte: number | undefined): boolean => byte === OPEN_BRACE || byte === OPEN_BRACKET;

/** Nesting that no object of the API has; deeper input would overflow the stack. The API server refuses it too. */
const MAX_DEPTH = 1_000;

/**
 * Characters of one number. An int64 has 20 at the most, a double written out without an exponent 326; and a `bigint` takes time
 * by the square of its digits, a million of them a second.
 */
const LONGEST_NUMBER = 400;

/** What to do with a value: a projection, prepared for look-up. */
export interface Plan {
  readonly kind: "all" | "digest" | "fields";
  readonly fields: ReadonlyMap<string, Plan>;
  /** With `kind: "all"`: a field that is left out all the same. */
  readonly except: string | undefined;
}

const NO_FIELDS: ReadonlyMap<string, Plan> = new Map();
const ALL: Plan = { kind: "all", fields: NO_FIELDS, except: undefined };
const DIGEST: Plan = { kind: "digest", fields: NO_FIELDS, except: undefined };
const METADATA: Plan = { kind: "all", fields: NO_FIELDS, except: "managedFields" };

/** Prepares a projection of a whole object. */
export const planObject = (projection: Projection): Plan => {
  if (projection === true) return { kind: "all", fields: new Map([["metadata", METADATA]]), except: undefined };
  const plan = planValue(projection);
  if (projection === "digest" || projection.metadata !== true) return plan;
  return { ...plan, fields: new Map([...plan.fields, ["metadata", METADATA]]) };
};

/** Prepares the projection of a value inside an object. */
export const planValue = (projection: Projection): Plan => {
  if (projection === true) return ALL;
  if (projection === "digest") return DIGEST;
  const fields = Object.entries(projection).map(([field, inner]) => [field, planValue(inner)] as const);
  return { kind: "fields", fields: new Map(fields), except: undefined };
};

/** A plan for an envelope whose fields are given: `{type, object}` of a watch event, `{metadata, items}` of a list. */
export const planEnvelope = (fields: Readonly<Record<string, Plan>>): Plan => ({
  kind: "fields",
  fields: new Map(Object.entries(fields)),
  except: undefined,
});

/** Keeps everything. */
export const planAll: Plan = ALL;

/**
 * Reads JSON from bytes and makes only the values that a plan asks for; the rest is skipped without a string or an
 * object being made. A Pod of 7 KB of which ten fields are wanted costs about a tenth of `JSON.parse`, and a cache of
 * 10,000 Pods leaves no garbage behind.
 *
 * Integers beyond 2^53 become `bigint`: int64 fields stay exact. A number of more than 400 characters is refused. What is skipped is checked only as far as finding its
 * end needs it.
 */
export class JsonReader {
  readonly #strings: StringTable;
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;
  #end = 0;
  #depth = 0;

  constructor(strings: StringTable = new StringTable()) {
    this.#strings = strings;
  }

  /**
   * Reads the one value in `bytes[start, end)`.
   *
   * @throws JsonSyntaxError
   */
  read(bytes: Buffer, plan: Plan, start = 0, end: number = bytes.length): unknown {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
    this.#depth = 0;
    this.#space();
    const value = this.#value(plan);
    this.#space();
    if (this.#at < end) throw this.#expected("the end");
    this.#bytes = Buffer.alloc(0);
    return value;
  }

  #value(plan: Plan): unknown {
    const byte = this.#peek();
    if (plan.kind === "digest") return digestOf(this.#value(ALL));
    if (byte === OPEN_BRACE) return this.#object(plan);
    if (byte === OPEN_BRACKET) return this.#array(plan);
    if (byte === QUOTE) return this.#string();
    if (byte === 0x74) return this.#literal("true", true);
    if (byte === 0x66) return this.#literal("false", false);
    if (byte === 0x6e) return this.#literal("null", null);
    return this.#number();
  }

  #object(plan: Plan): Record<string, unknown> {
    const result: Record<string, unknown> = {};
    this.#enter();
    if (this.#peek() === CLOSE_BRACE) return this.#leave(result);
    for (;;) {
      if (this.#peek() !== QUOTE) throw this.#expected("a field name");
      const field = this.#string();
      this.#space();
      this.#consume(COLON, "':'");
      this.#space();
      const inner = plan.fields.get(field) ?? (plan.kind === "all" && plan.except !== field ? ALL : undefined);
      if (inner === undefined) this.#skip();
      // Assigning to "__proto__" would change the prototype: a label of that name must stay a label.
      else if (field === "__proto__") {
        Object.defineProperty(result, field, { value: this.#value(inner), ...enumerable });
      } else result[field] = this.#value(inner);
      this.#space();
      if (this.#peek() === CLOSE_BRACE) return this.#leave(result);
      this.#consume(COMMA, "',' or '}'");
      this.#space();
    }
  }

  #array(plan: Plan): unknown[] {
    const result: unknown[] = [];
    this.#enter();
    if (this.#peek() === CLOSE_BRACKET) return this.#leave(result);
    for (;;) {
      result.push(this.#value(plan));
      this.#space();
      if (this.#peek() === CLOSE_BRACKET) return this.#leave(result);
      this.#consume(COMMA, "',' or ']'");
      this.#space();
    }
  }

  #enter(): void {
    if (++this.#depth > MAX_DEPTH) throw this.#expected(`no more than ${MAX_DEPTH} levels`);
    this.#at++;
    this.#space();
  }

  #leave<T>(result: T): T {
    this.#depth--;
    this.#at++;
    return result;
  }

  #string(): string {
    const bytes = this.#bytes;
    const start = this.#at + 1;
    let at = start;
    let hash = 0;
    let bits = 0;
    for (; at < this.#end; at++) {
      const byte = bytes[at] as number;
      if (byte === QUOTE) {
        this.#at = at + 1;
        if (bits < 0x80) return this.#strings.ascii(bytes, start, at, hash);
        return bytes.toString("utf8", start, at);
      }
      if (byte === BACKSLASH) return this.#escapedString(start, at);
      bits |= byte;
      hash = (Math.imul(hash, 31) + byte) | 0;
    }
    throw this.#truncated();
  }

  #escapedString(start: number, firstEscape: number): string {
    const close = this.#closingQuote(firstEscape);
    this.#at = close + 1;
    try {
      return JSON.parse(this.#bytes.toString("utf8", start - 1, close + 1)) as string;
    } catch {
      this.#at = start - 1;
      throw this.#expected("a well-formed string");
    }
  }

  /** The place of the quote that ends the string in which `at` stands. */
  #closingQuote(at: number): number {
    const bytes = this.#bytes;
    for (let i = at; i < this.#end; i++) {
      const byte = bytes[i] as number;
      if (byte === QUOTE) return i;
      if (byte === BACKSLASH) i++;
    }
    throw this.#truncated();
  }

  #number(): number | bigint {
    const start = this.#at;
    let at = start;
    let whole = true;
    for (; at < this.#end; at++) {
      const byte = this.#bytes[at] as number;
      if ((byte >= 0x30 && byte <= 0x39) || byte === 0x2d) continue;
      if (byte !== 0x2e && byte !== 0x65 && byte !== 0x45 && byte !== 0x2b) break;
      whole = false;
    }
    if (at - start > LONGEST_NUMBER) throw this.#expected(`a number of no more than ${LONGEST_NUMBER} characters`);
    const text = this.#bytes.toString("latin1", start, at);
    const value = Number(text);
    if (text === "" || Number.isNaN(value)) throw this.#expected("a value");
    this.#at = at;
    if (whole && !Number.isSafeInteger(value)) return BigInt(text);
    return value;
  }

  #literal<T>(text: string, value: T): T {
    for (let i = 0; i < text.length; i++) {
      if (this.#bytes[this.#at + i] !== text.charCodeAt(i)) throw this.#expected(text);
    }
    this.#at += text.length;
    if (this.#at > this.#end) throw this.#truncated();
    return value;
  }

  /**
   * Moves past one value. Only brackets and strings matter for finding its end. Most of all bytes are passed over here:
   * two comparisons a byte, `{` and `[` (and their closing partners) told together by the bit in which they differ.
   */
  #skip(): void {
    const bytes = this.#bytes;
    const end = this.#end;
    let depth = 0;
    let at = this.#at;
    for (; at < end; at++) {
      const byte = bytes[at] as number;
      if (byte === QUOTE) {
        while (++at < end) {
          const inner = bytes[at] as number;
          if (inner === QUOTE) break;
          if (inner === BACKSLASH) at++;
        }
        if (at >= end) throw this.#truncated();
        if (depth === 0) break;
      } else if (byte >= OPEN_BRACKET) {
        const bracket = byte | CASE_BIT;
        if (bracket === OPEN_BRACE) depth++;
        else if (bracket === CLOSE_BRACE && --depth <= 0) break;
      } else if (byte === COMMA && depth === 0) break;
    }
    if (depth > 0) throw this.#truncated();
    this.#at = this.#endOfSkipped(at, depth);
  }

  /** `at` is the last byte of a string or a container, or the first after a bare value. */
  #endOfSkipped(at: number, depth: number): number {
    const byte = this.#bytes[at];
    const isContainer = depth === 0 && at > this.#at && (byte === CLOSE_BRACE || byte === CLOSE_BRACKET);
    const isEnclosed = at < this.#end && (byte === QUOTE || (isContainer && isOpening(this.#bytes[this.#at])));
    if (isEnclosed) return at + 1;
    if (at === this.#at) throw this.#expected("a value");
    return at;
  }

  #space(): void {
    while (this.#at < this.#end) {
      const byte = this.#bytes[this.#at] as number;
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return;
      this.#at++;
    }
  }

  #peek(): number {
    if (this.#at >= this.#end) throw this.#truncated();
    return this.#bytes[this.#at] as number;
  }

  #consume(byte: number, name: string): void {
    if (this.#peek() !== byte) throw this.#expected(name);
    this.#at++;
  }

  #expected(what: string): JsonSyntaxError {
    return new JsonSyntaxError(this.#at, what);
  }

  #truncated(): JsonSyntaxError {
    return new JsonSyntaxError(this.#end, "more input");
  }
}
