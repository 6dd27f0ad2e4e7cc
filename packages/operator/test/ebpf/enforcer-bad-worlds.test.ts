// Invariants of worlds that are made for real, each in namespaces of its own:
// - What the agent cannot work in is told by its reason and by what to do; the process does not end of it.
// - What looks like an obstacle and is none is no obstacle.
// - Pins that vanish are noticed, and rules stand all the same.
//
// Not made here, because nothing on this kernel makes them: a limit of memory or of locked memory that the kernel counts for us, a
// bpffs that is full (it has no limit of its own), and a kernel that is older (a bpf(2) that does not exist is the nearest). Of
// these the kernel's answers are given in its place.

import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { openHandles } from "@pcmc/libbpf";
import { afterEach, describe, expect, test } from "vitest";
import { cgroupMounts } from "../../src/ebpf/cgroup-mounts.ts";
import { testNetwork } from "./support/network.ts";
import { noKernel, readingOf, skipped, type TestNode, testNode } from "./support/node.ts";
import { blocking, policyOf } from "./support/policies.ts";

const AGENT = [process.execPath, fileURLToPath(new URL("support/try-enforcer.ts", import.meta.url))];
const REFUSE_BPF = fileURLToPath(new URL("support/refuse-bpf.c", import.meta.url));

const mountsOf = (version: 1 | 2): readonly string[] =>
  cgroupMounts(readFileSync("/proc/self/mountinfo", "utf8")).flatMap((mount) =>
    mount.version === version ? [mount.path] : [],
  );
const noHybrid = mountsOf(1).length > 0 ? undefined : "needs cgroup v1 beside v2";
const noSetpriv = existsSync("/usr/bin/setpriv") ? undefined : "needs setpriv";

interface World {
  /** Shell commands that make it, in a mount namespace of its own. */
  readonly made?: string;
  /** What the agent is started by. */
  readonly by?: readonly string[];
  /** Default: the node's. `undefined`: to be found. */
  readonly cgroupRoot?: string | undefined;
}

/** What an agent says that is started in this world, where it is given a Pod. */
const agentIn = (node: TestNode, world: World): unknown => {
  const { made = "true", by = [] } = world;
  const { pod } = node.pod("a1");
  const cgroupRoot = "cgroupRoot" in world ? world.cgroupRoot : node.cgroupRoot;
  const script = `${made} && exec "$@"`;
  const { stdout, stderr, status } = spawnSync("unshare", ["-m", "sh", "-c", script, "sh", ...by, ...AGENT], {
    input: JSON.stringify({ pinDir: node.pinDir, cgroupRoot, pod }),
    encoding: "utf8",
  });
  if (stdout === "") throw new Error(`ended with ${status}: ${stderr}`);
  return JSON.parse(stdout);
};

const works = { outcome: { kind: "applied", programs: ["syscall_counter", "l4_firewall"] }, readings: 1 };

const told = (unavailable: string, message: string) => ({ unavailable, message: expect.stringContaining(message) });

describe.skipIf(noKernel)(`pins that vanish under an agent${skipped}`, () => {
  afterEach(() => {
    expect(openHandles()).toEqual([]);
  });

  test.each([
    ["removed", (node: TestNode) => void spawnSync("rm", ["-r", `${node.mount}/pcmc`])],
    ["hidden by another bpffs", (node: TestNode) => void spawnSync("mount", ["-t", "bpf", "bpf", node.mount])],
  ])("because the folder is %s are noticed; others take their place with no moment without", async (how, vanish) => {
    await using node = testNode();
    await using network = await testNetwork();
    const { pod, cgroup } = node.pod("a1");
    await network.serve(cgroup, [7000, 7001]);
    const policy = policyOf({ firewall: blocking(7000), syscalls: { calls: ["getpgid"] } });
    const before = await node.open();
    try {
      await before.apply(pod, policy);
      expect(before.isStanding).toBe(true);
      vanish(node);
      expect(before.isStanding).toBe(false);
      // Handles of the process are what holds it now.
      expect(await network.reach("tcp", 7000)).toBe("closed");
      await using after = await node.open();
      expect(await after.apply(pod, policy)).toMatchObject({
        kind: "applied",
        programs: ["syscall_counter", "l4_firewall"],
      });
      await before[Symbol.asyncDispose]();
      expect(after.isStanding).toBe(true);
      expect([await network.reach("tcp", 7000), await network.reach("tcp", 7001)]).toEqual(["closed", "open"]);
      expect(readingOf(after, "a1").programs).toEqual(["syscall_counter", "l4_firewall"]);
    } finally {
      await before[Symbol.asyncDispose]();
      if (how.startsWith("hidden")) spawnSync("umount", [node.mount]);
    }
  });
});

