/*
 * The parts of WebAssembly that are used here. TypeScript describes them only for browsers.
 */

/** A compiled module; workers can be given it. */
export interface WasmModule {
  readonly [Symbol.toStringTag]: string;
}

/** An instance's memory. */
export interface WasmMemory {
  /** Another one after it has grown. */
  readonly buffer: ArrayBuffer;
}

/** What a module imports, by module and name. */
export type WasmImports = Readonly<Record<string, Readonly<Record<string, (...args: never[]) => unknown>>>>;

interface WasmApi {
  compile(bytes: Uint8Array<ArrayBuffer>): Promise<WasmModule>;
  readonly Instance: new (module: WasmModule, imports: WasmImports) => { readonly exports: unknown };
}

const api = (globalThis as unknown as { readonly WebAssembly: WasmApi }).WebAssembly;

/** Compiles a module, in threads of its own for the most part. */
export const compileModule = (bytes: Uint8Array<ArrayBuffer>): Promise<WasmModule> => api.compile(bytes);

/** Makes an instance; returns its exports. */
export const instantiate = (module: WasmModule, imports: WasmImports): unknown =>
  new api.Instance(module, imports).exports;
