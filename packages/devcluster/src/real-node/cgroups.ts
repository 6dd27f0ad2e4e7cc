import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { poll } from "../poll.ts";

/** A cgroup hierarchy as it is mounted: the one of version 2, or one of version 1 for some controllers. */
export interface Hierarchy {
  readonly type: "cgroup" | "cgroup2";
  /** What `mount -o` needs to mount the same one elsewhere. */
  readonly options: string;
  readonly mountPoint: string;
}

/** Below this, in each hierarchy, every real node has a cgroup of its own. */
export const PARENT = "pcmc-devcluster";

/** The processes of the node itself. Pods stand beside it, in `kubepods`. */
const LEAF = "node";

/** How long the kernel may take to end what was killed. Milliseconds. */
const KILL_TIMEOUT = 20_000;

/** Reads `/proc/self/mountinfo`, whose form is that of proc(5). */
export const parseHierarchies = (mountinfo: string): Hierarchy[] =>
  mountinfo.split("\n").flatMap((line): Hierarchy[] => {
    const [mount = "", source = ""] = line.split(" - ");
    const [type, , superOptions = ""] = source.split(" ");
    const mountPoint = mount.split(" ")[4];
    if (!mountPoint || (type !== "cgroup" && type !== "cgroup2")) return [];
    if (type === "cgroup2") return [{ type, options: "rw", mountPoint }];
    return [{ type, options: versionOneOptions(superOptions), mountPoint }];
  });

/** Controllers and name say which hierarchy it is. One with a name only is asked for as `none`. */
const versionOneOptions = (superOptions: string): string => {
  const kept = superOptions
    .split(",")
    .filter((option) => !/^(rw|ro|xattr|release_agent=.*|clone_children)$/.test(option));
  return kept.every((option) => option.startsWith("name=")) ? ["none", ...kept].join(",") : kept.join(",");
};

/** The hierarchies of this machine. */
export const hierarchies = (): Hierarchy[] => parseHierarchies(readFileSync("/proc/self/mountinfo", "utf8"));

/** Path of the cgroup of a node, below each hierarchy's mount point. */
export const cgroupOf = (owner: string): string => `${PARENT}/${owner}`;

/** Makes the cgroup of a node in each hierarchy. */
export const createCgroups = (owner: string, among: readonly Hierarchy[] = hierarchies()): void => {
  for (const { mountPoint } of among) {
    mkdirSync(join(mountPoint, PARENT, owner, LEAF), { recursive: true });
    for (const path of [PARENT, cgroupOf(owner), join(cgroupOf(owner), LEAF)]) inheritCpuset(mountPoint, path);
  }
};

/** In version 1 a new cpuset is empty, and holds no process before it has processors and memory. */
const inheritCpuset = (mountPoint: string, path: string): void => {
  for (const file of ["cpuset.cpus", "cpuset.mems"]) {
    const own = join(mountPoint, path, file);
    if (!existsSync(own) || !existsSync(join(mountPoint, "cgroup.clone_children"))) continue;
    if (readFileSync(own, "utf8").trim() === "") writeFileSync(own, readFileSync(join(mountPoint, path, "..", file)));
  }
};

/** Puts a process of this machine into the node's own cgroup. */
export const joinCgroups = (owner: string, pid: number): void => {
  for (const { mountPoint } of hierarchies()) {
    writeFileSync(join(mountPoint, cgroupOf(owner), LEAF, "cgroup.procs"), String(pid));
  }
};

/** Who has cgroups here. */
export const cgroupOwners = (): string[] => {
  const folders = hierarchies().map(({ mountPoint }) => join(mountPoint, PARENT));
  return [...new Set(folders.flatMap(subgroups))];
};

/** Kills what still runs in the node's cgroups, and removes them. */
export const removeCgroups = async (owner: string, among: readonly Hierarchy[] = hierarchies()): Promise<void> => {
  const roots = among.map(({ mountPoint }) => join(mountPoint, PARENT, owner));
  await poll(async () => (roots.map(removeTree).every(Boolean) ? true : undefined), {
    timeout: KILL_TIMEOUT,
    interval: 20,
    what: `the processes in the cgroup ${cgroupOf(owner)} end`,
  });
};

/** True when the cgroup is gone; false while processes that were sent SIGKILL hold it. */
const removeTree = (folder: string): boolean => {
  for (const name of subgroups(folder)) removeTree(join(folder, name));
  for (const pid of processesIn(folder)) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It ended between the two lines.
    }
  }
  return removeEmpty(folder);
};

/** Zero is a process that this pid namespace does not see. */
const processesIn = (folder: string): number[] => {
  try {
    return readFileSync(join(folder, "cgroup.procs"), "utf8")
      .split("\n")
      .map(Number)
      .filter((pid) => pid > 0);
  } catch {
    return [];
  }
};

/** Names of the cgroups right below one; none where that is not there. */
export const subgroups = (folder: string): string[] => {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
  } catch {
    return [];
  }
};

/** True when the cgroup is gone; false while something is in it. */
export const removeEmpty = (folder: string): boolean => {
  try {
    rmdirSync(folder);
    return true;
  } catch {
    return !existsSync(folder);
  }
};
