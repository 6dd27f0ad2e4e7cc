import { readFileSync } from "node:fs";

/** The segment that names the dynamic linker. */
const PT_INTERP = 3;

/** Where a file of 32 or of 64 bits says where its program headers are, how large one is and how many: elf(5). */
const LAYOUT_32 = { tableAt: 28, sizeAt: 42, countAt: 44 };
const LAYOUT_64 = { tableAt: 32, sizeAt: 54, countAt: 56 };

/** Whether a program runs without any other file: an image or a chroot of it alone is enough. False for a script. */
export const isStaticallyLinked = (file: string): boolean => {
  const elf = readFileSync(file);
  if (elf.toString("latin1", 0, 4) !== "\x7fELF") return false;
  return !segmentTypes(elf).includes(PT_INTERP);
};

/** Byte 4 of an ELF file is its class, 32 or 64 bits; byte 5 the order of its bytes. */
const segmentTypes = (elf: Buffer): number[] => {
  const view = new DataView(elf.buffer, elf.byteOffset, elf.byteLength);
  const isWide = elf[4] === 2;
  const little = elf[5] === 1;
  const { tableAt, sizeAt, countAt } = isWide ? LAYOUT_64 : LAYOUT_32;
  const table = isWide ? Number(view.getBigUint64(tableAt, little)) : view.getUint32(tableAt, little);
  const size = view.getUint16(sizeAt, little);
  return Array.from({ length: view.getUint16(countAt, little) }, (_, index) =>
    view.getUint32(table + index * size, little),
  );
};
