import { readdirSync } from "node:fs";
import { isTopName } from "./cgroup-names.ts";

/**
 * How deep below a mount kubelet's folder is looked for. The deepest layouts known are nodes in containers:
 * `system.slice/docker-<id>.scope/kubelet.slice/kubelet-kubepods.slice`.
 */
const DEPTH = 5;

/** No folder at all where it was removed meanwhile or may not be read: then there are no Pods in it either. */
export const foldersIn = (path: string): readonly string[] => {
  try {
    return readdirSync(path, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []));
  } catch {
    return [];
  }
};

/**
 * The folders below `mount` that hold Pods, the shallowest first: one on a node, several where nodes run in containers of this
 * machine. `mount` may be such a folder itself.
 */
export const findTops = (mount: string): readonly string[] => {
  if (isTopName(mount.slice(mount.lastIndexOf("/") + 1))) return [mount];
  const tops: string[] = [];
  let level = [mount];
  for (let depth = 0; depth < DEPTH; depth++) {
    const next: string[] = [];
    for (const folder of level) {
      for (const name of foldersIn(folder)) (isTopName(name) ? tops : next).push(`${folder}/${name}`);
    }
    level = next;
  }
  return tops;
};
