import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cgroupOf, type Hierarchy, hierarchies, PARENT, removeEmpty, subgroups } from "./cgroups.ts";

/**
 * Before the name of a controller: an empty cgroup that says that the machine's own cgroup did not hand it on before
 * real nodes were there. A cgroup, because those outlive a keeper that is killed, and no file can go astray.
 */
const MARK = "handed-on-";

/** In version 2 a cgroup has the controllers that its parent hands on; none where version 1 holds them. */
export const handOnControllers = (owner: string, among: readonly Hierarchy[] = hierarchies()): void => {
  for (const { mountPoint } of versionTwo(among)) {
    for (const controller of words(join(mountPoint, "cgroup.controllers"))) handOn(mountPoint, owner, controller);
  }
};

const handOn = (mountPoint: string, owner: string, controller: string): void => {
  if (!words(control(mountPoint)).includes(controller)) {
    mkdirSync(join(mountPoint, PARENT, `${MARK}${controller}`), { recursive: true });
  }
  for (const path of ["", PARENT, cgroupOf(owner)]) writeFileSync(control(join(mountPoint, path)), `+${controller}`);
};

/** After the last node, the machine's own cgroup hands on again what it did before the first, and no more. */
export const restoreCgroups = (among: readonly Hierarchy[] = hierarchies()): void => {
  for (const { mountPoint } of among) {
    const names = subgroups(join(mountPoint, PARENT));
    const marks = names.filter((name) => name.startsWith(MARK));
    if (marks.length < names.length) continue;
    for (const mark of marks) {
      const controller = mark.slice(MARK.length);
      // The machine's cannot stop to hand on what a child hands on.
      for (const path of [PARENT, ""]) takeBack(join(mountPoint, path), controller);
      removeEmpty(join(mountPoint, PARENT, mark));
    }
    removeEmpty(join(mountPoint, PARENT));
  }
};

/** Others may have come to use it, and keep it then. */
const takeBack = (folder: string, controller: string): void => {
  try {
    writeFileSync(control(folder), `-${controller}`);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && (error.code === "EBUSY" || error.code === "ENOENT")))
      throw error;
  }
};

const versionTwo = (among: readonly Hierarchy[]): readonly Hierarchy[] =>
  among.filter(({ type }) => type === "cgroup2");

const control = (folder: string): string => join(folder, "cgroup.subtree_control");

const words = (file: string): string[] => readFileSync(file, "utf8").trim().split(/\s+/).filter(Boolean);
