/**
 * Invariants: in a world that lacks something
 * - it is a typed error that says what is missing and what to do, never a crash, and nothing on standard error;
 * - CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON are enough for all but run statistics.
 */
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type ChildOptions, inChild, withCapabilities, withMounts } from "./support/child.ts";
import { run, temporaryFolder } from "./support/clang.ts";
import { makeCgroup, mountBpffs, onKernel } from "./support/machine.ts";
import { testObjects } from "./support/objects.ts";

const object = testObjects("counting", "core", "refused");

const attempt = (what: string, { via, arguments: rest = [] }: ChildOptions = {}): unknown =>
  inChild("try", { via, arguments: [what, ...rest] }).answer;

const agent = ["bpf", "net_admin", "perfmon"];

onKernel("a process without capabilities", () => {
  test("is told which it lacks", () => {
    const via = withCapabilities();
    expect(attempt("create map", { via })).toEqual({
      name: "BpfError",
      operation: "create map",
      code: "EPERM",
      hint: "this process lacks CAP_BPF",
    });
    expect(attempt("load", { via, arguments: [object("counting")] })).toMatchObject({
      code: "EPERM",
      hint: expect.stringMatching(/^this process lacks .*CAP_BPF/),
    });
  });

  test("is not told that the kernel lacks the features", () => {
    expect(attempt("probe", { via: withCapabilities() })).toMatchObject({ name: "BpfError", code: "EPERM" });
  });

  test.each(agent)("is told that it lacks only %s", (missing) => {
    using bpffs = mountBpffs();
    using cgroup = makeCgroup();
    const via = withCapabilities(...agent.filter((name) => name !== missing));
    const answer = attempt("everything", { via, arguments: [object("counting"), cgroup.path, bpffs.path] });
    expect(answer).toMatchObject({ code: "EPERM", hint: `this process lacks CAP_${missing.toUpperCase()}` });
  });
});

onKernel("a process with CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON alone", () => {
  test("can load, attach, pin, adopt, update and read", () => {
    using bpffs = mountBpffs();
    using cgroup = makeCgroup();
    const answer = attempt("everything", {
      via: withCapabilities(...agent),
      arguments: [object("counting"), cgroup.path, bpffs.path],
    });
    expect(answer).toEqual({ result: "1 0 egress" });
  });

  test("finds out what the kernel can do", () => {
    expect(attempt("probe", { via: withCapabilities(...agent) })).toEqual({ result: [] });
  });

  test("is told that run statistics need another", () => {
    expect(attempt("statistics", { via: withCapabilities(...agent) })).toMatchObject({
      code: "EPERM",
      hint: expect.stringMatching(/CAP_SYS_ADMIN.*kernel\.bpf_stats_enabled/),
    });
  });

  test("is told that it may not raise its limit of locked memory", () => {
    const via = ["prlimit", "--memlock=65536:65536", ...withCapabilities(...agent)];
    expect(attempt("raise memlock", { via, arguments: [object("counting")] })).toMatchObject({
      operation: "raise RLIMIT_MEMLOCK",
      code: "EPERM",
      hint: expect.stringMatching(/hard limit/),
    });
  });
});

onKernel("a machine", () => {
  test("without libbpf says which package has it", () => {
    const [, library = ""] = /libbpf\.so\.1 .*=> (\S+)/.exec(run("ldconfig", "-p")) ?? [];
    const via = withMounts(`mount --bind /dev/null "$(readlink -f ${library})"`);
    expect(attempt("create map", { via })).toMatchObject({
      name: "LibbpfMissingError",
      message: expect.stringMatching(/^libbpf 1\.0 or newer is needed \(Debian.*libbpf1/),
    });
  });

  test("without BTF says that CO-RE needs it", () => {
    const via = withMounts("mount -t tmpfs none /sys/kernel/btf");
    expect(attempt("load relocated", { via, arguments: [object("core")] })).toMatchObject({
      name: "BpfError",
      operation: "load object",
      hint: expect.stringMatching(/no BTF.*CONFIG_DEBUG_INFO_BTF.*btfPath/),
    });
    expect(attempt("probe", { via })).toMatchObject({ result: [{ name: "btf", since: "5.4" }] });
  });

  test("without BTF of its own takes that of a file", () => {
    using folder = temporaryFolder();
    const btf = join(folder.path, "vmlinux");
    copyFileSync("/sys/kernel/btf/vmlinux", btf);
    const via = withMounts("mount -t tmpfs none /sys/kernel/btf");
    expect(attempt("load relocated", { via, arguments: [object("core"), btf] })).toEqual({ result: "relocated" });
  });

  test("with no descriptors left says so", () => {
    expect(attempt("create maps until none is left", { via: ["prlimit", "--nofile=64:64"] })).toMatchObject({
      code: "EMFILE",
      hint: expect.stringMatching(/RLIMIT_NOFILE/),
    });
  });

  test("that refuses a program gets no line on its standard error", () => {
    expect(attempt("load", { arguments: [object("refused")] })).toMatchObject({ name: "VerifierError" });
  });
});
