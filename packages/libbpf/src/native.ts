import koffi from "koffi";
import { LibbpfMissingError } from "./errors.ts";

declare const brand: unique symbol;
/** Memory of libbpf's, opaque here. */
export interface Pointer {
  readonly [brand]: true;
}

type Bytes = Uint8Array | null;

/** libbpf's functions that are used, as C has them. All that return a number return a negative errno for a failure. */
export interface Libbpf {
  libbpf_num_possible_cpus(): number;
  bpf_object__open_file(path: string, options: Uint8Array): Pointer | null;
  bpf_object__open_mem(elf: Uint8Array, size: number, options: Uint8Array): Pointer | null;
  bpf_object__load(object: Pointer): number;
  bpf_object__close(object: Pointer): void;
  bpf_object__next_map(object: Pointer, previous: Pointer | null): Pointer | null;
  bpf_object__next_program(object: Pointer, previous: Pointer | null): Pointer | null;
  bpf_object__btf(object: Pointer): Pointer | null;
  bpf_map__name(map: Pointer): string;
  bpf_map__fd(map: Pointer): number;
  bpf_map__type(map: Pointer): number;
  bpf_map__key_size(map: Pointer): number;
  bpf_map__value_size(map: Pointer): number;
  bpf_map__max_entries(map: Pointer): number;
  bpf_map__reuse_fd(map: Pointer, fd: number): number;
  bpf_map__set_max_entries(map: Pointer, entries: number): number;
  bpf_map__initial_value(map: Pointer, size: Uint8Array): Pointer | null;
  bpf_map__set_initial_value(map: Pointer, data: Uint8Array, size: number): number;
  bpf_program__name(program: Pointer): string;
  bpf_program__fd(program: Pointer): number;
  bpf_program__set_autoload(program: Pointer, autoload: boolean): number;
  bpf_program__expected_attach_type(program: Pointer): number;
  bpf_program__type(program: Pointer): number;
  btf__find_by_name_kind(btf: Pointer, name: string, kind: number): number;
  btf__type_by_id(btf: Pointer, id: number): Pointer | null;
  btf__name_by_offset(btf: Pointer, offset: number): string;
  bpf_map_create(
    type: number,
    name: string,
    keySize: number,
    valueSize: number,
    maxEntries: number,
    options: Bytes,
  ): number;
  bpf_map_lookup_elem_flags(fd: number, key: Uint8Array, value: Uint8Array, flags: number): number;
  bpf_map_update_elem(fd: number, key: Bytes, value: Uint8Array, flags: number): number;
  bpf_map_delete_elem(fd: number, key: Uint8Array): number;
  bpf_map_lookup_and_delete_elem(fd: number, key: Bytes, value: Uint8Array): number;
  bpf_map_get_next_key(fd: number, key: Bytes, next: Uint8Array): number;
  bpf_map_freeze(fd: number): number;
  bpf_map_lookup_batch(
    fd: number,
    from: Bytes,
    to: Uint8Array,
    keys: Uint8Array,
    values: Uint8Array,
    count: Uint8Array,
    options: Uint8Array,
  ): number;
  bpf_map_lookup_and_delete_batch(
    fd: number,
    from: Bytes,
    to: Uint8Array,
    keys: Uint8Array,
    values: Uint8Array,
    count: Uint8Array,
    options: Uint8Array,
  ): number;
  bpf_map_update_batch(
    fd: number,
    keys: Uint8Array,
    values: Uint8Array,
    count: Uint8Array,
    options: Uint8Array,
  ): number;
  bpf_map_delete_batch(fd: number, keys: Uint8Array, count: Uint8Array, options: Uint8Array): number;
  bpf_prog_load(
    type: number,
    name: string,
    license: string,
    instructions: Uint8Array,
    count: number,
    options: Bytes,
  ): number;
  bpf_prog_test_run_opts(fd: number, options: Uint8Array): number;
  bpf_link_create(program: number, target: number, attachType: number, options: Bytes): number;
  bpf_link_update(link: number, program: number, options: Bytes): number;
  bpf_link_detach(link: number): number;
  bpf_raw_tracepoint_open(name: string, program: number): number;
  bpf_obj_pin(fd: number, path: string): number;
  bpf_obj_get_opts(path: string, options: Uint8Array): number;
  bpf_obj_get_info_by_fd(fd: number, info: Uint8Array, size: Uint8Array): number;
  bpf_enable_stats(type: number): number;
}

/** What is needed of the C library. Those that return a number return -1 and set errno. */
export interface Libc {
  memmove(to: Uint8Array, from: Pointer | Uint8Array, size: number): number | bigint;
  open_memstream(buffer: Uint8Array, size: Uint8Array): Pointer | null;
  fclose(stream: Pointer): number;
  free(memory: Pointer): void;
  mmap(address: null, size: number, protection: number, flags: number, fd: number, offset: number): Pointer;
  munmap(address: Pointer, size: number): number;
  sysconf(name: number): number;
  getrlimit(resource: number, limits: Uint8Array): number;
  setrlimit(resource: number, limits: Uint8Array): number;
  eventfd(initial: number, flags: number): number;
}

