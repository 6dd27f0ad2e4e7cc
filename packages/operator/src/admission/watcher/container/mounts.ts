import type { VolumeMount } from "kubernetes-types/core/v1.d.ts";
import type { WatcherSpec } from "../../../api/watcher.ts";
import { error, type Finding } from "../../finding.ts";
import { climbs, localPathFaults } from "../local-path.ts";

/** What can be wrong with mounts; that each has a place of its own and refers to the Watcher's volume, the CRD says. */
export const mountFindings = ({ container }: WatcherSpec): readonly Finding[] => {
  const { volumeMounts = [], volumeDevices = [], securityContext } = container;
  const places = new Set(volumeMounts.map(({ mountPath }) => mountPath));
  const isPrivileged = securityContext?.privileged === true;
  return [
    ...volumeMounts.flatMap((mount, index) => {
      const path = ["spec", "container", "volumeMounts", index];
      return [...subPathFaults(mount, path), ...propagationFaults(mount, path, isPrivileged)];
    }),
    ...volumeDevices.flatMap(({ devicePath }, index) => {
      const path = ["spec", "container", "volumeDevices", index, "devicePath"];
      if (climbs(devicePath)) return [error(path, "must not hold ..")];
      return places.has(devicePath) ? [error(path, "is the place of a mount", "FieldValueDuplicate")] : [];
    }),
  ];
};

const subPathFaults = ({ subPath = "", subPathExpr = "" }: VolumeMount, path: Finding["path"]): readonly Finding[] => [
  ...localPathFaults([...path, "subPath"], subPath),
  ...localPathFaults([...path, "subPathExpr"], subPathExpr),
  ...(subPath !== "" && subPathExpr !== ""
    ? [error([...path, "subPathExpr"], "stands beside subPath: remove one of the two")]
    : []),
];

const propagationFaults = (
  mount: VolumeMount & { readonly recursiveReadOnly?: string },
  path: Finding["path"],
  isPrivileged: boolean,
): readonly Finding[] => {
  const { mountPropagation = "None", recursiveReadOnly = "Disabled", readOnly = false } = mount;
  const faults: Finding[] = [];
  if (mountPropagation === "Bidirectional" && !isPrivileged) {
    faults.push(error([...path, "mountPropagation"], "is for privileged containers: use HostToContainer, or none"));
  }
  if (!["Disabled", "Enabled", "IfPossible"].includes(recursiveReadOnly)) {
    const message = "must be one of Disabled, Enabled, IfPossible";
    faults.push(error([...path, "recursiveReadOnly"], message, "FieldValueNotSupported"));
  } else if (recursiveReadOnly !== "Disabled" && (!readOnly || mountPropagation !== "None")) {
    faults.push(error([...path, "recursiveReadOnly"], "needs readOnly: true and no mountPropagation"));
  }
  return faults;
};
