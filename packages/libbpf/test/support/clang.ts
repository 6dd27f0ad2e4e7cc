import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";

/** Runs a command to its end. @throws with what it printed when it fails */
export const run = (command: string, ...args: string[]): string => {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: "utf8" });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${command} ${args.join(" ")}: ${stderr}${stdout}`);
  return stdout;
};

/** clang by any of the names that distributions give it. */
const clang = ["clang", "clang-19", "clang-18", "clang-16", "clang-15", "clang-14"].find(
  (name) => spawnSync(name, ["--version"], { stdio: "ignore" }).status === 0,
);

// The target bpf has no folder of its own where `asm/types.h` lies.
const machine = process.arch === "arm64" ? "aarch64" : "x86_64";
const flags = ["-target", "bpf", "-g", "-O2", "-Wall", "-Werror", `-I/usr/include/${machine}-linux-gnu`];

const compiles = (source: string): boolean => {
  const options = [...flags, "-fsyntax-only", "-x", "c", "-"];
  return spawnSync(clang ?? "clang", options, { input: source, stdio: ["pipe", "ignore", "ignore"] }).status === 0;
};

/** Why no object can be compiled here; `undefined` where it can. */
export const unableToCompile = (): string | undefined => {
  if (clang === undefined) return "needs clang";
  if (!compiles("#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\n")) return "needs libbpf's headers (libbpf-dev)";
  return undefined;
};

/** Compiles a source of this package, such as `examples/packets.bpf.c`, into a folder. */
export const compile = (source: string, folder: string): string => {
  const output = join(folder, basename(source, ".c").concat(".o"));
  const path = fileURLToPath(new URL(`../../${source}`, import.meta.url));
  run(clang ?? "clang", ...flags, "-c", path, "-o", output);
  return output;
};

/** A temporary folder, gone with `using`. */
export const temporaryFolder = (): Disposable & { readonly path: string } => {
  const path = mkdtempSync(join(tmpdir(), "libbpf-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
};
