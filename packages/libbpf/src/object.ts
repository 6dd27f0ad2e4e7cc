import { basename } from "node:path";
import { EINVAL } from "./errno.ts";
import { BpfError, check } from "./errors.ts";
import { borrowedDescriptor, Resource } from "./handles.ts";
import { BpfMap } from "./map.ts";
import { assertWithin, raiseMemlock } from "./memory.ts";
import { listen } from "./messages.ts";
import { addressOf, native, type Pointer } from "./native.ts";
import { loadError } from "./object-error.ts";
import { BpfProgram } from "./program.ts";
import { cgroupAttachTypeName } from "./types.ts";
import { setVariables, type VariableValue } from "./variables.ts";

export interface ObjectOptions {
  /** Default: the file's name without `.bpf.o`. */
  readonly name?: string | undefined;
  /** Values of global variables (`.rodata`, `.data`, `.bss`) by name. `const volatile` ones are constants to the verifier. */
  readonly rodata?: Readonly<Record<string, VariableValue>> | undefined;
  /** Maps to use instead of making new ones, by the object's names: adopts what is pinned. They must be alike. */
  readonly mapFds?: Readonly<Record<string, BpfMap>> | undefined;
  /** Other sizes than the object says, by map. */
  readonly maxEntries?: Readonly<Record<string, number>> | undefined;
  /** Only these programs are loaded. Default: all. */
  readonly programs?: readonly string[] | undefined;
  /** Kernel types for CO-RE from this file instead of /sys/kernel/btf/vmlinux. */
  readonly btfPath?: string | undefined;
  /** Bytes that the maps' keys and values may take together, else `ENOMEM` and nothing is made. Default: no limit. */
  readonly memoryLimit?: number | undefined;
  /**
   * RLIMIT_MEMLOCK that the process needs for it, in bytes, on kernels that count BPF memory so (before Linux 5.11, later
   * ones charge the cgroup); raised to that before the load. Default: libbpf raises it as far as it may where it counts.
   */
  readonly memlock?: number | undefined;
  /** Room for the verifier's log of a program that is refused. Default 16 MiB, touched only when there is one. */
  readonly logSize?: number | undefined;
}

/** The largest that kernels before 5.2 take. */
const LOG_SIZE = 0xff_ffff;

/** What libbpf reads when the object is opened, and memory that it holds on to until it is loaded. */
class OpenOptions {
  readonly log: Buffer;
  readonly #texts: Buffer[] = [];
  // struct bpf_object_open_opts { size_t sz; const char *object_name; bool relaxed_maps; const char *pin_root_path;
  // u32 :32; const char *kconfig, *btf_custom_path; char *kernel_log_buf; size_t kernel_log_size; u32 kernel_log_level; }
  readonly bytes = Buffer.alloc(80);

  constructor(name: string, { btfPath, logSize = LOG_SIZE }: ObjectOptions) {
    this.log = Buffer.alloc(logSize);
    this.bytes.writeUInt32LE(this.bytes.length, 0);
    this.bytes.writeBigUInt64LE(this.#text(name), 8);
    if (btfPath !== undefined) this.bytes.writeBigUInt64LE(this.#text(btfPath), 48);
    this.bytes.writeBigUInt64LE(addressOf(this.log), 56);
    this.bytes.writeUInt32LE(this.log.length, 64);
  }

  #text(value: string): bigint {
    const text = Buffer.from(`${value}\0`);
    this.#texts.push(text);
    return addressOf(text);
  }
}

type Child = "bpf_object__next_map" | "bpf_object__next_program";

function* children(object: Pointer, next: Child): Generator<Pointer, void> {
  const { libbpf } = native();
  for (let child = libbpf[next](object, null); child !== null; child = libbpf[next](object, child)) yield child;
}

/** A compiled object: programs and maps that belong together. Closing it closes them; what is pinned or attached stays. */
export class BpfObject implements Disposable {
  readonly name: string;
  readonly #object: Pointer;
  readonly #resource: Resource;
  readonly #maps: ReadonlyMap<string, Pointer>;
  readonly #programs: ReadonlyMap<string, Pointer>;
  #options: OpenOptions | undefined;
  #loaded = false;

  /** Use {@link openObject}. */
  constructor(name: string, object: Pointer, options: OpenOptions) {
    const { libbpf } = native();
    this.name = name;
    this.#object = object;
    this.#options = options;
    this.#resource = new Resource("object", name, () => libbpf.bpf_object__close(object));
    this.#maps = new Map([...children(object, "bpf_object__next_map")].map((map) => [libbpf.bpf_map__name(map), map]));
    this.#programs = new Map(
      [...children(object, "bpf_object__next_program")].map((program) => [libbpf.bpf_program__name(program), program]),
    );
  }

