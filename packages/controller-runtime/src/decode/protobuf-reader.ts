import { digestOf } from "../cache/digest.ts";
import type { Identity } from "./decoder.ts";
import { type Plan, planAll } from "./json-reader.ts";
import type { Field, FieldType, Message } from "./protobuf-messages.ts";
import { StringTable } from "./string-table.ts";

/** Bytes that are no protobuf message. `offset` counts from 0. */
export class ProtobufError extends Error {
  readonly offset: number;

  constructor(offset: number, what: string) {
    super(`invalid protobuf at byte ${offset}: ${what}`);
    this.name = "ProtobufError";
    this.offset = offset;
  }
}

const NO_BYTES = Buffer.alloc(0);

type Values = Record<string, unknown>;

/** Wire types: https://protobuf.dev/programming-guides/encoding/#structure */
const VARINT = 0;
const FIXED64 = 1;
const LENGTH_DELIMITED = 2;
const FIXED32 = 5;

/** Numbers of fields: of an object its metadata, as a tag; and of that, what names one state of one object. */
const METADATA_TAG = (1 << 3) | LENGTH_DELIMITED;
const NAME = 1;
const NAMESPACE = 3;
const UID = 5;
const RESOURCE_VERSION = 6;

/**
 * Reads protobuf messages and makes only the values that a plan asks for, in the form that JSON would give them. What is
 * not wanted is skipped by its length, without a look inside: of a Pod of 4 KB that is nearly all.
 */
export class ProtobufReader {
  readonly #strings: StringTable;
  #bytes: Buffer = NO_BYTES;
  #at = 0;
  #lastTime = { seconds: 0, text: "1970-01-01T00:00:00Z" };

  constructor(strings: StringTable = new StringTable()) {
    this.#strings = strings;
  }

  /**
   * Reads the one message in `bytes[start, end)`.
   *
   * @throws ProtobufError
   */
  read(bytes: Buffer, message: Message, { plan = planAll, start = 0, end = bytes.length } = {}): Values {
    this.#bytes = bytes;
    this.#at = start;
    const values = this.#message(message, plan, end);
    this.#bytes = NO_BYTES;
    return values;
  }

  /**
   * Reads only which state of which object `bytes[start, end)` holds; what is not there is empty.
   *
   * @throws ProtobufError
   */
  identity(bytes: Buffer, [start, end]: readonly [start: number, end: number]): Identity {
    this.#bytes = bytes;
    this.#at = start;
    const texts = ["", "", "", "", "", "", ""];
    // Of every object, field 1 is its metadata, and stands first.
    const close = start < end && this.#varint(end) === METADATA_TAG ? this.#lengthDelimited(end) : start;
    while (this.#at < close) {
      const tag = this.#varint(close);
      const number = tag >>> 3;
      // Fields are written in the order of their numbers.
      if (number > RESOURCE_VERSION) break;
      if ((tag & 7) === LENGTH_DELIMITED) texts[number] = this.#string(this.#lengthDelimited(close));
      else this.#skip(tag & 7, close);
    }
    this.#bytes = NO_BYTES;
    return {
      namespace: texts[NAMESPACE] ?? "",
      name: texts[NAME] ?? "",
      uid: texts[UID] ?? "",
      resourceVersion: texts[RESOURCE_VERSION] ?? "",
    };
  }

  #message({ fields }: Message, plan: Plan, end: number): Values {
    const values: Values = {};
    let digests: Set<string> | undefined;
    while (this.#at < end) {
      const tag = this.#varint(end);
      const field = fields[tag >>> 3];
      const inner = field && wanted(plan, field.name);
      if (field === undefined || inner === undefined) {
        this.#skip(tag & 7, end);
        continue;
      }
      this.#field(values, { field, plan: inner.kind === "digest" ? planAll : inner, wire: tag & 7, end });
      if (inner.kind === "digest") digests = digests === undefined ? new Set([field.name]) : digests.add(field.name);
    }
    if (this.#at > end) throw new ProtobufError(end, "a field is longer than its message");
    for (const name of digests ?? []) values[name] = digestOf(values[name]);
    return values;
  }

  #field(values: Values, { field, plan, wire, end }: Occurrence): void {
    const { name, type } = field;
    const expected = type === "integer" || type === "boolean" ? VARINT : LENGTH_DELIMITED;
    if (wire !== expected) throw new ProtobufError(this.#at, `wire type ${wire} for ${name}`);
    if (type === "map<string>" || type === "map<bytes>") {
      values[name] ??= {};
      this.#entry(values[name] as Values, { plan, binary: type === "map<bytes>", end });
      return;
    }
    const value = this.#value(type, plan, end);
    if (field.repeated) {
      const list = values[name];
      if (Array.isArray(list)) list.push(value);
      else values[name] = [value];
      return;
    }
    if (field.required || !isZero(value)) values[name] = value;
  }

