import { ProtocolError } from "./protocol-error.ts";

/** Status line and header fields of an answer. */
export interface ResponseHead {
  readonly status: number;
  readonly headers: Headers;
  /** Milliseconds for which the connection may be kept for another request; 0 = not at all, `Infinity` = not said. */
  readonly keepAlive: number;
}

/** How the end of a body is found: after so many bytes, by its chunks, or when the server ends the connection. */
export type Framing = number | "chunked" | "closing";

/** A token, and a value without control characters (RFC 9110, sections 5.1 and 5.5). */
const FIELD = String.raw`\r\n[!#$%&'*+.^_\x60|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*`;
const HEAD = new RegExp(String.raw`^HTTP/1\.([01]) ([1-5]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?(?:${FIELD})*$`);

/** The header fields of an answer, as they came; most answers are asked for two of a dozen. */
export class Headers {
  readonly #head: string;

  /** `head`: the status line and the fields, checked. */
  constructor(head: string) {
    this.#head = head;
  }

  /** The value of a field, `name` in lower case; values of one that came more than once are joined by `, `. */
  get(name: string): string | undefined {
    let found: string | undefined;
    for (let at = this.#find(name, 0); at >= 0; at = this.#find(name, at)) {
      const end = this.#head.indexOf("\r\n", at);
      const value = this.#head.slice(at, end < 0 ? undefined : end).trim();
      found = found === undefined ? value : `${found}, ${value}`;
    }
    return found;
  }

  /** Where the value of the next such field begins; -1 = there is none. */
  #find(name: string, from: number): number {
    for (let at = this.#head.indexOf("\r\n", from); at >= 0; at = this.#head.indexOf("\r\n", at + 2)) {
      const colon = at + 2 + name.length;
      if (this.#head[colon] === ":" && this.#head.slice(at + 2, colon).toLowerCase() === name) return colon + 1;
    }
    return -1;
  }
}

/** Reads a head, without the empty line that ends it. @throws ProtocolError. */
export const parseHead = (text: string): ResponseHead => {
  const found = HEAD.exec(text);
  if (found === null) throw new ProtocolError(`the head ${JSON.stringify(text.slice(0, 200))}`);
  const headers = new Headers(text);
  return { status: Number(found[2]), headers, keepAlive: keepAliveOf(headers, found[1] === "1") };
};

/** RFC 9112, section 9.3, and the `timeout` that some proxies announce. */
const keepAliveOf = (headers: Headers, isPersistent: boolean): number => {
  if (!isPersistent || /\bclose\b/i.test(headers.get("connection") ?? "")) return 0;
  const seconds = /\btimeout=(\d+)/i.exec(headers.get("keep-alive") ?? "")?.[1];
  // A second less than announced, so that no request crosses the server's closing.
  return seconds === undefined ? Number.POSITIVE_INFINITY : Math.max(0, Number(seconds) - 1) * 1_000;
};

/** RFC 9112, section 6.3, for answers to anything but HEAD and CONNECT. @throws ProtocolError. */
export const framingOf = ({ status, headers }: ResponseHead): Framing => {
  const length = headers.get("content-length");
  const encoding = headers.get("transfer-encoding");
  if (encoding !== undefined) {
    if (length !== undefined) throw new ProtocolError("two lengths, Content-Length and Transfer-Encoding");
    if (encoding.toLowerCase() !== "chunked") throw new ProtocolError(`the transfer encoding ${encoding}`);
    return "chunked";
  }
  if (status === 204 || status === 304) return 0;
  if (length === undefined) return "closing";
  if (!/^\d{1,15}$/.test(length)) throw new ProtocolError(`the length ${length}`);
  return Number(length);
};