  /** As in the source; those of global variables as `NAME.rodata` and the like. */
  get mapNames(): readonly string[] {
    return [...this.#maps.keys()];
  }

  get programNames(): readonly string[] {
    return [...this.#programs.keys()];
  }

  /** Applies what can only be said before the load. */
  configure({ rodata = {}, mapFds = {}, maxEntries = {}, programs, memoryLimit }: ObjectOptions): void {
    const { libbpf } = native();
    this.#resource.assertOpen();
    setVariables(this.#object, this.#maps, rodata);
    for (const [name, entries] of Object.entries(maxEntries))
      check(libbpf.bpf_map__set_max_entries(this.#map(name), entries), "size map", name);
    for (const [name, map] of Object.entries(mapFds)) {
      const { result, messages } = listen(() => libbpf.bpf_map__reuse_fd(this.#map(name), map.fd));
      if (result < 0) throw new BpfError({ operation: "reuse map", subject: name, errno: -result, messages });
    }
    if (memoryLimit !== undefined) {
      const reused = new Set(Object.keys(mapFds));
      const made = [...this.#maps].filter(([name]) => !reused.has(name)).map(([, map]) => map);
      assertWithin(memoryLimit, this.name, made);
    }
    if (programs === undefined) return;
    for (const name of programs) this.#program(name);
    for (const [name, program] of this.#programs) libbpf.bpf_program__set_autoload(program, programs.includes(name));
  }

  /**
   * Makes the maps and loads the programs. An object whose load failed can only be closed.
   *
   * @throws VerifierError a program was refused; its log says why
   * @throws BpfError no permission, no memory, no BTF, a kernel too old: the hint says what to do
   */
  load(): this {
    this.#resource.assertOpen();
    const options = this.#options;
    if (options === undefined)
      throw new BpfError({ operation: "load object", subject: this.name, errno: EINVAL, hint: "it was loaded before" });
    this.#options = undefined;
    const { result, messages } = listen(() => native().libbpf.bpf_object__load(this.#object));
    if (result < 0) throw loadError({ object: this.name, errno: -result, messages, log: options.log });
    this.#loaded = true;
    return this;
  }

  /** A map of the loaded object. Its handle is this object's: closed with it. */
  map(name: string): BpfMap {
    const fd = native().libbpf.bpf_map__fd(this.#map(name));
    this.#assertLoaded();
    return new BpfMap(borrowedDescriptor(this.#resource, name, fd));
  }

  /** A program of the loaded object. Its handle is this object's: closed with it. */
  program(name: string): BpfProgram {
    const { libbpf } = native();
    const program = this.#program(name);
    this.#assertLoaded();
    const fd = libbpf.bpf_program__fd(program);
    if (fd < 0)
      throw new BpfError({
        operation: "use program",
        subject: name,
        errno: EINVAL,
        hint: "the option programs left it out",
      });
    return new BpfProgram(borrowedDescriptor(this.#resource, name, fd), attachTypeOf(program));
  }

  /** Closes the object, its maps and programs. Harmless when it is closed. */
  [Symbol.dispose](): void {
    this.#resource[Symbol.dispose]();
  }

  #assertLoaded(): void {
    if (!this.#loaded)
      throw new BpfError({ operation: "use object", subject: this.name, errno: EINVAL, hint: "load() it first" });
  }

  #map(name: string): Pointer {
    return this.#find(this.#maps, "map", name);
  }

  #program(name: string): Pointer {
    return this.#find(this.#programs, "program", name);
  }

  #find(all: ReadonlyMap<string, Pointer>, kind: string, name: string): Pointer {
    this.#resource.assertOpen();
    const found = all.get(name);
    if (found === undefined)
      throw new RangeError(`${this.name} has no ${kind} ${name}, but ${[...all.keys()].join(", ") || "none"}`);
    return found;
  }
}

// enum bpf_prog_type: those whose programs sit in a cgroup. Others have expected attach type 0 as well.
const cgroupProgramTypes: ReadonlySet<number> = new Set([8, 9, 13, 15, 18, 23, 25]);

const attachTypeOf = (program: Pointer) => {
  const { libbpf } = native();
  if (!cgroupProgramTypes.has(libbpf.bpf_program__type(program))) return undefined;
  return cgroupAttachTypeName(libbpf.bpf_program__expected_attach_type(program));
};

/**
 * Opens a compiled object, a file or its bytes; `load()` brings it into the kernel.
 *
 * @throws LibbpfMissingError; BpfError the file is missing (`ENOENT`), no BPF object, or does not fit the options
 */
export const openObject = (source: string | Uint8Array, options: ObjectOptions = {}): BpfObject => {
  const { libbpf } = native();
  const name = options.name ?? (typeof source === "string" ? basename(source).replace(/(\.bpf)?\.o$/, "") : "object");
  if (options.memlock !== undefined) raiseMemlock(options.memlock);
  const open = new OpenOptions(name, options);
  const { result, errno, messages } = listen(() =>
    typeof source === "string"
      ? libbpf.bpf_object__open_file(source, open.bytes)
      : libbpf.bpf_object__open_mem(source, source.length, open.bytes),
  );
  if (result === null) throw new BpfError({ operation: "open object", subject: name, errno, messages });
  const object = new BpfObject(name, result, open);
  try {
    object.configure(options);
    return object;
  } catch (error) {
    object[Symbol.dispose]();
    throw error;
  }
};
