/**
 * Invariants:
 * - a program works on a cgroup's processes from the moment that it is attached until its link ends, on nothing else;
 * - a pinned link outlives its handles; one that is not ends with the last of them;
 * - an update leaves no moment without a program;
 * - each refusal is a typed error with what to do.
 */
import { join } from "node:path";
import { expect, test } from "vitest";
import { BpfError, BpfLink, BpfProgram, ClosedError, cgroupAttachTypes, openObject } from "../src/index.ts";
import { temporaryFolder } from "./support/clang.ts";
import { canSend, makeCgroup, mountBpffs, onKernel } from "./support/machine.ts";
import { packet, testObjects, thrown, tracepointArguments } from "./support/objects.ts";

const object = testObjects("counting", "core");

/** An object whose program for egress drops everything, or nothing. */
const judging = (verdict: 0 | 1) =>
  openObject(object("counting"), { rodata: { verdict }, programs: ["egress", "ingress"] }).load();

onKernel("a link to a cgroup", () => {
  test("has the program judge what the cgroup sends, and nothing else, until it is closed", () => {
    using cgroup = makeCgroup();
    using other = makeCgroup();
    using dropping = judging(0);
    expect(canSend(cgroup.path)).toBe(true);
    {
      using link = dropping.program("egress").attachCgroup(cgroup.path);
      expect(canSend(cgroup.path)).toBe(false);
      expect(canSend(other.path)).toBe(true);
      expect(link.info()).toMatchObject({ type: "cgroup", attachType: cgroupAttachTypes.inet_egress });
    }
    expect(canSend(cgroup.path)).toBe(true);
  });

  test("knows its cgroup and program, until the cgroup is gone", async () => {
    using object = judging(1);
    const program = object.program("ingress");
    let link: BpfLink;
    {
      using cgroup = makeCgroup();
      link = program.attachCgroup(cgroup.path);
      expect(link.info()).toMatchObject({ type: "cgroup", cgroupId: cgroup.id, programId: program.info().id });
    }
    using _link = link;
    // The kernel lets go of it when it gets to it.
    await expect.poll(() => link.info(), { timeout: 20_000 }).toMatchObject({ cgroupId: 0n });
  });

  test("stands beside others", () => {
    using cgroup = makeCgroup();
    using dropping = judging(0);
    using passing = judging(1);
    using _passes = passing.program("egress").attachCgroup(cgroup.path);
    const drops = dropping.program("egress").attachCgroup(cgroup.path);
    expect(canSend(cgroup.path)).toBe(false);
    drops[Symbol.dispose]();
    expect(canSend(cgroup.path)).toBe(true);
  });

  test("takes another program in the old one's place", () => {
    using cgroup = makeCgroup();
    using dropping = judging(0);
    using passing = judging(1);
    using link = dropping.program("egress").attachCgroup(cgroup.path);
    link.update(passing.program("egress"));
    expect(canSend(cgroup.path)).toBe(true);
    expect(link.info().programId).toBe(passing.program("egress").info().id);
  });

  test("takes it only in the place of the one that is expected", () => {
    using cgroup = makeCgroup();
    using dropping = judging(0);
    using passing = judging(1);
    using link = dropping.program("egress").attachCgroup(cgroup.path);
    const [drops, passes] = [dropping.program("egress"), passing.program("egress")];
    const error = thrown(BpfError, () => link.update(passes, { expected: passes }));
    expect([error.code, error.hint]).toEqual(["EPERM", expect.stringMatching(/expected/)]);
    expect(canSend(cgroup.path)).toBe(false);
    link.update(passes, { expected: drops });
    expect(canSend(cgroup.path)).toBe(true);
  });

  test("stays while it is pinned, whoever closes their handles", () => {
    using bpffs = mountBpffs();
    using cgroup = makeCgroup();
    const path = join(bpffs.path, "link");
    {
      using dropping = judging(0);
      using link = dropping.program("egress").attachCgroup(cgroup.path);
      link.pin(path);
    }
    expect(canSend(cgroup.path)).toBe(false);
    using passing = judging(1);
    using again = BpfLink.openPinned(path);
    again.update(passing.program("egress"));
    expect(canSend(cgroup.path)).toBe(true);
    expect(again.unpin(path)).toBe(true);
    expect(again.unpin(path)).toBe(false);
  });

  test("ends for all when it is detached, though it is pinned", () => {
    using bpffs = mountBpffs();
    using cgroup = makeCgroup();
    using dropping = judging(0);
    using link = dropping.program("egress").attachCgroup(cgroup.path);
    link.pin(join(bpffs.path, "link"));
    link.detach();
    expect(canSend(cgroup.path)).toBe(true);
    expect(link.info()).toMatchObject({ cgroupId: 0n });
    const error = thrown(BpfError, () => link.update(dropping.program("egress")));
    expect([error.code, error.hint]).toEqual(["ENOLINK", expect.stringMatching(/is gone/)]);
  });

  test("is made with a pinned program, which must be told where to", () => {
    using bpffs = mountBpffs();
    using cgroup = makeCgroup();
    const path = join(bpffs.path, "program");
    using dropping = judging(0);
    dropping.program("egress").pin(path);
    using program = BpfProgram.openPinned(path);
    expect(() => program.attachCgroup(cgroup.path)).toThrow(TypeError);
    using _link = program.attachCgroup(cgroup.path, "inet_egress");
    expect(canSend(cgroup.path)).toBe(false);
  });

  test("is refused with the reason where there is no such cgroup", () => {
    using folder = temporaryFolder();
    using object = judging(1);
    const program = object.program("egress");
    expect(thrown(BpfError, () => program.attachCgroup("/sys/fs/cgroup/gone")).hint).toBe("the cgroup is gone");
    const error = thrown(BpfError, () => program.attachCgroup(folder.path));
    expect([error.code, error.hint]).toEqual(["EBADF", "not a folder of a cgroup v2 hierarchy"]);
    expect(thrown(BpfError, () => program.attachCgroup("/etc/passwd")).code).toBe("ENOTDIR");
  });

  test("is refused at another place than the program was loaded for", () => {
    using cgroup = makeCgroup();
    using object = judging(1);
    const error = thrown(BpfError, () => object.program("egress").attachCgroup(cgroup.path, "sock_ops"));
    expect(error.code).toBe("EINVAL");
  });

  test("cannot be used once it is closed", () => {
    using cgroup = makeCgroup();
    using object = judging(1);
    const link = object.program("egress").attachCgroup(cgroup.path);
    link[Symbol.dispose]();
    link[Symbol.dispose]();
    for (const use of [() => link.info(), () => link.detach(), () => link.pin("/sys/fs/bpf/x"), () => link.fd])
      expect(use).toThrow(ClosedError);
  });
});

