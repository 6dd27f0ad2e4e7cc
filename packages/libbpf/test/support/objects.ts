import { afterAll, beforeAll } from "vitest";
import { compile, temporaryFolder } from "./clang.ts";
import { unable } from "./machine.ts";

const names = ["counting", "core", "locked", "refused", "ring"] as const;
type ObjectName = (typeof names)[number];

/** The compiled test objects' paths, for the tests of one file. */
export const testObjects = (...wanted: ObjectName[]): ((name: ObjectName) => string) => {
  const paths = new Map<string, string>();
  let folder: ReturnType<typeof temporaryFolder> | undefined;
  beforeAll(() => {
    if (unable !== undefined) return;
    folder = temporaryFolder();
    const { path } = folder;
    for (const name of wanted) paths.set(name, compile(`test/objects/${name}.bpf.c`, path));
  });
  afterAll(() => folder?.[Symbol.dispose]());
  return (name) => {
    const path = paths.get(name);
    if (path === undefined) throw new Error(`the test did not ask for the object ${name}`);
    return path;
  };
};

/** An IPv4 packet with its Ethernet header. */
export const packet = (): Buffer => {
  const bytes = Buffer.alloc(64);
  bytes.writeUInt16BE(0x0800, 12);
  bytes.writeUInt8(0x45, 14);
  return bytes;
};

/** The arguments of a raw tracepoint. */
export const tracepointArguments = (...values: bigint[]): Buffer => {
  const bytes = Buffer.alloc(values.length * 8);
  for (const [index, value] of values.entries()) bytes.writeBigUInt64LE(value, index * 8);
  return bytes;
};

/** What a call throws, of a class. */
export const thrown = <T extends Error>(type: abstract new (...args: never) => T, call: () => unknown): T => {
  try {
    call();
  } catch (error) {
    if (error instanceof type) return error;
    throw error;
  }
  throw new Error(`nothing was thrown, ${type.name} was expected`);
};
