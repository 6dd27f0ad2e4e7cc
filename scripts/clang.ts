import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";

/** Older ones do not know the relocations that bpf/ uses. */
const OLDEST = 14;
const NEWEST = 22;

/** What programs for the kernel are built with. */
export interface Toolchain {
  readonly clang: string;
  /** First line of `clang --version`. */
  readonly version: string;
  /** Hash of the system's headers that the programs are built with. */
  readonly headers: string;
  /** Takes DWARF off and leaves BTF; without it objects are larger, and work the same. */
  readonly strip: string | undefined;
}

/** Of the system; what libbpf and the kernel offer to programs. */
const HEADERS = [
  ...["bpf_core_read.h", "bpf_endian.h", "bpf_helper_defs.h", "bpf_helpers.h"].map(
    (name) => `/usr/include/bpf/${name}`,
  ),
  "/usr/include/linux/bpf.h",
];

/** @throws an error of one line that says what to install, when a part is missing. */
export const findToolchain = (env: NodeJS.ProcessEnv): Toolchain => {
  const suffixes = ["", ...Array.from({ length: NEWEST - OLDEST + 1 }, (_, index) => `-${NEWEST - index}`)];
  const fit = (env.CLANG ? [env.CLANG] : suffixes.map((suffix) => `clang${suffix}`))
    .flatMap((name) => onPath(name, env) ?? [])
    .find(canBuild);
  if (fit === undefined) throw new Error(`no clang ${OLDEST} or newer that builds for BPF on PATH: ${HINT}`);
  const missing = HEADERS.find((header) => !existsSync(header));
  if (missing !== undefined) throw new Error(`${missing} is missing: ${HINT}`);
  const suffix = /-\d+$/.exec(fit)?.[0] ?? "";
  return {
    clang: fit,
    version: versionLine(fit),
    headers: HEADERS.reduce((hash, header) => hash.update(readFileSync(header)), createHash("sha256")).digest("hex"),
    strip: onPath(`llvm-strip${suffix}`, env) ?? onPath("llvm-strip", env),
  };
};

const HINT =
  "install clang, llvm and libbpf's headers (Debian: clang llvm libbpf-dev; Fedora: clang llvm libbpf-devel)";

const onPath = (name: string, env: NodeJS.ProcessEnv): string | undefined =>
  name.includes("/")
    ? name
    : (env.PATH ?? "")
        .split(delimiter)
        .filter((folder) => folder !== "")
        .map((folder) => join(folder, name))
        .find((file) => existsSync(file));

const versionLine = (clang: string): string =>
  execFileSync(clang, ["--version"], { encoding: "utf8" }).split("\n", 1)[0] ?? "";

const canBuild = (clang: string): boolean => {
  const { status, stdout } = spawnSync(clang, ["--version"], { encoding: "utf8" });
  const major = Number(/version (\d+)/.exec(stdout ?? "")?.[1]);
  if (status !== 0 || !(major >= OLDEST)) return false;
  const probe = spawnSync(clang, ["-target", "bpf", "-x", "c", "-c", "-o", "/dev/null", "-"], { input: "int probe;" });
  return probe.status === 0;
};
