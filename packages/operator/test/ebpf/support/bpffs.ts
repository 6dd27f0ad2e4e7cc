import { execFileSync } from "node:child_process";
import { mkdtempSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";

const mounts = (): boolean => {
  try {
    using _ = bpffs();
    return true;
  } catch {
    return false;
  }
};

/** A bpffs of a test's own. Its end unmounts it, and with that removes all that is pinned there. */
export const bpffs = (options = "rw"): Disposable & { readonly path: string; remount(options: string): void } => {
  const path = mkdtempSync(`${tmpdir()}/pcmc-bpffs-`);
  try {
    execFileSync("mount", ["-t", "bpf", "-o", options, "bpf", path], { stdio: "pipe" });
  } catch (error) {
    rmdirSync(path);
    throw error;
  }
  return {
    path,
    remount: (changed) => void execFileSync("mount", ["-o", `remount,${changed}`, path], { stdio: "pipe" }),
    [Symbol.dispose]: () => {
      execFileSync("umount", [path], { stdio: "pipe" });
      rmdirSync(path);
    },
  };
};

/** Why tests on a real bpffs cannot run here; `undefined` where they can. */
export const noBpffs =
  process.getuid?.() !== 0
    ? "needs root"
    : mounts()
      ? undefined
      : "needs a kernel with bpffs, and the right to mount it";
