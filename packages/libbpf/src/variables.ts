import { check } from "./errors.ts";
import { copyFrom, native, type Pointer } from "./native.ts";

/** A global variable's value: its bytes, or a number in the machine's byte order. */
export type VariableValue = Uint8Array | number | bigint | boolean;

interface Variable {
  readonly section: string;
  readonly offset: number;
  readonly size: number;
}

const sections = [".rodata", ".data", ".bss"] as const;
const BTF_KIND_DATASEC = 15;

/** The global variables of an object by name, from its BTF (`BTF_KIND_DATASEC`, kernel doc bpf/btf.rst). */
export const readVariables = (object: Pointer): ReadonlyMap<string, Variable> => {
  const variables = new Map<string, Variable>();
  const btf = native().libbpf.bpf_object__btf(object);
  if (btf === null) return variables;
  for (const section of sections)
    for (const [name, variable] of readSection(btf, section)) variables.set(name, variable);
  return variables;
};

function* readSection(btf: Pointer, section: string): Generator<readonly [name: string, variable: Variable]> {
  const { libbpf } = native();
  const id = libbpf.btf__find_by_name_kind(btf, section, BTF_KIND_DATASEC);
  const type = id < 0 ? null : libbpf.btf__type_by_id(btf, id);
  if (type === null) return;
  // struct btf_type { u32 name_off, info, size; }, then for each variable struct btf_var_secinfo { u32 type, offset, size; }
  const count = copyFrom(type, 12).readUInt32LE(4) & 0xffff;
  const body = copyFrom(type, 12 + count * 12);
  for (let at = 12; at < body.length; at += 12) {
    const variable = libbpf.btf__type_by_id(btf, body.readUInt32LE(at));
    if (variable === null) continue;
    const name = libbpf.btf__name_by_offset(btf, copyFrom(variable, 4).readUInt32LE());
    yield [name, { section, offset: body.readUInt32LE(at + 4), size: body.readUInt32LE(at + 8) }];
  }
}

const encode = (value: VariableValue, size: number, name: string): Uint8Array => {
  if (value instanceof Uint8Array) {
    if (value.length !== size) throw new RangeError(`${name} has ${size} bytes, not ${value.length}`);
    return value;
  }
  const number = BigInt(value);
  const bits = BigInt(size * 8);
  if (size > 8 || number >= 1n << bits || number < -(1n << (bits - 1n)))
    throw new RangeError(`${number} does not fit ${name}, which has ${size} bytes`);
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt.asUintN(64, number));
  return bytes.subarray(0, size);
};

/** Sets variables of an object that is not loaded yet. @param maps by name; a section is a map that ends in its name. */
export const setVariables = (
  object: Pointer,
  maps: ReadonlyMap<string, Pointer>,
  values: Readonly<Record<string, VariableValue>>,
): void => {
  const { libbpf } = native();
  const known = readVariables(object);
  for (const [name, value] of Object.entries(values)) {
    const variable = known.get(name);
    if (variable === undefined) throw new RangeError(`the object has no global variable ${name}`);
    const [, map] = [...maps].find(([mapName]) => mapName.endsWith(variable.section)) ?? [];
    const size = Buffer.alloc(8);
    const content = map && libbpf.bpf_map__initial_value(map, size);
    if (map === undefined || !content) throw new RangeError(`the object has no section ${variable.section}`);
    const bytes = copyFrom(content, size.readUInt32LE());
    bytes.set(encode(value, variable.size, name), variable.offset);
    check(libbpf.bpf_map__set_initial_value(map, bytes, bytes.length), "set variable", name);
  }
};
