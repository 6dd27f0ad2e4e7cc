import { isIPv4 } from "node:net";

/** Tags of ASN.1 as X.509 uses them (X.690, section 8). */
const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectIdentifier: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** One DER value: tag, length in as few bytes as it takes, content. */
const value = (tag: number, content: Buffer): Buffer => {
  const { length } = content;
  if (length < 0x80) return Buffer.concat([Buffer.of(tag, length), content]);
  const bytes = unsigned(BigInt(length));
  return Buffer.concat([Buffer.of(tag, 0x80 | bytes.length), bytes, content]);
};

export const sequence = (...parts: readonly Buffer[]): Buffer => value(TAG.sequence, Buffer.concat(parts));
export const set = (...parts: readonly Buffer[]): Buffer => value(TAG.set, Buffer.concat(parts));
export const octetString = (content: Buffer): Buffer => value(TAG.octetString, content);
export const utf8String = (text: string): Buffer => value(TAG.utf8String, Buffer.from(text));
export const yes = (): Buffer => value(TAG.boolean, Buffer.of(0xff));

/** Bits, of which the last `unused` do not count. */
export const bitString = (content: Buffer, unused = 0): Buffer =>
  value(TAG.bitString, Buffer.concat([Buffer.of(unused), content]));

/** A non-negative integer. */
export const integer = (number: bigint): Buffer => {
  const bytes = unsigned(number);
  // The top bit is the sign.
  return value(TAG.integer, (bytes[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.of(0), bytes]) : bytes);
};

/** `1.2.840.10045.4.3.2` */
export const objectIdentifier = (dotted: string): Buffer => {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  return value(TAG.objectIdentifier, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
};

/** A time in whole seconds; the form depends on the year (RFC 5280, section 4.1.2.5). */
export const time = (date: Date): Buffer => {
  const digits = date.toISOString().replace(/[-:T]|\.\d+/g, "");
  return date.getUTCFullYear() < 2050
    ? value(TAG.utcTime, Buffer.from(digits.slice(2)))
    : value(TAG.generalizedTime, Buffer.from(digits));
};

/** `[number]` around whole values. */
export const explicit = (number: number, ...parts: readonly Buffer[]): Buffer =>
  value(0xa0 | number, Buffer.concat(parts));

/** `[number]` in place of the tag of a primitive value. */
export const implicit = (number: number, content: Buffer): Buffer => value(0x80 | number, content);

/** The bytes of an IP address, 4 or 16. @throws TypeError for what is none; `isIP` of `node:net` tells. */
export const addressBytes = (address: string): Buffer => {
  if (isIPv4(address)) return Buffer.from(address.split(".").map(Number));
  // URL writes an address in its one short form, with no IPv4 tail.
  const short = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [head = [], tail = []] = short.split("::").map(groups);

  const gap = new Array<number>(8 - head.length - tail.length).fill(0);
  return Buffer.from([...head, ...gap, ...tail].flatMap((group) => [group >> 8, group & 0xff]));
};

/** The content of a DER value. */
export const contentOf = (der: Buffer): Buffer => {
  const { start, end } = extentOf(der, 0);
  return der.subarray(start, end);
};

/** The values inside a constructed DER value, each with its tag and length. */
export const elements = (der: Buffer): Buffer[] => {
  const content = contentOf(der);
  const found: Buffer[] = [];
  for (let at = 0; at < content.length; ) {
    const { end } = extentOf(content, at);
    found.push(content.subarray(at, end));
    at = end;
  }
  return found;
};

/** Where the content of the value at `at` starts and ends. */
const extentOf = (der: Buffer, at: number): { readonly start: number; readonly end: number } => {
  const first = der[at + 1] ?? 0;
  const size = first < 0x80 ? 0 : first & 0x7f;
  const start = at + 2 + size;
  const length = size === 0 ? first : der.readUIntBE(at + 2, size);
  return { start, end: start + length };
};

const groups = (text: string): number[] =>
  text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16));

const base128 = (arc: number): number[] => {
  const bytes = [arc & 0x7f];
  for (let rest = arc >>> 7; rest > 0; rest >>>= 7) bytes.unshift((rest & 0x7f) | 0x80);
  return bytes;
};

const unsigned = (number: bigint): Buffer => {
  const hex = number.toString(16);
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex");
};
