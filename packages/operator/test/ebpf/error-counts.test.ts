// Invariants:
// - What is kept of a Pod is read as it was written, the last time, by any process, and goes with the Pod's folder.
// - Where nothing can be kept, or something else is in its place, nothing is read and nothing throws.

import { mkdirSync, readdirSync, symlinkSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { ErrorCounts } from "../../src/ebpf/error-counts.ts";
import { removePodFolder } from "../../src/ebpf/held-pod.ts";
import { bpffs, noBpffs } from "./support/bpffs.ts";

const full = { program: "l4_firewall", reason: "BpffsFull", count: 3 } as const;
const short = { program: "syscall_counter", reason: "NoMemory", count: 1 } as const;

describe.skipIf(noBpffs)(`on a real bpffs${noBpffs ? ` (skipped: ${noBpffs})` : ""}`, () => {
  test("is read as it was written last, and goes with the folder", () => {
    using mount = bpffs();
    mkdirSync(`${mount.path}/a1`);
    new ErrorCounts(mount.path).write("a1", [full]);
    new ErrorCounts(mount.path).write("a1", [{ ...full, count: 4 }, short]);
    expect(new ErrorCounts(mount.path).read("a1")).toEqual([{ ...full, count: 4 }, short]);
    removePodFolder(`${mount.path}/a1`);
    expect(readdirSync(mount.path)).not.toContain("a1");
  });

  test("is kept over a process that was killed between two steps", () => {
    using mount = bpffs();
    mkdirSync(`${mount.path}/a1`);
    const counts = new ErrorCounts(mount.path);
    counts.write("a1", [full]);
    symlinkSync("l4_firewall:BpffsFull:4", `${mount.path}/a1/errors-next`);
    expect(counts.read("a1")).toEqual([full]);
    counts.write("a1", [short]);
    expect(counts.read("a1")).toEqual([short]);
  });

  test("is nothing where there is no folder, no room, or no sense", () => {
    using mount = bpffs();
    mkdirSync(`${mount.path}/a1`);
    mkdirSync(`${mount.path}/a2`);
    symlinkSync("l4_firewall:BpffsFull,evil:Reason:1,:::", `${mount.path}/a2/errors`);
    const counts = new ErrorCounts(mount.path);
    counts.write("a3", [full]);
    counts.write("../a1", [full]);
    mount.remount("ro");
    counts.write("a1", [full]);
    expect(["a1", "a2", "a3", "../a1"].flatMap((uid) => counts.read(uid))).toEqual([]);
  });
});
