/** 64 Ki bits, bit `p` of byte `p >> 3`: set = port `p` is allowed. The form in which the kernel program reads it. */
export type PortBitmap = Uint8Array;

export const PORTS = 65_536;
export const PORT_BITMAP_BYTES = PORTS / 8;

/** A bitmap in which every port has the same answer. */
export const uniform = (answer: "allow" | "block"): PortBitmap =>
  new Uint8Array(PORT_BITMAP_BYTES).fill(answer === "allow" ? 0xff : 0);

/** Whether `port` is allowed. @throws RangeError for what is no port. */
export const isAllowed = (bitmap: PortBitmap, port: number): boolean => (byteOf(bitmap, port) & bitOf(port)) !== 0;

/** Sets the answer for each of `ports` in place. @throws RangeError for what is no port. */
export const mark = (bitmap: PortBitmap, ports: Iterable<number>, answer: "allow" | "block"): void => {
  for (const port of ports) {
    const byte = byteOf(bitmap, port);
    bitmap[port >> 3] = answer === "allow" ? byte | bitOf(port) : byte & ~bitOf(port);
  }
};

/** What all of `bitmaps` allow, as a new bitmap; everything where there is none. */
export const intersection = (bitmaps: readonly PortBitmap[]): PortBitmap => {
  const common = uniform("allow");
  for (const bitmap of bitmaps) {
    // By index: an iterator takes several times as long, and this is done for each Pod.
    for (let index = 0; index < PORT_BITMAP_BYTES; index++) common[index] = (common[index] ?? 0) & (bitmap[index] ?? 0);
  }
  return common;
};

const bitOf = (port: number): number => 1 << (port & 7);

const byteOf = (bitmap: PortBitmap, port: number): number => {
  const byte = Number.isInteger(port) ? bitmap[port >> 3] : undefined;
  if (byte === undefined) throw new RangeError(`${port} is no port: use 0 to ${PORTS - 1}`);
  return byte;
};
