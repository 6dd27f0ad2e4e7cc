import { BpfError } from "./errors.ts";
import { isMapFailed, lastErrno, native, type Pointer, viewOf } from "./native.ts";

const PROT_READ = 1;
const PROT_WRITE = 2;
const MAP_SHARED = 1;
const SC_PAGESIZE = 30;

// Of the length that stands before a record (linux/bpf.h).
const BUSY = 0x8000_0000;
const DISCARDED = 0x4000_0000;
const HEADER = 8;

/**
 * The memory of a ring buffer map, as the kernel lays it out (kernel doc bpf/ringbuf.rst): a page with the reader's
 * position, one with the writers', then the records twice, so that one that wraps around lies in one piece.
 *
 * libbpf has `ring_buffer__new` for this, which wants a callback: see `listen` for why there are none here.
 */
export class RingMemory {
  readonly #size: number;
  readonly #page: number;
  readonly #reader: Pointer;
  readonly #writers: Pointer;
  readonly #consumed: BigInt64Array;
  readonly #produced: BigInt64Array;
  readonly #headers: Int32Array;
  readonly #records: Uint8Array;

  constructor(fd: number, size: number) {
    this.#size = size;
    this.#page = native().libc.sysconf(SC_PAGESIZE);
    this.#reader = map(fd, { size: this.#page, protection: PROT_READ | PROT_WRITE, offset: 0 });
    try {
      this.#writers = map(fd, { size: this.#page + 2 * size, protection: PROT_READ, offset: this.#page });
    } catch (error) {
      native().libc.munmap(this.#reader, this.#page);
      throw error;
    }
    const memory = viewOf(this.#writers, this.#page + 2 * size);
    this.#consumed = new BigInt64Array(viewOf(this.#reader, this.#page), 0, 1);
    this.#produced = new BigInt64Array(memory, 0, 1);
    this.#headers = new Int32Array(memory, this.#page);
    this.#records = new Uint8Array(memory, this.#page);
  }

  /** Copies of up to `limit` records that are complete, which frees their room. Stops at one that is being written. */
  take(limit: number): Buffer[] {
    const taken: Buffer[] = [];
    let position = Atomics.load(this.#consumed, 0);
    while (taken.length < limit && position < Atomics.load(this.#produced, 0)) {
      const at = Number(position & BigInt(this.#size - 1));
      // Atomic, so that the record's bytes are not read before the writer let go of it.
      const header = Atomics.load(this.#headers, at / 4) >>> 0;
      if ((header & BUSY) !== 0) break;
      const length = header & ~DISCARDED;
      if ((header & DISCARDED) === 0)
        taken.push(Buffer.from(this.#records.subarray(at + HEADER, at + HEADER + length)));
      position += BigInt(Math.ceil((length + HEADER) / 8) * 8);
      Atomics.store(this.#consumed, 0, position);
    }
    return taken;
  }

  /** Nothing may be taken any more: the memory is gone. */
  unmap(): void {
    native().libc.munmap(this.#reader, this.#page);
    native().libc.munmap(this.#writers, this.#page + 2 * this.#size);
  }
}

interface Mapping {
  readonly size: number;
  readonly protection: number;
  readonly offset: number;
}

const map = (fd: number, { size, protection, offset }: Mapping): Pointer => {
  const memory = native().libc.mmap(null, size, protection, MAP_SHARED, fd, offset);
  if (isMapFailed(memory)) throw new BpfError({ operation: "map ring buffer", errno: lastErrno() });
  return memory;
};