  #value(type: Exclude<FieldType, `map<${string}>`>, plan: Plan, end: number): unknown {
    if (type === "integer") return this.#integer(end);
    if (type === "boolean") return this.#varint(end) !== 0;
    const close = this.#lengthDelimited(end);
    if (type === "string") return this.#string(close);
    if (type === "bytes") return this.#base64(close);
    if (type === "time") return this.#time(close);
    return this.#message(type, plan, close);
  }

  /** One entry of a map: key is field 1, value field 2; either may be absent and is empty then. */
  #entry(map: Values, { plan, binary, end }: { plan: Plan; binary: boolean; end: number }): void {
    const close = this.#lengthDelimited(end);
    let key = "";
    let value = "";
    while (this.#at < close) {
      const tag = this.#varint(close);
      if (tag >>> 3 === 1) key = this.#string(this.#lengthDelimited(close));
      else if (tag >>> 3 !== 2) this.#skip(tag & 7, close);
      else {
        const valueEnd = this.#lengthDelimited(close);
        value = binary ? this.#base64(valueEnd) : this.#string(valueEnd);
      }
    }
    if (wanted(plan, key) === undefined) return;
    // See JsonReader: a label of that name must stay a label.
    if (key === "__proto__")
      Object.defineProperty(map, key, { value, writable: true, enumerable: true, configurable: true });
    else map[key] = value;
  }

  #string(end: number): string {
    const bytes = this.#bytes;
    const start = this.#at;
    let hash = 0;
    let bits = 0;
    for (let at = start; at < end; at++) {
      const byte = bytes[at] as number;
      bits |= byte;
      hash = (Math.imul(hash, 31) + byte) | 0;
    }
    this.#at = end;
    return bits < 0x80 ? this.#strings.ascii(bytes, start, end, hash) : bytes.toString("utf8", start, end);
  }

  #base64(end: number): string {
    const text = this.#bytes.toString("base64", this.#at, end);
    this.#at = end;
    return text;
  }

  /** Seconds since 1970 in field 1; an empty message is null in JSON. */
  #time(end: number): string | null {
    if (this.#at === end) return null;
    let seconds = 0;
    while (this.#at < end) {
      const tag = this.#varint(end);
      if (tag >>> 3 === 1) seconds = Number(this.#integer(end));
      else this.#skip(tag & 7, end);
    }
    // Objects that are made together share their second: one string for all of them.
    if (this.#lastTime.seconds !== seconds) this.#lastTime = { seconds, text: this.#timeText(seconds, end) };
    return this.#lastTime.text;
  }

  #timeText(seconds: number, end: number): string {
    const date = new Date(seconds * 1_000);
    if (Number.isNaN(date.getTime())) throw new ProtobufError(end, `no time: ${seconds} s`);
    return date.toISOString().replace(".000Z", "Z");
  }

  /** A varint of which 32 bits matter: tags, lengths, booleans. */
  #varint(end: number): number {
    let result = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (this.#at >= end) throw new ProtobufError(end, "more bytes expected");
      const byte = this.#bytes[this.#at++] as number;
      if (shift < 32) result |= (byte & 0x7f) << shift;
      if (byte < 0x80) return result >>> 0;
    }
    throw new ProtobufError(this.#at, "a varint of more than ten bytes");
  }

  /** An int64, in two's complement; `bigint` beyond 2^53. */
  #integer(end: number): number | bigint {
    const start = this.#at;
    const low = this.#varint(end);
    if (this.#at - start < 5) return low;
    this.#at = start;
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.#bytes[this.#at++] as number;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    const signed = BigInt.asIntN(64, value);
    const number = Number(signed);
    return Number.isSafeInteger(number) ? number : signed;
  }

  /** Reads a length; returns where what it is the length of ends. */
  #lengthDelimited(end: number): number {
    const length = this.#varint(end);
    const close = this.#at + length;
    if (close > end) throw new ProtobufError(this.#at, `a length of ${length} where ${end - this.#at} bytes are left`);
    return close;
  }

  #skip(wire: number, end: number): void {
    if (wire === VARINT) this.#varint(end);
    else if (wire === LENGTH_DELIMITED) this.#at = this.#lengthDelimited(end);
    else if (wire === FIXED64) this.#at += 8;
    else if (wire === FIXED32) this.#at += 4;
    else throw new ProtobufError(this.#at, `wire type ${wire}`);
  }
}

/** A field where it stands. */
interface Occurrence {
  readonly field: Field;
  readonly plan: Plan;
  readonly wire: number;
  readonly end: number;
}

const wanted = (plan: Plan, name: string): Plan | undefined =>
  plan.fields.get(name) ?? (plan.kind === "all" && plan.except !== name ? planAll : undefined);

const isZero = (value: unknown): boolean => value === "" || value === 0 || value === false;
