/**
 * Invariants of a sweep:
 * - it removes a folder if and only if the process that looks after it is gone;
 * - a process is itself only when its start matches too: a pid that was handed out again is a stranger, and lives on.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, utimesSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { identify, isAlive, type ProcessIdentity } from "../src/process-identity.ts";
import { createNamedState, createState, stateRoot, sweepStates, writeRecord } from "../src/state.ts";
import { allGone, identifyAll } from "./processes.ts";

let parent: string;
let root: string;

beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), "devcluster-state-"));
  root = stateRoot(parent);
});

afterEach(() => rmSync(parent, { recursive: true, force: true }));

const self = (): ProcessIdentity => {
  const [identity] = identifyAll([process.pid]);
  if (!identity) throw new Error("unreachable");
  return identity;
};

const folderWith = (keeper: ProcessIdentity, processes: Record<string, ProcessIdentity> = {}) => {
  const folder = join(root, "run-test");
  mkdirSync(folder);
  writeRecord(folder, { keeper, processes });
  return folder;
};

describe("a sweep", () => {
  test("keeps a folder whose keeper lives, and one that is just being made", async () => {
    const kept = folderWith(self());
    const fresh = join(root, "run-fresh");
    mkdirSync(fresh);
    await sweepStates(root);
    expect([kept, fresh].map((folder) => existsSync(folder))).toEqual([true, true]);
  });

  test("removes a folder that was never claimed, once it is old", async () => {
    const old = join(root, "run-old");
    mkdirSync(old);
    utimesSync(old, 0, 0);
    await sweepStates(root);
    expect(existsSync(old)).toBe(false);
  });

  test("removes the folder of a keeper whose pid belongs to another now", async () => {
    const folder = folderWith({ ...self(), start: "another life" });
    await sweepStates(root);
    expect(existsSync(folder)).toBe(false);
  });

  test("ends what a dead keeper left running, and no stranger with a pid of its past", async () => {
    const orphan = spawn(process.execPath, ["-e", "setInterval(() => {}, 1e6)"], { stdio: "ignore" });
    const stranger = spawn(process.execPath, ["-e", "setInterval(() => {}, 1e6)"], { stdio: "ignore" });
    try {
      const [left, innocent] = identifyAll([orphan.pid ?? 0, stranger.pid ?? 0]);
      if (!left || !innocent) throw new Error("unreachable");
      folderWith({ ...self(), start: "another life" }, { etcd: left, kwok: { ...innocent, start: "another life" } });
      await sweepStates(root);
      await allGone([left]);
      expect(isAlive(innocent)).toBe(true);
    } finally {
      orphan.kill("SIGKILL");
      stranger.kill("SIGKILL");
    }
  });
});

describe("a state folder", () => {
  test("is this process's until a keeper takes it", async () => {
    const folder = await createState(root);
    await sweepStates(root);
    expect(existsSync(folder)).toBe(true);
  });

  test("of a name is made once", async () => {
    await createNamedState(root, "demo");
    await expect(createNamedState(root, "demo")).rejects.toMatchObject({ code: "EEXIST" });
  });

  test("is refused below a folder that others can enter", () => {
    rmSync(root, { recursive: true });
    mkdirSync(root, { mode: 0o755 });
    expect(() => stateRoot(parent)).toThrow("must be a folder that only this user can enter");
  });
});

test("a process that has ended has no identity", async () => {
  const child = spawn(process.execPath, ["-e", ""], { stdio: "ignore" });
  await new Promise((resolve) => child.once("exit", resolve));
  expect(identify(child.pid ?? 0)).toBeUndefined();
});
