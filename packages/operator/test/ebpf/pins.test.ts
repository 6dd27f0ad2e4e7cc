// Invariants:
// - A pin directory is made on a bpffs and nowhere else, and what is wrong with it is said with what to do.
// - It has one agent at a time; an agent that was killed holds it no longer.
// - Removing a folder of pins can be broken off anywhere and finished later.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import fs, {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  unlinkSync,
} from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { isFolderName, openPinDir, removeFolder } from "../../src/ebpf/pin-dir.ts";
import { takePinDir } from "../../src/ebpf/pin-lock.ts";
import { uninstall } from "../../src/ebpf/uninstall.ts";
import { bpffs, noBpffs } from "./support/bpffs.ts";
import { unavailableReason } from "./support/reasons.ts";

const HOLDER = fileURLToPath(new URL("support/hold-pin-dir.ts", import.meta.url));

const holder = async (path: string): Promise<ChildProcess> => {
  const child = spawn(process.execPath, [HOLDER, path], { stdio: ["ignore", "pipe", "inherit"] });
  if (child.stdout === null) throw new Error("no output");
  await once(child.stdout, "data");
  return child;
};

test("a folder that is on no bpffs is refused and nothing is made", () => {
  const path = mkdtempSync(`${tmpdir()}/pcmc-pins-`);
  expect(unavailableReason(() => openPinDir(`${path}/a/b`))).toBe("BpffsNotMounted");
  expect(readdirSync(path)).toEqual([]);
  expect(unavailableReason(() => openPinDir("/sys/fs/no-such-file-system/pcmc"))).toBe("BpffsNotMounted");
  expect(unavailableReason(() => openPinDir("/proc/pcmc/v1"))).toBe("BpffsNotMounted");
  rmSync(path, { recursive: true });
});

test("a uid that is no plain folder name is none", () => {
  expect(["0f6c1b5e-6d35-4a3c-9d0e-0d6a8b9c7e11", "8d3c2f0e"].every(isFolderName)).toBe(true);
  expect(["", "..", "a/b", "a.b", "a\0b"].some(isFolderName)).toBe(false);
});

