import { Wasi } from "./wasi.ts";
import { instantiate, type WasmMemory, type WasmModule } from "./webassembly.ts";

/** What the module exports: see go/cmd/wasm/main.go. */
interface Exports {
  readonly memory: WasmMemory;
  _initialize(): void;
  configure(softLimit: bigint, maxStack: number, gcPercent: number): void;
  reserve(size: number): number;
  answer(): number;
  compile(program: number, size: number, zeroMissing: number): number;
  skip(program: number): void;
  forget(program: number): void;
  load(size: number): number;
  render(program: number, index: number, maxOutput: number): number;
  unload(): void;
  names(): number;
}

/** The outcome of a call: text, or an error as JSON. */
export interface Result {
  readonly ok: boolean;
  readonly text: string;
  readonly bytes: number;
}

/** How an instance is set up. */
export interface InstanceOptions {
  readonly softLimit: number;
  /** Is told before each action where it is. */
  readonly mark: (line: number, column: number) => void;
}

/** How much garbage there may be in proportion to what is in use. Collecting takes a millisecond or two. */
const GC_PERCENT = 100;

/** Of the heap. A stack that has to grow is copied to one of twice its size, so more would end for want of memory. */
const STACK_SHARE = 0.25;

/** A string shorter than this is written without counting its bytes first: three for each character are enough. */
const SHORT = 16_384;

/** One instance of the module. A call that throws anything has broken it. */
export class Instance {
  readonly #exports: Exports;
  readonly #wasi: Wasi;
  /** All of its memory; replaced when that grows. */
  #bytes: Buffer;

  constructor(module: WasmModule, { softLimit, mark }: InstanceOptions) {
    const memory = (): ArrayBuffer => exports.memory.buffer;
    this.#wasi = new Wasi(memory);
    const imports = { wasi_snapshot_preview1: this.#wasi.functions, pcmc: { mark } };
    const exports = instantiate(module, imports) as Exports;
    this.#exports = exports;
    exports._initialize();
    exports.configure(BigInt(softLimit), Math.floor(softLimit * STACK_SHARE), GC_PERCENT);
    this.#bytes = Buffer.from(exports.memory.buffer);
  }

  /** What Go said on its standard error: why it cannot go on, if it cannot. */
  get said(): string {
    return this.#wasi.said;
  }

  /** Bytes of memory. It never shrinks. */
  get memory(): number {
    return this.#exports.memory.buffer.byteLength;
  }

  /** Parses a template and appends it to a program. */
  compile(program: number, source: string, zeroMissing: boolean): Result {
    return this.#result(this.#exports.compile(program, this.#put(source), zeroMissing ? 1 : 0));
  }

  /** Appends nothing to a program. */
  skip(program: number): void {
    this.#exports.skip(program);
  }

  forget(program: number): void {
    this.#exports.forget(program);
  }

  /** Parses the data for the renders to come. */
  load(data: string): Result {
    return this.#result(this.#exports.load(this.#put(data)));
  }

  render(program: number, index: number, maxOutput: number): Result {
    return this.#result(this.#exports.render(program, index, maxOutput));
  }

  /** Lets go of the data. */
  unload(): void {
    this.#exports.unload();
  }

  /** The functions that there are, and those that are not, as JSON. */
  names(): Result {
    return this.#result(this.#exports.names());
  }

  #put(text: string): number {
    const size = text.length < SHORT ? text.length * 3 : Buffer.byteLength(text);
    const start = this.#exports.reserve(size);
    return this.#view().write(text, start, size, "utf8");
  }

  #result(length: number): Result {
    const bytes = Math.abs(length);
    const start = bytes === 0 ? 0 : this.#exports.answer();
    return { ok: length >= 0, text: this.#view().toString("utf8", start, start + bytes), bytes };
  }

  #view(): Buffer {
    if (this.#bytes.buffer !== this.#exports.memory.buffer) this.#bytes = Buffer.from(this.#exports.memory.buffer);
    return this.#bytes;
  }
}
