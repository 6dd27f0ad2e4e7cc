import { readFileSync, statfsSync } from "node:fs";
import { type CgroupMount, cgroupMounts } from "./cgroup-mounts.ts";
import { findTops } from "./cgroup-tops.ts";
import { EbpfUnavailable } from "./unavailable.ts";

/** `CGROUP2_SUPER_MAGIC` of linux/magic.h. */
const CGROUP2_MAGIC = 0x63677270;

const V1_ONLY =
  "The Pods of this node stand in cgroup v1 alone, where no program can be attached to them. " +
  "Boot with systemd.unified_cgroup_hierarchy=1, or mount the hybrid hierarchy.";

const isCgroup2 = (path: string): boolean => {
  try {
    return statfsSync(path).type === CGROUP2_MAGIC;
  } catch {
    return false;
  }
};

const ownMounts = (): readonly CgroupMount[] => cgroupMounts(readFileSync("/proc/self/mountinfo", "utf8"));

/**
 * The cgroup v2 folders below which Pods are looked for: the configured one, else each v2 hierarchy that is mounted here.
 *
 * @throws EbpfUnavailable where there is none, or Pods are in v1 alone.
 */
export const cgroupRoots = (
  configured: string | undefined,
  mounts: readonly CgroupMount[] = ownMounts(),
): readonly string[] => {
  if (configured !== undefined) return [checkedRoot(configured)];
  const second = mounts.flatMap(({ version, path }) => (version === 2 ? [path] : []));
  const first = mounts.flatMap(({ version, path }) => (version === 1 ? [path] : []));
  if (second.some((path) => findTops(path).length > 0)) return second;
  // A v2 hierarchy can be mounted and empty (for systemd alone) while kubelet and runtime use v1.
  if (first.some((path) => findTops(path).length > 0))
    throw new EbpfUnavailable({ reason: "CgroupV1Only", message: V1_ONLY });
  if (second.length > 0) return second;
  if (first.length > 0) throw new EbpfUnavailable({ reason: "CgroupV1Only", message: V1_ONLY });
  throw new EbpfUnavailable({
    reason: "CgroupRootNotFound",
    message:
      "No cgroup hierarchy is mounted here. Mount the node's /sys/fs/cgroup into the agent's container (hostPath).",
  });
};

const checkedRoot = (path: string): string => {
  if (isCgroup2(path)) return path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path;
  throw new EbpfUnavailable({
    reason: "CgroupRootNotFound",
    message: `CGROUP_ROOT ${path} is no folder of a cgroup v2 hierarchy. Leave it empty to have it found, or name the v2 mount.`,
  });
};