describe.skipIf(noBpffs)(`on a real bpffs${noBpffs ? ` (skipped: ${noBpffs})` : ""}`, () => {
  test("the folder and those above it are made, once", () => {
    using mount = bpffs();
    const dir = openPinDir(`${mount.path}/pcmc/v1`);
    expect(readdirSync(dir.path).sort()).toEqual(["node", "pods"]);
    expect(openPinDir(dir.path)).toEqual(dir);
  });

  test("a read-only bpffs is said to be one, also when the folder exists", () => {
    using mount = bpffs();
    openPinDir(`${mount.path}/v1`);
    mount.remount("ro");
    expect(unavailableReason(() => openPinDir(`${mount.path}/v1`))).toBe("BpffsReadOnly");
    expect(unavailableReason(() => openPinDir(`${mount.path}/v2`))).toBe("BpffsReadOnly");
  });

  test("while one process has the directory another is refused, and takes it once that one is killed", async () => {
    using mount = bpffs();
    const { path } = openPinDir(`${mount.path}/v1`);
    const child = await holder(path);
    try {
      expect(unavailableReason(() => takePinDir(path))).toBe("PinDirInUse");
    } finally {
      child.kill("SIGKILL");
      await once(child, "exit");
    }
    using _ = takePinDir(path);
    expect(unavailableReason(() => takePinDir(path))).toBe("PinDirInUse");
    expect(readdirSync(path)).not.toContain("owner-change");
  });

  test("the directory is free again after its end", () => {
    using mount = bpffs();
    takePinDir(mount.path)[Symbol.dispose]();
    expect(readdirSync(mount.path)).not.toContain("owner");
    using _ = takePinDir(mount.path);
    expect(unavailableReason(() => takePinDir(mount.path))).toBe("PinDirInUse");
  });

  test("a process whose claim was removed leaves alone the one that it has made since", () => {
    using mount = bpffs();
    const before = takePinDir(mount.path);
    unlinkSync(`${mount.path}/owner`);
    using after = takePinDir(mount.path);
    expect([before.isHeld, after.isHeld]).toEqual([false, true]);
    before[Symbol.dispose]();
    expect(after.isHeld).toBe(true);
  });

  test("a process with the number of the owner that started at another time is not the owner", () => {
    using mount = bpffs();
    const own = takePinDir(mount.path);
    own[Symbol.dispose]();
    symlinkSync(`${pidNamespace()}:${process.pid}:1`, `${mount.path}/owner`);
    using _ = takePinDir(mount.path);
  });

  test("an owner that cannot be seen from here is not taken for dead", () => {
    using mount = bpffs();
    symlinkSync("1:1:1", `${mount.path}/owner`);
    expect(unavailableReason(() => takePinDir(mount.path))).toBe("PinDirInUse");
  });

  test("while another takes the place of a dead owner, this one does not", () => {
    using mount = bpffs();
    symlinkSync(`${pidNamespace()}:${process.pid}:1`, `${mount.path}/owner`);
    mkdirSync(`${mount.path}/owner-change`);
    expect(unavailableReason(() => takePinDir(mount.path))).toBe("PinDirInUse");
  });

  test("who takes the place of an owner that has gone, while this one looks at it, keeps it", () => {
    using mount = bpffs();
    const owner = `${mount.path}/owner`;
    symlinkSync(DEAD(), owner);
    // Gone before this one can read it; another is there before this one can claim.
    using _ = intercepted("readlinkSync", owner, (look, call) => {
      if (call === 1) unlinkSync(owner);
      try {
        return look();
      } finally {
        if (call === 2) symlinkSync(OTHER, owner);
      }
    });
    expect(unavailableReason(() => takePinDir(mount.path))).toBe("PinDirInUse");
    expect(readlinkSync(owner)).toBe(OTHER);
  });

  test("who takes the place of a dead owner, after this one has found it dead, keeps it", () => {
    using mount = bpffs();
    const owner = `${mount.path}/owner`;
    symlinkSync(DEAD(), owner);
    using _ = intercepted("readlinkSync", owner, (look, call) => {
      const text = look();
      if (call === 2) {
        unlinkSync(owner);
        symlinkSync(OTHER, owner);
      }
      return text;
    });
    expect(unavailableReason(() => takePinDir(mount.path))).toBe("PinDirInUse");
    expect(readlinkSync(owner)).toBe(OTHER);
  });

  test("an agent that takes the folder while it is uninstalled keeps it", () => {
    using mount = bpffs();
    const { path } = openPinDir(`${mount.path}/v1`);
    const owner = `${path}/owner`;
    using _ = intercepted("unlinkSync", owner, (unlink) => {
      unlink();
      symlinkSync(OTHER, owner);
    });
    expect(unavailableReason(() => uninstall(path))).toBe("PinDirInUse");
    expect(readlinkSync(owner)).toBe(OTHER);
  });

  test("a folder is removed with what it holds, and its absence is no error", () => {
    using mount = bpffs();
    mkdirSync(`${mount.path}/pod`);
    symlinkSync("x", `${mount.path}/pod/one`);
    symlinkSync("x", `${mount.path}/pod/two`);
    expect(removeFolder(`${mount.path}/pod`, ["two"])).toBe(true);
    expect(existsSync(`${mount.path}/pod`)).toBe(false);
    expect(removeFolder(`${mount.path}/pod`)).toBe(false);
  });
});

/** An owner of another PID namespace: nobody can say that it is dead. */
const OTHER = "1:1:1";
/** One that has ended: this process' number, started at another time. */
const DEAD = () => `${pidNamespace()}:${process.pid}:1`;

type Look = "readlinkSync" | "unlinkSync";

/** Has `instead` called for what is done to one path; it is told the how manieth time that is. */
const intercepted = (
  name: Look,
  path: string,
  instead: (original: () => unknown, call: number) => unknown,
): Disposable => {
  const original = fs[name];
  let calls = 0;
  Reflect.set(fs, name, (...words: readonly unknown[]) => {
    const go = () => Reflect.apply(original, fs, words);
    return words[0] === path ? instead(go, ++calls) : go();
  });
  syncBuiltinESMExports();
  return {
    [Symbol.dispose]: () => {
      Reflect.set(fs, name, original);
      syncBuiltinESMExports();
    },
  };
};

const pidNamespace = () => readlinkSync("/proc/self/ns/pid").replaceAll(/[^0-9]/g, "");
