/**
 * Invariants:
 * - a program that needs a dynamic linker is told from one that needs nothing, of whatever machine;
 * - what a file says of its architecture, its dynamic linker and its libraries is what the system's own tool says.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { isStaticallyLinked, readElf } from "../../src/real-node/elf.ts";

const PT_LOAD = 1;
const PT_INTERP = 3;

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "devcluster-test-"));
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** The two headers of elf(5), as far as they say which segments there are. */
const elf = (bits: 32 | 64, little: boolean, segments: readonly number[]): Buffer => {
  const file = Buffer.alloc(512);
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  file.set([0x7f, ...Buffer.from("ELF"), bits === 64 ? 2 : 1, little ? 1 : 2]);
  const [table, size] = bits === 64 ? [64, 56] : [52, 32];
  if (bits === 64) view.setBigUint64(32, BigInt(table), little);
  else view.setUint32(28, table, little);
  view.setUint16(bits === 64 ? 54 : 42, size, little);
  view.setUint16(bits === 64 ? 56 : 44, segments.length, little);
  for (const [index, type] of segments.entries()) view.setUint32(table + index * size, type, little);
  return file;
};

const isStatic = (content: Buffer | string): boolean => {
  const file = join(folder, "program");
  writeFileSync(file, content);
  return isStaticallyLinked(file);
};

const machines = [
  [64, true],
  [64, false],
  [32, true],
  [32, false],
] as const;

test.each(machines)("an interpreter is seen in a file of %d bits, little-endian: %s", (bits, little) => {
  expect(isStatic(elf(bits, little, [PT_LOAD, PT_LOAD]))).toBe(true);
  expect(isStatic(elf(bits, little, [PT_LOAD, PT_INTERP, PT_LOAD]))).toBe(false);
});

test.runIf(process.platform === "linux")("Node.js, which has libraries, is not linked statically", () => {
  expect(isStaticallyLinked(process.execPath)).toBe(false);
});

test("a script is not linked statically", () => {
  expect(isStatic("#!/bin/sh\n")).toBe(false);
});

/** What the dynamic linker of this machine looks for when it is asked what a program needs. */
const looksFor = (file: string): string[] =>
  execFileSync("ldd", [file], { encoding: "utf8" })
    .split("\n")
    .flatMap((line) => /^\s*(\S+) => \//.exec(line)?.[1] ?? []);

test.runIf(process.platform === "linux")(
  "Node.js's architecture, dynamic linker and libraries are those of the system",
  () => {
    const elf = readElf(process.execPath);
    expect(elf?.architecture).toBe(
      new Map([
        ["x64", "amd64"],
        ["arm64", "arm64"],
      ]).get(process.arch),
    );
    expect(execFileSync("ldd", [process.execPath], { encoding: "utf8" })).toContain(elf?.interpreter ?? "none");
    expect(elf?.needed).toContain("libc.so.6");
    expect(looksFor(process.execPath)).toEqual(
      expect.arrayContaining(elf?.needed.filter((name) => !name.startsWith("ld-")) ?? []),
    );
  },
);

test("a script is neither", () => {
  const file = join(folder, "script");
  writeFileSync(file, "#!/bin/sh\n");
  expect(readElf(file)).toBeUndefined();
});

test.each(machines)("a file of %d bits, little-endian: %s, without libraries needs none", (bits, little) => {
  const file = join(folder, "program");
  writeFileSync(file, elf(bits, little, [PT_LOAD]));
  expect(readElf(file)).toEqual({ architecture: undefined, interpreter: undefined, needed: [] });
});
