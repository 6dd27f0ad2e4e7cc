/**
 * Invariants:
 * - what is read of a program, map or link is what the kernel's own tool reads (the structures' layouts are right);
 * - run statistics count while they are on, and only then.
 */
import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { enableRunStatistics, openObject } from "../src/index.ts";
import { run } from "./support/clang.ts";
import { makeCgroup, onKernel } from "./support/machine.ts";
import { testObjects } from "./support/objects.ts";

const object = testObjects("counting");
const bpftool = spawnSync("bpftool", ["version"]).status === 0;
const compared = test.skipIf(!bpftool);
const title = (name: string): string => (bpftool ? name : `${name} (skipped: needs bpftool)`);

const shown = (kind: string, id: number): unknown => JSON.parse(run("bpftool", "-j", kind, "show", "id", `${id}`));

onKernel("info", () => {
  compared(title("of a program is what bpftool says"), () => {
    using counting = openObject(object("counting")).load();
    const info = counting.program("ingress").info();
    expect(shown("prog", info.id)).toMatchObject({
      id: info.id,
      name: "ingress",
      tag: info.tag,
      bytes_jited: info.jitedBytes,
    });
    expect(info.verifiedInstructions).toBeGreaterThan(0);
    expect(info.loadedAtNs).toBeGreaterThan(0n);
  });

  compared(title("of a map is what bpftool says"), () => {
    using counting = openObject(object("counting")).load();
    const info = counting.map("counts").info();
    expect(shown("map", info.id)).toMatchObject({
      id: info.id,
      name: info.name,
      type: "percpu_array",
      bytes_key: info.keySize,
      bytes_value: info.valueSize,
      max_entries: info.maxEntries,
      flags: info.flags,
    });
  });

  compared(title("of a link is what bpftool says"), () => {
    using cgroup = makeCgroup();
    using counting = openObject(object("counting")).load();
    using link = counting.program("egress").attachCgroup(cgroup.path);
    using calls = counting.program("on_call").attachRawTracepoint("sys_enter");
    const info = link.info();
    expect(shown("link", info.id)).toMatchObject({
      id: info.id,
      type: "cgroup",
      prog_id: info.programId,
      cgroup_id: Number(cgroup.id),
    });
    expect(shown("link", calls.info().id)).toMatchObject({ type: "raw_tracepoint", tp_name: "sys_enter" });
  });

  test("is the same tag for the same program", () => {
    using first = openObject(object("counting")).load();
    using second = openObject(object("counting")).load();
    expect(first.program("egress").info().tag).toBe(second.program("egress").info().tag);
    expect(first.program("egress").info().tag).not.toBe(first.program("ingress").info().tag);
  });

  test("counts the runs while run statistics are on", () => {
    using counting = openObject(object("counting"), { programs: ["on_call"] }).load();
    const program = counting.program("on_call");
    {
      using _statistics = enableRunStatistics();
      using _link = program.attachRawTracepoint("sys_enter");
      for (let calls = 0; calls < 100; calls++) void process.ppid;
    }
    const { runCount, runTimeNs, recursionMisses } = program.info();
    expect(runCount).toBeGreaterThanOrEqual(100n);
    expect(runTimeNs).toBeGreaterThan(0n);
    expect(recursionMisses).toBeGreaterThanOrEqual(0n);
    using _link = program.attachRawTracepoint("sys_enter");
    const before = program.info().runCount;
    void process.ppid;
    expect(program.info().runCount).toBe(before);
  });
});
