const NEWLINE = 0x0a;

/** A single event larger than this is no object: etcd refuses values above 1.5 MiB, and JSON at most triples them. */
const LONGEST_LINE = 64 * 1024 * 1024;

/**
 * Cuts a stream of chunks into lines. A chunk may end anywhere, also inside a multi-byte character: bytes are joined
 * before anything is decoded. A line that lies inside one chunk is handed on without a copy.
 */
export class LineSplitter {
  readonly #onLine: (bytes: Buffer, start: number, end: number) => void;
  #parts: Buffer[] = [];
  #length = 0;

  /** `onLine` gets a range of a buffer that is only valid during the call; empty lines are left out. */
  constructor(onLine: (bytes: Buffer, start: number, end: number) => void) {
    this.#onLine = onLine;
  }

  /** @throws RangeError when a line grows beyond 64 MiB. */
  push(chunk: Buffer): void {
    let start = 0;
    for (;;) {
      const newline = chunk.indexOf(NEWLINE, start);
      if (newline < 0) break;
      if (this.#parts.length === 0) this.#emit(chunk, start, newline);
      else this.#emitJoined(chunk.subarray(start, newline));
      start = newline + 1;
    }
    if (start === chunk.length) return;
    this.#length += chunk.length - start;
    if (this.#length > LONGEST_LINE) throw new RangeError("a watch event is larger than 64 MiB");
    this.#parts.push(chunk.subarray(start));
  }

  #emitJoined(last: Buffer): void {
    const line = Buffer.concat([...this.#parts, last]);
    this.#parts = [];
    this.#length = 0;
    this.#emit(line, 0, line.length);
  }

  #emit(bytes: Buffer, start: number, end: number): void {
    if (end > start) this.#onLine(bytes, start, end);
  }
}
