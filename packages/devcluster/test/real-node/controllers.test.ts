/**
 * On the kernel's own cgroups of version 2, with a cgroup of the test's in the place of the machine's.
 *
 * Invariants:
 * - what the machine's cgroup hands on to its children after the last node is what it did before the first;
 * - a node loses no controller while it lives, and neither does anybody else.
 */
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createCgroups, type Hierarchy, hierarchies, removeCgroups } from "../../src/real-node/cgroups.ts";
import { handOnControllers, restoreCgroups } from "../../src/real-node/controllers.ts";

const mounted = process.platform === "linux" ? hierarchies().find(({ type }) => type === "cgroup2") : undefined;

const words = (folder: string, file: string): string[] =>
  readFileSync(join(folder, file), "utf8").trim().split(/\s+/).filter(Boolean);

const control = (folder: string) => words(folder, "cgroup.subtree_control");
const change = (folder: string, what: string) => writeFileSync(join(folder, "cgroup.subtree_control"), what);

/** A controller that this machine's cgroup of version 2 has to give. */
const controller = mounted && words(mounted.mountPoint, "cgroup.controllers")[0];

const missing = (): string | undefined => {
  if (process.getuid?.() !== 0) return "only root makes cgroups";
  return controller === undefined ? "the cgroups of version 2 here have no controllers" : undefined;
};

describe.skipIf(missing())(`the machine's cgroup${missing() ? ` (skipped: ${missing()})` : ""}`, () => {
  const root = mounted?.mountPoint ?? "";
  const wanted = controller ?? "";
  const machine = join(root, `pcmc-test-${process.pid}`);
  const among: readonly Hierarchy[] = [{ type: "cgroup2", options: "rw", mountPoint: machine }];
  let isHandedOn: boolean;

  const start = (owner: string) => {
    createCgroups(owner, among);
    handOnControllers(owner, among);
  };
  const end = async (owner: string) => {
    await removeCgroups(owner, among);
    restoreCgroups(among);
  };
  const nodeHas = (owner: string) => words(join(machine, "pcmc-devcluster", owner), "cgroup.controllers");

  beforeEach(() => {
    isHandedOn = control(root).includes(wanted);
    if (!isHandedOn) change(root, `+${wanted}`);
    mkdirSync(machine);
  });

  afterEach(() => {
    rmdirSync(machine);
    if (!isHandedOn) change(root, `-${wanted}`);
  });

  test("hands on nothing again once the last of several nodes is gone", async () => {
    start("1-1");
    start("2-2");
    await end("1-1");
    expect(nodeHas("2-2")).toContain(wanted);
    await end("2-2");
    expect(control(machine)).toEqual([]);
    expect(existsSync(join(machine, "pcmc-devcluster"))).toBe(false);
  });

  test("still hands on what it handed on before the first node", async () => {
    change(machine, `+${wanted}`);
    start("1-1");
    await end("1-1");
    expect(control(machine)).toEqual([wanted]);
    change(machine, `-${wanted}`);
  });

  test("still hands on what somebody else has come to use", async () => {
    start("1-1");
    const other = join(machine, "other");
    mkdirSync(other);
    change(other, `+${wanted}`);
    await end("1-1");
    expect(words(other, "cgroup.controllers")).toContain(wanted);
    expect(existsSync(join(machine, "pcmc-devcluster"))).toBe(false);
    rmdirSync(other);
  });
});
