/**
 * Invariants:
 * - the same sources give the same bytes, wherever they are, and nothing of this machine is in them;
 * - objects of both architectures are built, and differ only where the kernel's types do;
 * - without clang, one line says what to install, unless there are objects of these sources;
 * - nothing is built twice.
 */
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BPF_OBJECTS, buildPrograms, compilePrograms, OBJECTS } from "../../../../scripts/bpf.ts";
import { bundle } from "../../../../scripts/bundle.ts";
import { findToolchain } from "../../../../scripts/clang.ts";
import { programPath, readProgram } from "../../src/ebpf/programs.ts";

const repository = fileURLToPath(new URL("../../../..", import.meta.url));
const source = join(repository, "packages/operator/bpf");

describe.runIf(process.platform === "linux")("building the programs", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "pcmc-bpf-build-"));
    buildPrograms(() => {});
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test("the same sources give the same objects elsewhere", () => {
    const elsewhere = join(folder, "some/other/place");
    cpSync(source, elsewhere, { recursive: true });
    compilePrograms({ toolchain: findToolchain(process.env), source: elsewhere, target: join(folder, "built") });
    for (const object of OBJECTS) {
      expect(readFileSync(join(folder, "built", object)).equals(readFileSync(join(BPF_OBJECTS, object)))).toBe(true);
    }
  });

  test("no object names a folder of this machine", () => {
    for (const object of OBJECTS) {
      const text = readFileSync(join(BPF_OBJECTS, object)).toString("latin1");
      expect([repository, homedir(), tmpdir(), "/usr/"].filter((path) => text.includes(path))).toEqual([]);
    }
  });

  test("the firewall is the same for both architectures, the system calls are not", () => {
    const bytes = (name: "firewall" | "syscalls") => [readProgram(name, "x86_64"), readProgram(name, "arm64")];
    const [firewall, otherFirewall] = bytes("firewall");
    expect(firewall?.version).toBe(otherFirewall?.version);
    const [syscalls, otherSyscalls] = bytes("syscalls");
    expect(syscalls?.version).not.toBe(otherSyscalls?.version);
    expect(firewall?.version).toBeGreaterThan(0);
  });

  test("the agent looks for them where they are built", () => {
    expect(programPath("firewall", "arm64")).toBe(join(BPF_OBJECTS, "arm64/firewall.bpf.o"));
  });

  /** A checkout with what the build needs, run without clang. */
  const runWithoutClang = (checkout: string) =>
    spawnSync(process.execPath, [join(checkout, "scripts/bpf.ts")], {
      encoding: "utf8",
      env: { PATH: folder, HOME: folder },
    });

  test("without clang, one line says what to install, unless there are objects of these sources", () => {
    const checkout = join(folder, "checkout");
    mkdirSync(join(checkout, "packages/operator"), { recursive: true });
    symlinkSync(source, join(checkout, "packages/operator/bpf"));
    cpSync(join(repository, "scripts"), join(checkout, "scripts"), { recursive: true });
    const failed = runWithoutClang(checkout);
    expect(failed.status).toBe(1);
    expect(failed.stderr).toMatch(/^bpf: no clang 14 or newer .* install clang, llvm and libbpf's headers .*\n$/);
    cpSync(BPF_OBJECTS, join(checkout, "packages/operator/dist/bpf"), { recursive: true });
    expect(runWithoutClang(checkout)).toMatchObject({ status: 0, stderr: "" });
  });

  test("another checkout of the same sources takes them from the user's cache", () => {
    const checkout = join(folder, "second");
    mkdirSync(join(checkout, "packages/operator"), { recursive: true });
    cpSync(source, join(checkout, "packages/operator/bpf"), { recursive: true });
    cpSync(join(repository, "scripts"), join(checkout, "scripts"), { recursive: true });
    const { status, stderr } = spawnSync(process.execPath, [join(checkout, "scripts/bpf.ts")], { encoding: "utf8" });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    for (const object of OBJECTS) expect(existsSync(join(checkout, "packages/operator/dist/bpf", object))).toBe(true);
  });

  test("the bundle has the objects of both architectures beside it", async () => {
    const outdir = join(folder, "bundle");
    await bundle(outdir);
    for (const object of OBJECTS) {
      expect(readFileSync(join(outdir, "dist/bpf", object)).equals(readFileSync(join(BPF_OBJECTS, object)))).toBe(true);
    }
  });

  test("the build says nothing when there is nothing to do", () => {
    const lines: string[] = [];
    buildPrograms((line) => lines.push(line));
    expect(lines).toEqual([]);
  });
});
