import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Architecture } from "./syscalls-table.ts";

/** The objects of bpf/, one program family each. */
export type ProgramName = "firewall" | "syscalls";

export interface ProgramObject {
  readonly path: string;
  readonly bytes: Buffer;
  /**
   * Which program this is: 32 bits of the hash of the object, never 0. What is attached is swapped when it was loaded from
   * another version; nobody has to remember to raise a number.
   */
  readonly version: number;
}

/** Beside the sources, and beside the bundle. */
const FOLDERS = ["../../dist/bpf", "../dist/bpf"];

/** Where an object is, or would be. */
export const programPath = (name: ProgramName, architecture: Architecture): string => {
  const paths = FOLDERS.map((folder) =>
    fileURLToPath(new URL(`${folder}/${architecture}/${name}.bpf.o`, import.meta.url)),
  );
  return paths.find((path) => existsSync(path)) ?? paths[0] ?? "";
};

/** @throws an error that says how to build it, when it is not there. */
export const readProgram = (name: ProgramName, architecture: Architecture): ProgramObject => {
  const path = programPath(name, architecture);
  if (!existsSync(path)) throw new Error(`${path} is missing: build it with \`make bpf\``);
  const bytes = readFileSync(path);
  return { path, bytes, version: createHash("sha256").update(bytes).digest().readUInt32LE() || 1 };
};
