import { readFileSync } from "node:fs";

/** Kinds of segments: what is loaded into memory, what the dynamic linker reads, which dynamic linker that is. */
const PT = { load: 1, dynamic: 2, interpreter: 3 };

/** Entries of the dynamic segment: its end, a library that is needed, where the table of strings is. */
const DT = { end: 0, needed: 1, strings: 5 };

/** `e_machine` of what Kubernetes' nodes are, by what container images call it. */
const MACHINES: Readonly<Record<number, string>> = { 62: "amd64", 183: "arm64" };

/**
 * Where a file of 32 or of 64 bits has what it has: the table of its program headers, in it a segment's place in the file,
 * its address, how many bytes it has; the width of a word. elf(5).
 */
const LAYOUT_32 = { tableAt: 28, sizeAt: 42, countAt: 44, segment: { offset: 4, address: 8, size: 16 }, word: 4 };
const LAYOUT_64 = { tableAt: 32, sizeAt: 54, countAt: 56, segment: { offset: 8, address: 16, size: 32 }, word: 8 };

/** What an executable or a library says of itself. */
export interface Elf {
  /** As container images call it: `amd64`, `arm64`; undefined for another one. */
  readonly architecture: string | undefined;
  /** Path of the dynamic linker that starts it; a library and a static program have none. */
  readonly interpreter: string | undefined;
  /** Names of the libraries that it is linked to, in the order in which they are looked for. */
  readonly needed: readonly string[];
}

/** Reads an executable or a library; undefined for what is none. */
export const readElf = (file: string): Elf | undefined => {
  const elf = ElfFile.of(readFileSync(file));
  if (!elf) return undefined;
  return { architecture: MACHINES[elf.machine], interpreter: elf.interpreter(), needed: elf.needed() };
};

/** Whether a program runs without any other file: an image or a chroot of it alone is enough. False for a script. */
export const isStaticallyLinked = (file: string): boolean => {
  const elf = ElfFile.of(readFileSync(file));
  return elf !== undefined && !elf.has(PT.interpreter);
};

interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly address: number;
  readonly size: number;
}

class ElfFile {
  readonly #content: Buffer;
  readonly #view: DataView;
  readonly #little: boolean;
  readonly #layout: typeof LAYOUT_64;
  readonly #segments: readonly Segment[];

  static of(content: Buffer): ElfFile | undefined {
    return content.toString("latin1", 0, 4) === "\x7fELF" ? new ElfFile(content) : undefined;
  }

  /** Byte 4 is the class, 32 or 64 bits; byte 5 the order of its bytes. */
  private constructor(content: Buffer) {
    this.#content = content;
    this.#view = new DataView(content.buffer, content.byteOffset, content.byteLength);
    this.#little = content[5] === 1;
    this.#layout = content[4] === 2 ? LAYOUT_64 : LAYOUT_32;
    const { tableAt, sizeAt, countAt, segment } = this.#layout;
    const table = this.#word(tableAt);
    const size = this.#half(sizeAt);
    this.#segments = Array.from({ length: this.#half(countAt) }, (_, index) => {
      const at = table + index * size;
      return {
        type: this.#view.getUint32(at, this.#little),
        offset: this.#word(at + segment.offset),
        address: this.#word(at + segment.address),
        size: this.#word(at + segment.size),
      };
    });
  }

  get machine(): number {
    return this.#half(18);
  }

  has(type: number): boolean {
    return this.#segments.some((segment) => segment.type === type);
  }

  interpreter(): string | undefined {
    const found = this.#segments.find(({ type }) => type === PT.interpreter);
    return found && this.#string(found.offset);
  }

  needed(): string[] {
    const entries = this.#dynamic();
    const strings = entries.find(({ tag }) => tag === DT.strings);
    if (!strings) return [];
    const table = this.#offsetOf(strings.value);
    return entries.filter(({ tag }) => tag === DT.needed).map(({ value }) => this.#string(table + value));
  }

  #dynamic(): { tag: number; value: number }[] {
    const { word } = this.#layout;
    const found = this.#segments.find(({ type }) => type === PT.dynamic);
    if (!found) return [];
    const entries = Array.from({ length: Math.floor(found.size / (2 * word)) }, (_, index) => {
      const at = found.offset + index * 2 * word;
      return { tag: this.#word(at), value: this.#word(at + word) };
    });
    const end = entries.findIndex(({ tag }) => tag === DT.end);
    return end < 0 ? entries : entries.slice(0, end);
  }

  /** The table of strings is told by its address. */
  #offsetOf(address: number): number {
    const holds = (segment: Segment) => address >= segment.address && address < segment.address + segment.size;
    const found = this.#segments.find((segment) => segment.type === PT.load && holds(segment));
    if (!found) throw new Error(`address 0x${address.toString(16)} is in no segment of the file`);
    return found.offset + address - found.address;
  }

  #string(at: number): string {
    const end = this.#content.indexOf(0, at);
    return this.#content.toString("latin1", at, end < 0 ? undefined : end);
  }

  #half(at: number): number {
    return this.#view.getUint16(at, this.#little);
  }

  /** Flags of segments apart, no number here is near 2^53. */
  #word(at: number): number {
    if (this.#layout.word === 4) return this.#view.getUint32(at, this.#little);
    return Number(this.#view.getBigUint64(at, this.#little));
  }
}
