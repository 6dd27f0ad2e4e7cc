import type { ObjectMeta } from "@pcmc/controller-runtime";
import type { Marks } from "../controllers/marks.ts";
import { hashedName, labelValueOf, type Pair, pcmcNameFrom, readableName } from "./names.ts";

/** Label, and annotation where the name does not fit into a label: the PodConfigMapConfig that a ConfigMap was made for. */
export const GENERATED_BY = "podconfig.example.com/generated-by-pcmc";
/** Label: the UID of the Pod that a ConfigMap was made for. */
export const POD_UID = "podconfig.example.com/pod-uid";

/** The part of an object's metadata that says whose it is. */
export type OwnershipMetadata = Pick<ObjectMeta, "name" | "labels" | "annotations" | "ownerReferences">;

/** A pair, and which Pod of that name. */
export interface Claim extends Pair {
  readonly podUid: string;
}

/** The marks of the ConfigMap of `claim`; the reference is without `controller` and `blockOwnerDeletion`. */
export const marksOf = ({ pod, pcmc, podUid }: Claim): Marks => {
  const label = labelValueOf(pcmc);
  return {
    labels: { [GENERATED_BY]: label, [POD_UID]: podUid },
    annotations: label === pcmc ? {} : { [GENERATED_BY]: pcmc },
    ownerReference: { apiVersion: "v1", kind: "Pod", name: pod, uid: podUid },
  };
};

/** The full name of the PodConfigMapConfig that the marks name; `undefined` where they name none. */
export const pcmcNameOf = ({ labels, annotations }: OwnershipMetadata): string | undefined =>
  pcmcNameFrom(labels?.[GENERATED_BY], annotations?.[GENERATED_BY]);

/**
 * Whether a ConfigMap under the computed name of `claim` is ours: an ownerReference with that Pod's UID, or both labels (and
 * the annotation, where the label is a hash) naming PodConfigMapConfig and Pod. One of the two may have been stripped.
 */
export const isOurs = (metadata: OwnershipMetadata, { pcmc, podUid }: Omit<Claim, "pod">): boolean => {
  if (metadata.ownerReferences?.some(({ uid }) => uid === podUid)) return true;
  return metadata.labels?.[POD_UID] === podUid && pcmcNameOf(metadata) === pcmc;
};

/**
 * Whom a ConfigMap was made for, where name, labels and ownerReference all agree; `undefined` where one of them does not.
 * Only such a ConfigMap may be deleted as a leftover.
 */
export const madeFor = (metadata: OwnershipMetadata): Claim | undefined => {
  const pcmc = pcmcNameOf(metadata);
  const podUid = metadata.labels?.[POD_UID];
  const owner = metadata.ownerReferences?.find(({ kind, uid }) => kind === "Pod" && uid === podUid);
  if (pcmc === undefined || podUid === undefined || owner === undefined) return undefined;
  const claim = { pod: owner.name, pcmc, podUid };
  return metadata.name === readableName(claim) || metadata.name === hashedName(claim) ? claim : undefined;
};
