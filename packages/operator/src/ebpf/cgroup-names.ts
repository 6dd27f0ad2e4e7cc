import type { NodePod } from "./node-pod.ts";

/**
 * The names that kubelet and container runtimes give to cgroups (kubelet: `cm/cgroup_manager_linux.go`, `cm/pod_container_manager_linux.go`).
 *
 * | driver   | Pod, burstable                                                                          | container                     |
 * |----------|-----------------------------------------------------------------------------------------|-------------------------------|
 * | cgroupfs | `kubepods/burstable/pod<uid>`                                                           | `<id>`                        |
 * | systemd  | `kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod<uid, - as _>.slice`     | `cri-containerd-<id>.scope`   |
 *
 * A Pod of class Guaranteed has no class in its path. kubelet's `--cgroup-root=/a/b` puts `a/b/` before the first, and
 * `a.slice/a-b.slice/a-b-` before each part of the second.
 */

/** A Pod's id as both sides of a comparison have it: systemd's names cannot hold `-`, which stands for `/` there. */
export const comparable = (podId: string): string => podId.replaceAll("_", "-");

/** The ids under which a Pod's cgroup can go, the likelier first. */
export const podIds = ({ uid, configHash }: Pick<NodePod, "uid" | "configHash">): readonly string[] =>
  configHash === undefined ? [uid] : [configHash, uid];

const TOP = /^(?:.+-)?kubepods\.slice$|^kubepods$/;
const CLASS = /^(?:.+-)?kubepods-(?:burstable|besteffort)\.slice$|^(?:burstable|besteffort)$/;
const CGROUPFS_POD = /^pod([0-9A-Za-z-]+)$/;
const SYSTEMD_POD = /^(?:.+-)?kubepods(?:-(?:burstable|besteffort))?-pod([0-9A-Za-z_]+)\.slice$/;
const CONTAINER = /^(?:(?:cri-containerd|crio|docker|libpod|cri-dockerd)-)?([0-9a-f]{64})(?:\.scope)?$/;

/** Whether a folder of this name holds all Pods of a node. */
export const isTopName = (name: string): boolean => TOP.test(name);

/** Whether a folder of this name, in the top one, holds the Pods of a QoS class. */
export const isClassName = (name: string): boolean => CLASS.test(name);

/** The Pod whose cgroup has this folder name, as `comparable`; `undefined` where it is no Pod's. */
export const podIdOf = (name: string): string | undefined => {
  const id = (CGROUPFS_POD.exec(name) ?? SYSTEMD_POD.exec(name))?.[1];
  return id === undefined ? undefined : comparable(id);
};

/**
 * The container whose cgroup has this folder name; `undefined` where it is none. `crio-conmon-<id>.scope`, CRI-O's monitor of
 * the container, is none.
 */
export const containerIdOf = (name: string): string | undefined => CONTAINER.exec(name)?.[1];

/** Where a Pod's cgroup is by the rules above, below a top folder; tried before that folder is searched. */
export const expectedPath = (top: string, pod: Pick<NodePod, "uid" | "configHash" | "qosClass">): string => {
  const id = podIds(pod)[0] ?? pod.uid;
  const qosClass = pod.qosClass === "Guaranteed" ? undefined : pod.qosClass.toLowerCase();
  if (!top.endsWith(".slice")) return [top, ...(qosClass ? [qosClass] : []), `pod${id}`].join("/");
  const stem = top.slice(top.lastIndexOf("/") + 1, -".slice".length);
  const classStem = qosClass ? `${stem}-${qosClass}` : stem;
  const folder = qosClass ? `${top}/${classStem}.slice` : top;
  return `${folder}/${classStem}-pod${id.replaceAll("-", "_")}.slice`;
};
