/*
 * Invariants of the program as it is shipped (`make bundle`):
 * - It needs no node_modules, for calls into libbpf neither.
 * - The native parts and the compiled programs of both architectures are in it.
 */
import { execFile } from "node:child_process";
import { access, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { bundle, PROGRAM } from "../../../../scripts/bundle.ts";

const run = promisify(execFile);

/** The bundle, in a folder outside of the checkout: nothing is found there that is not in it. */
const bundled = async (): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), "pcmc-bundle-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  await bundle(folder);
  return folder;
};

test.skipIf(process.platform !== "linux")(
  "the bundle has what the agent needs of each architecture, and calls into libbpf by it (Linux only)",
  async () => {
    const folder = await bundled();
    const files = [
      ...["linux_x64", "linux_arm64"].map((platform) => `src/build/koffi/${platform}/koffi.node`),
      ...["x86_64", "arm64"].flatMap((of) => ["syscalls", "firewall"].map((name) => `dist/bpf/${of}/${name}.bpf.o`)),
    ];
    for (const file of files) await expect(access(join(folder, file))).resolves.toBeUndefined();
    // A folder on no bpffs: to say so, or that there is nothing, it has to have loaded all that uninstalling takes.
    const pinDir = join(folder, "none");
    const args = [join(folder, PROGRAM), "agent", "uninstall", "--bpf-pin-dir", pinDir];
    const {
      code = 0,
      stdout,
      stderr,
    } = await run(process.execPath, args, { cwd: folder, env: {} }).catch((error) => error);
    expect([code, stdout, stderr]).toEqual([0, `nothing is installed under ${pinDir}\n`, ""]);
  },
);