/** C types of results and parameters, by function: `p` a pointer, `i` an int, `u` a 32-bit, `n` a 64-bit unsigned number, `s` a string, `b` a bool, `v` nothing. */
const libbpfTypes: Readonly<Record<keyof Libbpf, string>> = {
  libbpf_num_possible_cpus: "i",
  bpf_object__open_file: "psp",
  bpf_object__open_mem: "ppnp",
  bpf_object__load: "ip",
  bpf_object__close: "vp",
  bpf_object__next_map: "ppp",
  bpf_object__next_program: "ppp",
  bpf_object__btf: "pp",
  bpf_map__name: "sp",
  bpf_map__fd: "ip",
  bpf_map__type: "up",
  bpf_map__key_size: "up",
  bpf_map__value_size: "up",
  bpf_map__max_entries: "up",
  bpf_map__reuse_fd: "ipi",
  bpf_map__set_max_entries: "ipu",
  bpf_map__initial_value: "ppp",
  bpf_map__set_initial_value: "ippn",
  bpf_program__name: "sp",
  bpf_program__fd: "ip",
  bpf_program__set_autoload: "ipb",
  bpf_program__expected_attach_type: "ip",
  bpf_program__type: "ip",
  btf__find_by_name_kind: "ipsu",
  btf__type_by_id: "ppu",
  btf__name_by_offset: "spu",
  bpf_map_create: "iisuuup",
  bpf_map_lookup_elem_flags: "iippn",
  bpf_map_update_elem: "iippn",
  bpf_map_delete_elem: "iip",
  bpf_map_lookup_and_delete_elem: "iipp",
  bpf_map_get_next_key: "iipp",
  bpf_map_freeze: "ii",
  bpf_map_lookup_batch: "iipppppp",
  bpf_map_lookup_and_delete_batch: "iipppppp",
  bpf_map_update_batch: "iipppp",
  bpf_map_delete_batch: "iippp",
  bpf_prog_load: "iisspnp",
  bpf_prog_test_run_opts: "iip",
  bpf_link_create: "iiiip",
  bpf_link_update: "iiip",
  bpf_link_detach: "ii",
  bpf_raw_tracepoint_open: "isi",
  bpf_obj_pin: "iis",
  bpf_obj_get_opts: "isp",
  bpf_obj_get_info_by_fd: "iipp",
  bpf_enable_stats: "ii",
};

const libcTypes: Readonly<Record<keyof Libc, string>> = {
  memmove: "nppn",
  open_memstream: "ppp",
  fclose: "ip",
  free: "vp",
  mmap: "ppniiin",
  munmap: "ipn",
  sysconf: "ii",
  getrlimit: "iip",
  setrlimit: "iip",
  eventfd: "iui",
};

const typeNames: Readonly<Record<string, string>> = {
  p: "void *",
  i: "int",
  u: "uint32_t",
  n: "uint64_t",
  s: "const char *",
  b: "bool",
  v: "void",
};

const typeOf = (letter: string): string => {
  const name = typeNames[letter];
  if (name === undefined) throw new TypeError(`no C type "${letter}"`);
  return name;
};

type Library = ReturnType<typeof koffi.load>;

/** All functions of a table. What the result is typed as is checked by nothing but the header next to it. */
const bind = <T extends object>(library: Library, types: Readonly<Record<keyof T, string>>): T => {
  const functions = Object.entries<string>(types).map(([name, [result = "v", ...parameters]]) => [
    name,
    library.func(name, typeOf(result), parameters.map(typeOf)),
  ]);
  return Object.fromEntries(functions);
};

interface Loaded {
  readonly libbpf: Libbpf;
  readonly libc: Libc;
  /** `FILE **`: the C variable `stderr`. */
  readonly stderr: Pointer;
  fcntl(fd: number, command: number, type: "int", value: number): number;
  readonly poll: {
    async(fds: Uint8Array, count: number, timeout: number, done: (error: unknown, ready: number) => void): void;
  };
}

const load = (): Loaded => {
  if (process.platform !== "linux") throw new LibbpfMissingError("BPF is part of Linux");
  let library: Library;
  try {
    library = koffi.load("libbpf.so.1");
  } catch (cause) {
    throw new LibbpfMissingError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
  const libc = koffi.load("libc.so.6");
  return {
    libbpf: bind<Libbpf>(library, libbpfTypes),
    libc: bind<Libc>(libc, libcTypes),
    // Of the whole process, not of libc: an executable may hold the variable itself (a copy relocation), as Node does.
    stderr: koffi.load(null).symbol("stderr", "void *"),
    fcntl: libc.func("int fcntl(int fd, int command, ...)"),
    poll: libc.func("poll", "int", ["void *", "uint64_t", "int"]),
  };
};

let loaded: Loaded | undefined;

/** libbpf and the C library, loaded at the first use. @throws LibbpfMissingError */
export const native = (): Loaded => {
  loaded ??= load();
  return loaded;
};

/** That of the last call of a function that returns -1 or a null pointer. */
export const lastErrno = (): number => koffi.errno();

/** Where the bytes lie in memory. Whoever hands that on keeps them reachable ({@link holding}). */
export const addressOf = (bytes: Uint8Array): bigint => BigInt(native().libc.memmove(bytes, bytes, 0));

let held: readonly unknown[] = [];

/** Calls while C holds the addresses of `things`: nothing else may have a use for them any more. */
export const holding = <T>(things: readonly unknown[], call: () => T): T => {
  const before = held;
  held = things;
  try {
    return call();
  } finally {
    held = before;
  }
};

/** A copy of `size` bytes of foreign memory. */
export const copyFrom = (memory: Pointer, size: number): Buffer<ArrayBuffer> => {
  const copy = Buffer.alloc(size);
  native().libc.memmove(copy, memory, size);
  return copy;
};

/** Foreign memory itself, which must outlive every access. */
export const viewOf = (memory: Pointer, size: number): ArrayBuffer => koffi.view(memory, size);

/** The pointer that lies at `place`. */
export const readPointer = (place: Pointer | Uint8Array): Pointer | null => koffi.decode(place, "void *");

export const writePointer = (place: Pointer, value: Pointer | null): void => koffi.encode(place, "void *", value);

export const isMapFailed = (memory: Pointer): boolean => koffi.address(memory) === 0xffff_ffff_ffff_ffffn;
