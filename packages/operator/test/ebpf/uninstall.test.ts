// Invariants:
// - After it nothing of ours is attached or pinned, whole or half-made, and what is others' stays.
// - It does not pull the rug from under an agent that runs.

import { mkdirSync, readdirSync, symlinkSync } from "node:fs";
import { openHandles } from "@pcmc/libbpf";
import { afterEach, describe, expect, test } from "vitest";
import { openPinDir } from "../../src/ebpf/pin-dir.ts";
import { uninstall } from "../../src/ebpf/uninstall.ts";
import { noKernel, skipped, testNode } from "./support/node.ts";
import { blocking, policyOf } from "./support/policies.ts";
import { unavailableReason } from "./support/reasons.ts";

const everything = () => policyOf({ firewall: blocking(7000), syscalls: { calls: ["getpgid"] } });

describe.skipIf(noKernel)(`uninstall on the real kernel${skipped}`, () => {
  afterEach(() => {
    expect(openHandles()).toEqual([]);
  });

  test("removes what agents left, the folder, and those above it that are empty then", async () => {
    await using node = testNode();
    {
      await using enforcer = await node.open();
      for (const uid of ["a1", "a2"]) await enforcer.apply(node.pod(uid).pod, everything());
    }
    expect(uninstall(node.pinDir)).toEqual({ pods: ["a1", "a2"], node: true });
    expect(readdirSync(node.mount)).not.toContain("pcmc");
    expect(uninstall(node.pinDir)).toEqual({ pods: [], node: false });
  });

  test("removes what a process left that was killed in the middle of its work", async () => {
    await using node = testNode();
    const dir = openPinDir(node.pinDir);
    mkdirSync(`${dir.pods}/a1`);
    mkdirSync(`${dir.node}/v1`);
    symlinkSync("1:1", `${dir.path}/owner`);
    mkdirSync(`${dir.path}/probe`);
    uninstall(node.pinDir);
    expect(readdirSync(node.mount)).not.toContain("pcmc");
  });

  test("leaves what is not ours beside the folder", async () => {
    await using node = testNode();
    openPinDir(node.pinDir);
    mkdirSync(`${node.mount}/pcmc/other`);
    uninstall(node.pinDir);
    expect(readdirSync(`${node.mount}/pcmc`)).toEqual(["other"]);
  });

  test("is refused while an agent runs, and on a folder that is on no bpffs", async () => {
    await using node = testNode();
    await using enforcer = await node.open();
    await enforcer.apply(node.pod("a1").pod, everything());
    expect(unavailableReason(() => uninstall(node.pinDir))).toBe("PinDirInUse");
    expect(enforcer.readings()).toHaveLength(1);
    expect(unavailableReason(() => uninstall("/tmp"))).toBe("BpffsNotMounted");
  });
});
