/** Finds where the events of a watch end, in a body that comes chunk by chunk. */
export interface FrameWalker {
  /** Where the event under way ends in `chunk`, looked at from `from` on; -1 when it goes on in the next chunk. */
  end(chunk: Buffer, from: number): number;
}

const NEWLINE = 0x0a;
const LENGTH_BYTES = 4;

/** A walker for an answer of this content type: protobuf has its length before each event, JSON a line for each. */
export const frameWalker = (contentType = ""): FrameWalker =>
  contentType.startsWith("application/vnd.kubernetes.protobuf") ? new LengthWalker() : lineWalker;

const lineWalker: FrameWalker = {
  end: (chunk, from) => chunk.indexOf(NEWLINE, from) + 1 || -1,
};

/** Four bytes of length, big-endian, then the event (apimachinery, pkg/util/framer). */
class LengthWalker implements FrameWalker {
  #lengthBytes = 0;
  #left = 0;

  end(chunk: Buffer, from: number): number {
    let at = from;
    for (; this.#lengthBytes < LENGTH_BYTES; this.#lengthBytes++) {
      const byte = chunk[at++];
      if (byte === undefined) return -1;
      this.#left = this.#left * 256 + byte;
    }
    const there = chunk.length - at;
    if (this.#left > there) {
      this.#left -= there;
      return -1;
    }
    const end = at + this.#left;
    this.#lengthBytes = 0;
    this.#left = 0;
    return end;
  }
}
