/** The bytes, or a number in the machine's byte order where key or value have 4 bytes (`number`) or 8 (`bigint`). */
export type Cell = Uint8Array | number | bigint;

/** The bytes of a cell. The kernel reads as many as the map has, so a wrong length must not get there. */
export const bytesOf = (cell: Cell, size: number, what: string): Uint8Array => {
  if (cell instanceof Uint8Array) {
    if (cell.length !== size) throw new RangeError(`${what} has ${cell.length} bytes, not ${size}`);
    return cell;
  }
  const width = typeof cell === "number" ? 4 : 8;
  if (size !== width) throw new RangeError(`${what} has ${size} bytes: a ${typeof cell} stands for ${width}`);
  const bytes = Buffer.alloc(width);
  if (typeof cell === "number") bytes.writeUInt32LE(cell);
  else bytes.writeBigUInt64LE(cell);
  return bytes;
};