onKernel("a link to a raw tracepoint", () => {
  /** getppid, which nothing else in this process calls. */
  const GETPPID = process.arch === "arm64" ? 173n : 110n;

  test("has the program see each system call, until it is closed", () => {
    using counting = openObject(object("counting"), { rodata: { wanted_call: GETPPID } }).load();
    const seen = () => counting.map("counts").sumPerCpu(1)?.[0] ?? 0n;
    {
      using link = counting.program("on_call").attachRawTracepoint("sys_enter");
      expect(link.info()).toMatchObject({ type: "raw_tracepoint", tracepoint: "sys_enter" });
      const before = seen();
      for (let calls = 0; calls < 1000; calls++) void process.ppid;
      expect(seen() - before).toBeGreaterThanOrEqual(1000n);
    }
    const after = seen();
    for (let calls = 0; calls < 1000; calls++) void process.ppid;
    expect(seen()).toBe(after);
  });

  test("stays while it is pinned", () => {
    using bpffs = mountBpffs();
    const path = join(bpffs.path, "link");
    using counting = openObject(object("counting"), { rodata: { wanted_call: GETPPID } }).load();
    {
      using link = counting.program("on_call").attachRawTracepoint("sys_enter");
      link.pin(path);
    }
    void process.ppid;
    expect(counting.map("counts").sumPerCpu(1)?.[0]).toBeGreaterThanOrEqual(1n);
    using again = BpfLink.openPinned(path);
    expect(again.unpin(path)).toBe(true);
  });

  test("says what it cannot do", () => {
    using counting = openObject(object("counting")).load();
    const program = counting.program("on_call");
    using link = program.attachRawTracepoint("sys_enter");
    expect(thrown(BpfError, () => link.update(program)).hint).toMatch(/raw tracepoints cannot/);
    expect(thrown(BpfError, () => link.detach()).hint).toMatch(/unpin and close/);
    expect(thrown(BpfError, () => program.attachRawTracepoint("no_such_tracepoint")).hint).toMatch(/no tracepoint/);
    expect(() => program.attachCgroup("/sys/fs/cgroup")).toThrow(TypeError);
  });
});

onKernel("a test run", () => {
  test("gives what the program returned, and how long it took", () => {
    using counting = openObject(object("counting"), { rodata: { verdict: 1 } }).load();
    const dataIn = packet();
    const { retval, durationNs, dataOut } = counting.program("ingress").testRun({ dataIn, repeat: 10_000 });
    expect(retval).toBe(1);
    expect(durationNs).toBeGreaterThan(0);
    // The Ethernet header, which a cgroup program does not see, comes back empty.
    expect(dataOut.subarray(14)).toEqual(dataIn.subarray(14));
    expect(counting.map("counts").sumPerCpu(0)?.[0]).toBe(10_000n);
  });

  test("gives the context back", () => {
    using counting = openObject(object("counting")).load();
    // struct __sk_buff, of which only mark (at 8) and what the kernel lets a test set may be other than zero.
    const ctxIn = Buffer.alloc(192);
    ctxIn.writeUInt32LE(7, 8);
    const { ctxOut } = counting.program("egress").testRun({ dataIn: packet(), ctxIn });
    expect(ctxOut).toHaveLength(192);
    expect(ctxOut.readUInt32LE(8)).toBe(7);
  });

  test("runs a raw tracepoint program on arguments", () => {
    using core = openObject(object("core"), { programs: ["relocated"] }).load();
    expect(core.program("relocated").testRun({ ctxIn: tracepointArguments(0n, 0n) }).retval).toBe(process.pid);
  });

  test("is refused without a packet, or repeated where it cannot be", () => {
    using counting = openObject(object("counting")).load();
    expect(thrown(BpfError, () => counting.program("egress").testRun()).code).toBe("EINVAL");
    expect(thrown(BpfError, () => counting.program("egress").testRun({ dataIn: Buffer.alloc(4) })).code).toBe("EINVAL");
    const ctxIn = tracepointArguments(0n, 0n);
    expect(thrown(BpfError, () => counting.program("on_call").testRun({ ctxIn, repeat: 5 })).code).toBe("EINVAL");
  });
});
