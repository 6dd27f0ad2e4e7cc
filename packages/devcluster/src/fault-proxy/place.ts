import { type FrameWalker, frameWalker } from "./frames.ts";

/**
 * A place in the body of an answer: after `lines` complete lines, or `events` complete events of a watch in whichever
 * encoding it has (default 0), and then `bytes` further bytes (default 0), or inside the first multi-byte UTF-8 character
 * that comes after those.
 */
export interface Place {
  readonly lines?: number;
  /** Instead of `lines`. */
  readonly events?: number;
  readonly bytes?: number;
  readonly insideCharacter?: boolean;
}

/** From here on a byte begins a UTF-8 character of more than one byte (RFC 3629). */
const FIRST_LEAD_BYTE = 0xc0;

/** Looks for a place in a body that comes chunk by chunk. */
export class PlaceFinder {
  readonly #insideCharacter: boolean;
  readonly #walker: FrameWalker;
  #frames: number;
  #bytes: number;

  /** `contentType` is the answer's: it tells how events are framed. */
  constructor({ lines = 0, events, bytes = 0, insideCharacter = false }: Place, contentType?: string) {
    this.#insideCharacter = insideCharacter;
    this.#walker = frameWalker(events === undefined ? undefined : contentType);
    this.#frames = events ?? lines;
    this.#bytes = bytes;
  }

  /** How many bytes of `chunk` lie before the place, or -1 when it lies beyond the chunk. */
  find(chunk: Buffer): number {
    const start = this.#afterFrames(chunk);
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

  #afterFrames(chunk: Buffer): number {
    let at = 0;
    for (; this.#frames > 0; this.#frames--) {
      at = this.#walker.end(chunk, at);
      if (at < 0) return -1;
    }
    return at;
  }
}