describe.skipIf(noKernel)(`worlds that are made for the agent${skipped}`, () => {
  test("one that lacks nothing is one in which it works", async () => {
    await using node = testNode();
    expect(agentIn(node, {})).toMatchObject(works);
  });

  test("a kernel without type information", async () => {
    await using node = testNode();
    const made = "mount -t tmpfs none /sys/kernel/btf";
    expect(agentIn(node, { made })).toMatchObject(told("NoBtf", "CONFIG_DEBUG_INFO_BTF=y"));
  });

  test("no bpffs where it is looked for", async () => {
    await using node = testNode();
    const made = `umount ${node.mount}`;
    expect(agentIn(node, { made })).toMatchObject(told("BpffsNotMounted", "mount -t bpf bpf /sys/fs/bpf"));
  });

  test("a bpffs that is mounted read-only from the start", async () => {
    await using node = testNode();
    const made = `mount -o remount,bind,ro ${node.mount}`;
    expect(agentIn(node, { made })).toMatchObject(told("BpffsReadOnly", "Mount it writable"));
  });

  test.skipIf(noHybrid)(`cgroup v1 alone${noHybrid ? ` (skipped: ${noHybrid})` : ""}`, async () => {
    await using node = testNode();
    const made = mountsOf(2)
      .map((path) => `umount ${path}`)
      .join(" && ");
    const world = { made, cgroupRoot: undefined };
    expect(agentIn(node, world)).toMatchObject(told("CgroupV1Only", "systemd.unified_cgroup_hierarchy=1"));
  });

  test("no cgroup hierarchy at all, as in a container without the hostPath", async () => {
    await using node = testNode();
    const made = [...mountsOf(2), ...mountsOf(1)].map((path) => `umount ${path}`).join(" && ");
    expect(agentIn(node, { made, cgroupRoot: undefined })).toMatchObject(told("CgroupRootNotFound", "hostPath"));
  });

  test("a limit of locked memory of nothing, which counts no longer", async () => {
    await using node = testNode();
    expect(agentIn(node, { by: ["prlimit", "--memlock=0:0"] })).toMatchObject(works);
  });

  test.skipIf(noSetpriv)(`no root, and a bpffs of root's${noSetpriv ? ` (skipped: ${noSetpriv})` : ""}`, async () => {
    await using node = testNode();
    const capabilities = "+bpf,+net_admin,+perfmon";
    const nobody = ["--reuid", "65534", "--regid", "65534", "--clear-groups"];
    const by = ["setpriv", ...nobody, "--inh-caps", `-all,${capabilities}`, "--ambient-caps", `-all,${capabilities}`];
    const made = `chmod 0700 ${node.mount}`;
    expect(agentIn(node, { made, by })).toMatchObject(told("NotPermitted", "uid 0"));
  });

  test.each([
    ["refuses bpf(2), as a container's seccomp profile does", "EPERM", "NotPermitted", "BPF, NET_ADMIN and PERFMON"],
    ["has no bpf(2)", "ENOSYS", "KernelTooOld", "docs/EBPF_FEATURES.md"],
    ["has no memory for maps, as under RLIMIT_MEMLOCK before 5.11", "ENOMEM:MAP_CREATE", "NoMemory", "RLIMIT_MEMLOCK"],
    ["has no room on the bpffs", "ENOSPC:OBJ_PIN", "BpffsFull", "what others have pinned there"],
  ] as const)("a kernel that %s", async (_, refusal, reason, advice) => {
    await using node = testNode();
    const folder = mkdtempSync(`${tmpdir()}/pcmc-refuse-`);
    try {
      const launcher = `${folder}/refuse-bpf`;
      const { status, stderr } = spawnSync("gcc", ["-o", launcher, REFUSE_BPF], { encoding: "utf8" });
      if (status !== 0) throw new Error(stderr);
      expect(agentIn(node, { by: [launcher, refusal] })).toMatchObject(told(reason, advice));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
