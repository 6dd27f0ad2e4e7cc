/*
 * Builds the programs for the kernel, packages/operator/bpf/*.bpf.c, for both architectures, into packages/operator/dist/bpf.
 *
 *   node scripts/bpf.ts
 *
 * Kept in the user's cache by what they are built from. The same sources and tools give the same bytes, wherever they are.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { findToolchain, type Toolchain } from "./clang.ts";

const pathOf = (file: string): string => fileURLToPath(new URL(`../${file}`, import.meta.url));
const SOURCE = pathOf("packages/operator/bpf");
/** Where `make bpf` puts them: `<architecture>/<program>.bpf.o`. */
export const BPF_OBJECTS = pathOf("packages/operator/dist/bpf");

/** By the name that the operator has for an architecture, what the headers of libbpf call it. */
const TARGETS = { x86_64: "x86", arm64: "arm64" } as const;
const PROGRAMS = ["firewall", "syscalls"] as const;
/** Paths below a folder of objects. */
export const OBJECTS: readonly string[] = Object.keys(TARGETS).flatMap((architecture) =>
  PROGRAMS.map((program) => `${architecture}/${program}.bpf.o`),
);

/**
 * Instruction set v2 (Linux 4.14): v3's 32-bit instructions need 5.1, and make no difference that can be measured. No path of
 * this machine gets into the debug information, from which the kernel's verifier quotes lines.
 */
const flagsFor = (target: string, folder: string): readonly string[] => [
  ...["-target", "bpf", "-mcpu=v2", `-D__TARGET_ARCH_${target}`, "-O2", "-g", "-Wall", "-Wextra", "-Werror"],
  ...["-fno-ident", `-ffile-prefix-map=${folder}=.`],
  // Where Debian has <asm/types.h>; the types are the same on both.
  ...["x86_64-linux-gnu", "aarch64-linux-gnu"].flatMap((triplet) => ["-idirafter", `/usr/include/${triplet}`]),
];

/** Builds what is not there yet. @throws an error of one line for a missing tool, and what clang said when it fails. */
export const buildPrograms = (log: (line: string) => void): void => {
  const sources = hashOf(
    readdirSync(SOURCE)
      .sort()
      .map((name) => join(SOURCE, name)),
  );
  const present = OBJECTS.every((object) => existsSync(join(BPF_OBJECTS, object))) ? readKey() : undefined;
  const toolchain = toolchainOr(present?.sources === sources);
  // Objects that came with their sources are as good as ones built here.
  if (toolchain === undefined) return;
  const { version, headers, strip } = toolchain;
  const key = { sources, toolchain: `${version}, headers ${headers.slice(0, 12)}${strip ? "" : ", not stripped"}` };
  if (present?.sources === key.sources && present.toolchain === key.toolchain) return;
  const cached = fillCache(toolchain, key, log);
  for (const object of OBJECTS) publish(join(cached, object), join(BPF_OBJECTS, object));
  writeFileSync(KEY_FILE, `${JSON.stringify(key)}\n`);
};

const toolchainOr = (canDoWithout: boolean): Toolchain | undefined => {
  try {
    return findToolchain(process.env);
  } catch (error) {
    if (canDoWithout) return undefined;
    throw error;
  }
};

interface Key {
  /** Hash of what is built, and of how. */
  readonly sources: string;
  readonly toolchain: string;
}

const KEY_FILE = join(BPF_OBJECTS, "key.json");

const readKey = (): Key | undefined => {
  try {
    return JSON.parse(readFileSync(KEY_FILE, "utf8")) as Key;
  } catch {
    return undefined;
  }
};

const hashOf = (files: readonly string[]): string => {
  const hash = createHash("sha256").update(readFileSync(new URL(import.meta.url)));
  for (const file of files) hash.update(`\0${file.slice(SOURCE.length)}\0`).update(readFileSync(file));
  return hash.digest("hex");
};

const fillCache = (toolchain: Toolchain, key: Key, log: (line: string) => void): string => {
  const base = join(
    process.env.XDG_CACHE_HOME || join(process.env.HOME || homedir(), ".cache"),
    "podconfigmap-controller",
  );
  const name = createHash("sha256").update(JSON.stringify(key)).digest("hex").slice(0, 16);
  const folder = join(base, "bpf", name);
  if (OBJECTS.every((object) => existsSync(join(folder, object)))) return folder;
  mkdirSync(folder, { recursive: true });
  const stage = mkdtempSync(join(base, "bpf", ".build-"));
  try {
    compilePrograms({ toolchain, source: SOURCE, target: stage });
    // Each appears complete or not at all; of two that build at once, the last wins over an equal one.
    for (const object of OBJECTS) publish(join(stage, object), join(folder, object));
  } finally {
    rmSync(stage, { recursive: true, force: true });
  }
  log(`built ${OBJECTS.length} objects with ${toolchain.version}`);
  return folder;
};

/** What to compile, and where to. */
export interface Compilation {
  readonly toolchain: Toolchain;
  /** Folder of the sources. */
  readonly source: string;
  /** Folder that gets `<architecture>/<program>.bpf.o`. */
  readonly target: string;
}

export const compilePrograms = ({ toolchain, source, target }: Compilation): void => {
  for (const [architecture, name] of Object.entries(TARGETS)) {
    mkdirSync(join(target, architecture), { recursive: true });
    for (const program of PROGRAMS) {
      const object = join(target, architecture, `${program}.bpf.o`);
      run(toolchain.clang, [...flagsFor(name, source), "-c", `${program}.bpf.c`, "-o", object], source);
      if (toolchain.strip !== undefined) run(toolchain.strip, ["-g", object], source);
    }
  }
};

const run = (command: string, args: readonly string[], cwd: string): void => {
  const { status, stderr, error } = spawnSync(command, args, { cwd, encoding: "utf8" });
  if (error) throw error;
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} failed:\n${stderr.trim()}`);
};

/** Others may be reading the one that is there. */
const publish = (from: string, to: string): void => {
  mkdirSync(dirname(to), { recursive: true });
  const temporary = `${to}.${process.pid}`;
  copyFileSync(from, temporary);
  renameSync(temporary, to);
};

if (import.meta.main) {
  try {
    if (process.platform === "linux") buildPrograms((line) => process.stderr.write(`bpf: ${line}\n`));
    else process.stderr.write("bpf: eBPF is Linux's: nothing is built here, and the agent's parts are left out\n");
  } catch (error) {
    process.stderr.write(`bpf: ${error instanceof Error ? error.message : error}\n`);
    process.exitCode = 1;
  }
}
