/**
 * A place in the body of an answer: after `lines` complete lines (default 0) and then `bytes` further bytes (default
 * 0), or inside the first multi-byte UTF-8 character that comes after those lines.
 */
export interface Place {
  readonly lines?: number;
  readonly bytes?: number;
  readonly insideCharacter?: boolean;
}

const NEWLINE = 0x0a;
/** From here on a byte begins a UTF-8 character of more than one byte (RFC 3629). */
const FIRST_LEAD_BYTE = 0xc0;

/** Looks for a place in a body that comes chunk by chunk. */
export class PlaceFinder {
  readonly #insideCharacter: boolean;
  #lines: number;
  #bytes: number;

  constructor({ lines = 0, bytes = 0, insideCharacter = false }: Place) {
    this.#lines = lines;
    this.#bytes = bytes;
    this.#insideCharacter = insideCharacter;
  }

  /** How many bytes of `chunk` lie before the place, or -1 when it lies beyond the chunk. */
  find(chunk: Buffer): number {
    const start = this.#afterLines(chunk);
    if (start < 0) return -1;
    if (this.#insideCharacter) {
      const lead = chunk.subarray(start).findIndex((byte) => byte >= FIRST_LEAD_BYTE);
      return lead < 0 ? -1 : start + lead + 1;
    }
    const left = chunk.length - start;
    if (this.#bytes <= left) return start + this.#bytes;
    this.#bytes -= left;
    return -1;
  }

  #afterLines(chunk: Buffer): number {
    let at = 0;
    for (; this.#lines > 0; this.#lines--) {
      const newline = chunk.indexOf(NEWLINE, at);
      if (newline < 0) return -1;
      at = newline + 1;
    }
    return at;
  }
}
