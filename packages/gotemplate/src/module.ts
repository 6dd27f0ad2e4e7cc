import { open } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { compileModule, type WasmModule } from "./webassembly.ts";

/** Where the build puts the module. */
const BUILT = new URL("../dist/gotemplate.wasm", import.meta.url);

const PAGE = 65_536;
const MEMORY_SECTION = 5;
const HEADER = 8;

/** Bytes to keep free before a module, for the limit that is written into it. */
export const ROOM = 16;

/**
 * Reads and compiles the module, off the main thread for the most part.
 *
 * @param memoryLimit bytes, rounded down to a multiple of 64 KiB.
 * @throws an error of one line when it has not been built.
 */
export const loadModule = async (memoryLimit: number, file: URL = BUILT): Promise<WasmModule> => {
  const bytes = await readAfterRoom(file);
  const module = await compileModule(withMemoryLimit(bytes, Math.floor(memoryLimit / PAGE)));
  // V8 has its copy. Without this, nine megabytes would stay until garbage is next collected.
  bytes.buffer.transfer(0);
  return module;
};

const readAfterRoom = async (file: URL): Promise<Uint8Array<ArrayBuffer>> => {
  const handle = await open(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
    throw new Error(`${fileURLToPath(file)} is not built: run "make build", which needs Go 1.26 or newer`);
  });
  try {
    const { size } = await handle.stat();
    const bytes = new Uint8Array(ROOM + size);
    for (let at = ROOM; at < bytes.length; ) {
      const { bytesRead } = await handle.read(bytes, at, bytes.length - at, at - ROOM);
      if (bytesRead === 0) throw new Error(`${fileURLToPath(file)} is cut off`);
      at += bytesRead;
    }
    return bytes;
  } finally {
    await handle.close();
  }
};

/**
 * Sets the most pages that the memory of a module may grow to. Go's linker sets none, and there is no other way to limit
 * an instance that makes its own memory.
 *
 * @param bytes {@link ROOM} bytes, and the module. It is changed where it is: what comes before the limit moves forward.
 */
export const withMemoryLimit = (bytes: Uint8Array<ArrayBuffer>, pages: number): Uint8Array<ArrayBuffer> => {
  for (let at = ROOM + HEADER; at < bytes.length; ) {
    const [length, start] = readNumber(bytes, at + 1);
    const end = start + length;
    if (bytes[at] === MEMORY_SECTION) {
      // One memory; its flags; the pages it begins with.
      const [initial] = readNumber(bytes, start + 2);
      if (initial > pages) throw new RangeError(`memoryLimit must be at least ${initial * PAGE}`);
      const limits = [1, 1, ...writeNumber(initial), ...writeNumber(pages)];
      const section = [MEMORY_SECTION, ...writeNumber(limits.length), ...limits];
      const begin = ROOM - (section.length - (end - at));
      bytes.copyWithin(begin, ROOM, at);
      bytes.set(section, end - section.length);
      return bytes.subarray(begin);
    }
    at = end;
  }
  throw new Error("the module has no memory of its own");
};

/** LEB128: the number, and where it ends. */
const readNumber = (bytes: Uint8Array, start: number): readonly [number, number] => {
  let value = 0;
  let factor = 1;
  for (let at = start; at < bytes.length; at++, factor *= 128) {
    const byte = bytes[at] ?? 0;
    value += (byte % 128) * factor;
    if (byte < 128) return [value, at + 1];
  }
  throw new Error("the module is cut off");
};

const writeNumber = (value: number): number[] =>
  value < 128 ? [value] : [(value % 128) + 128, ...writeNumber(Math.floor(value / 128))];
