/** Numbers in [0, 1) that are the same for the same seed (mulberry32). */
export const seededRandom = (seed: number): (() => number) => {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
};

/** How a body is cut anew: pieces of `size` bytes, or of random sizes from 1 to `upTo`, the same for the same seed. */
export type Chunking = { readonly size: number } | { readonly upTo: number; readonly seed: number };

/** Cuts a chunk into smaller ones; nothing is lost, added or moved. */
export const rechunker = (chunking: Chunking): ((chunk: Buffer) => Buffer[]) => {
  const nextSize = sizes(chunking);
  return (chunk) => {
    const pieces: Buffer[] = [];
    for (let at = 0; at < chunk.length; ) {
      const end = at + nextSize();
      pieces.push(chunk.subarray(at, end));
      at = end;
    }
    return pieces;
  };
};

const sizes = (chunking: Chunking): (() => number) => {
  if ("size" in chunking) return () => chunking.size;
  const random = seededRandom(chunking.seed);
  return () => 1 + Math.floor(random() * chunking.upTo);
};
