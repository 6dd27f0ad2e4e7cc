import { ProtocolError } from "./protocol-error.ts";
import { framingOf, parseHead, type ResponseHead } from "./response-head.ts";

/** What the parser finds, in order: one head, any number of pieces of the body, the end. */
export interface ResponseSink {
  onHead(head: ResponseHead): void;
  /** A piece of the body; a view of what was read, not a copy. */
  onBody(piece: Buffer): void;
  /** `isFollowed`: bytes came after it that no request asked for; the connection is not to be used again. */
  onEnd(isFollowed: boolean): void;
}

/** Go's servers and the usual proxies send less than 1 KiB; above this something is wrong. */
const MAX_HEAD = 64 * 1024;
/** Of a chunk's size with its extensions, and of each trailer. */
const MAX_LINE = 4 * 1024;
/** Up to 2^48 bytes; extensions mean nothing to us (RFC 9112, section 7.1.1). */
const CHUNK_SIZE = /^([0-9a-f]{1,12})[ \t]*(?:;.*)?$/i;

/**
 * Where in an answer the next byte stands:
 * `head` -> `length` | `closing` | `size` -> `chunk` -> `chunkEnd` -> `size` ... -> `trailer` -> `done`.
 */
type State = "head" | "length" | "closing" | "size" | "chunk" | "chunkEnd" | "trailer" | "done";

/**
 * Reads HTTP/1.1 answers, one after the other, from the pieces in which they arrive (RFC 9112). Strict where a lenient
 * reading could take one answer's bytes for another's: no bare LF, no folded header, no two lengths, nothing after the
 * end.
 */
export class ResponseParser {
  readonly #sink: ResponseSink;
  #state: State = "done";
  /** The beginning of a head or a line that has not come whole yet. */
  #pending: Buffer | undefined;
  /** The line or head that was read last. */
  #text = "";
  /** Bytes left of the body or of the chunk. */
  #left = 0;
  #stopped = false;

  constructor(sink: ResponseSink) {
    this.#sink = sink;
  }

  /** A request has been sent: what comes next is its answer. */
  reset(): void {
    this.#state = "head";
  }

  /** Nothing more is told from now on, not even of the piece that is being read. */
  stop(): void {
    this.#stopped = true;
  }

  /** Reads a piece. @throws ProtocolError, and what the sink throws. */
  push(piece: Buffer): void {
    if (this.#isDone) throw new ProtocolError("bytes that no request asked for");
    let at = 0;
    while (at < piece.length && !this.#isDone && !this.#stopped) at = this.#step(piece, at);
    if (this.#isDone && !this.#stopped) this.#sink.onEnd(at < piece.length);
  }

  /** The server ends the connection, and with it an answer without a length. Any other one stays incomplete. */
  end(): void {
    if (this.#state !== "closing" || this.#stopped) return;
    this.#state = "done";
    this.#sink.onEnd(false);
  }

  get #isDone(): boolean {
    return this.#state === "done";
  }

  /** @returns where to go on. */
  #step(piece: Buffer, at: number): number {
    switch (this.#state) {
      case "head":
        return this.#readHead(piece, at);
      case "length":
      case "chunk":
        return this.#readBody(piece, at);
      case "closing":
        this.#sink.onBody(at === 0 ? piece : piece.subarray(at));
        return piece.length;
      case "size":
      case "chunkEnd":
      case "trailer":
        return this.#readLine(piece, at);
      case "done":
        return at;
    }
  }

  #readHead(piece: Buffer, at: number): number {
    const next = this.#readUntil("\r\n\r\n", piece, at, MAX_HEAD);
    if (next < 0) return piece.length;
    const head = parseHead(this.#text);
    // 1xx are announcements; the answer follows.
    if (head.status >= 200) this.#begin(head);
    else if (head.status === 101) throw new ProtocolError("a change of protocol that was not asked for");
    return next;
  }

  #begin(head: ResponseHead): void {
    const framing = framingOf(head);
    this.#state = typeof framing === "number" ? "length" : framing === "chunked" ? "size" : "closing";
    this.#left = typeof framing === "number" ? framing : 0;
    this.#sink.onHead(head);
    if (framing === 0) this.#state = "done";
  }

  #readBody(piece: Buffer, at: number): number {
    const end = Math.min(piece.length, at + this.#left);
    this.#left -= end - at;
    this.#sink.onBody(at === 0 && end === piece.length ? piece : piece.subarray(at, end));
    if (this.#left > 0) return end;
    this.#state = this.#state === "chunk" ? "chunkEnd" : "done";
    return end;
  }

  #readLine(piece: Buffer, at: number): number {
    const next = this.#readUntil("\r\n", piece, at, MAX_LINE);
    if (next < 0) return piece.length;
    if (this.#state === "size") this.#takeSize();
    // Ends a chunk; or the trailers, of which the API server sends none, and with them the answer.
    else if (this.#text === "") this.#state = this.#state === "chunkEnd" ? "size" : "done";
    else if (this.#state === "chunkEnd") throw new ProtocolError("a chunk that is longer than its size");
    return next;
  }

  #takeSize(): void {
    const size = CHUNK_SIZE.exec(this.#text)?.[1];
    if (size === undefined) throw new ProtocolError("a chunk without a size");
    this.#left = Number.parseInt(size, 16);
    this.#state = this.#left === 0 ? "trailer" : "chunk";
  }

  /**
   * Reads up to `delimiter` into `#text`, which is ASCII or Latin-1.
   *
   * @returns where to go on, after the delimiter; -1 while it has not come.
   */
  #readUntil(delimiter: string, piece: Buffer, at: number, limit: number): number {
    const pending = this.#pending;
    const bytes = pending === undefined ? piece : Buffer.concat([pending, piece.subarray(at)]);
    const start = pending === undefined ? at : 0;
    // The delimiter may have begun in the piece before.
    const from = Math.max(start, (pending?.length ?? 0) - delimiter.length + 1);
    const end = bytes.indexOf(delimiter, from, "latin1");
    if ((end < 0 ? bytes.length : end) - start > limit) throw new ProtocolError(`more than ${limit} bytes of header`);
    if (end < 0) {
      this.#pending = pending === undefined ? bytes.subarray(start) : bytes;
      return -1;
    }
    this.#pending = undefined;
    this.#text = bytes.toString("latin1", start, end);
    const next = end + delimiter.length;
    return pending === undefined ? next : at + next - pending.length;
  }
}
