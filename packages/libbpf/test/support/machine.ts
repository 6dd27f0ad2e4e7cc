import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, rmdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect } from "vitest";
import { openHandles } from "../../src/index.ts";
import { run, temporaryFolder, unableToCompile } from "./clang.ts";

const unifiedCgroup = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"].find((path) =>
  existsSync(join(path, "cgroup.controllers")),
);

/** Why this machine cannot run tests against its kernel; `undefined` where it can. */
export const unable = ((): string | undefined => {
  if (process.platform !== "linux") return "needs Linux";
  if (process.getuid?.() !== 0) return "needs root";
  if (unifiedCgroup === undefined) return "needs cgroup v2";
  return unableToCompile();
})();

/** Tests against this machine's kernel. Each must close what it opens. */
export const onKernel = (name: string, tests: () => void): void => {
  describe.skipIf(unable !== undefined)(unable === undefined ? name : `${name} (skipped: ${unable})`, () => {
    afterEach(() => expect(openHandles().map(({ kind, name: handle }) => `${kind} ${handle}`)).toEqual([]));
    tests();
  });
};

/** A BPF file system of its own, gone with all pins. */
export const mountBpffs = (): Disposable & { readonly path: string } => {
  const folder = temporaryFolder();
  run("mount", "-t", "bpf", "bpf", folder.path);
  return {
    path: folder.path,
    [Symbol.dispose]: () => {
      run("umount", folder.path);
      folder[Symbol.dispose]();
    },
  };
};

let cgroups = 0;

/** An empty cgroup. It may be gone before its end. */
export const makeCgroup = (): Disposable & { readonly path: string; readonly id: bigint } => {
  const path = join(unifiedCgroup ?? "", `libbpf-test-${process.pid}-${cgroups++}`);
  mkdirSync(path);
  const { ino: id } = statSync(path, { bigint: true });
  return { path, id, [Symbol.dispose]: () => existsSync(path) && rmdirSync(path) };
};

/** Whether a process in a cgroup can send a datagram. A program that drops it makes that fail. */
export const canSend = (cgroup: string): boolean =>
  spawnSync("bash", ["-c", `echo $$ > ${cgroup}/cgroup.procs && echo x > /dev/udp/127.0.0.1/9`], { stdio: "ignore" })
    .status === 0;

/** Descriptors that this process has open. */
export const openFiles = (): number => readdirSync("/proc/self/fd").length;
