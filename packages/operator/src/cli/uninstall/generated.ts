import { ConfigMaps, type Resource, ServiceAccounts } from "@pcmc/controller-runtime";
import { watcherResource } from "../../api/watcher.ts";
import { hashedName, pairsOf, pcmcNameFrom, readableName } from "../../podconfigmap/names.ts";
import { GENERATED_BY, type OwnershipMetadata, POD_UID, pcmcNameOf } from "../../podconfigmap/ownership.ts";
import { deploymentNameOf, MANAGED_BY_SELECTOR, markedUidOf, nameFor } from "../../podlogreader/names.ts";
import { RoleBindings, Roles } from "../../rbac/resources.ts";
import { configMapNameOf } from "../../watcher/names.ts";
import { WATCHER, WATCHER_UID } from "../../watcher/ownership.ts";
import { changedText, type Deleted, deleteAll, foreignText, type Sought } from "./deletion.ts";
import { counted, type Step } from "./step.ts";

/**
 * Whether a ConfigMap is one that a PodConfigMapConfig made: the name is one that we compute, and the Pod is named by an
 * ownerReference or by both labels. One of the two may have been stripped; a hashed name says nothing without its Pod's.
 */
export const isGenerated = (metadata: OwnershipMetadata): boolean => {
  const { name = "", labels, ownerReferences = [] } = metadata;
  const pcmc = pcmcNameOf(metadata);
  if (pcmc === undefined) return false;
  const uid = labels?.[POD_UID];
  const isNamedFor = (pod: string) => name === readableName({ pod, pcmc }) || name === hashedName({ pod, pcmc });
  const owners = ownerReferences.filter((owner) => owner.apiVersion === "v1" && owner.kind === "Pod");
  if (owners.some((owner) => (uid === undefined || owner.uid === uid) && isNamedFor(owner.name))) return true;
  return uid !== undefined && pairsOf(name).some((pair) => pair.pcmc === pcmc);
};

/** Whether a ConfigMap is the managed one of a Watcher. One that was orphaned on purpose has no reference, and is somebody else's. */
export const isManaged = ({ name, labels, annotations, ownerReferences = [] }: OwnershipMetadata): boolean => {
  const watcher = pcmcNameFrom(labels?.[WATCHER], annotations?.[WATCHER]);
  if (watcher === undefined || name !== configMapNameOf(watcher)) return false;
  return ownerReferences.some(({ kind, uid }) => kind === watcherResource.kind && uid === labels?.[WATCHER_UID]);
};

/** Whether an object bears both marks of podlogreader, and the name that goes with them. */
export const isReader = (metadata: OwnershipMetadata): boolean => {
  const deployment = deploymentNameOf(metadata);
  return markedUidOf(metadata) !== undefined && deployment !== undefined && nameFor(deployment) === metadata.name;
};

const stepOf = (name: string, sought: readonly Sought[]): Step => ({
  name,
  run: async (context) => {
    const said: string[] = [];
    const left: string[] = [];
    for (const one of sought) {
      const deleted = await deleteAll(context, one);
      if (deleted.gone.length > 0) said.push(counted(deleted.gone.length, one.resource.kind));
      left.push(...leftOf(one.resource, deleted));
    }
    if (said.length === 0) return { said: "there are none", left };
    return { said: `${context.mode === "look" ? "delete" : "deleted"} ${said.join(", ")}`, left };
  },
});

const leftOf = ({ kind }: Resource, { foreign, changed }: Deleted): readonly string[] => [
  ...foreignText(kind, foreign),
  ...changed.map((key) => changedText(kind, key)),
];

/** What the controllers have made for users. */
export const generatedSteps: readonly Step[] = [
  stepOf("ConfigMaps of Pods", [
    { resource: ConfigMaps, labelSelector: GENERATED_BY, isOurs: isGenerated, precondition: "version" },
  ]),
  stepOf("ConfigMaps of Watchers", [
    { resource: ConfigMaps, labelSelector: WATCHER, isOurs: isManaged, precondition: "version" },
  ]),
  stepOf(
    "podlogreader",
    [RoleBindings, Roles, ServiceAccounts].map((resource) => ({
      resource,
      labelSelector: MANAGED_BY_SELECTOR,
      isOurs: isReader,
      precondition: "version" as const,
    })),
  ),
];
