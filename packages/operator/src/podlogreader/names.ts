import { hash } from "node:crypto";
import type { ObjectMeta, OwnerReference } from "@pcmc/controller-runtime";
import { MAX_NAME } from "../api/syntax.ts";
import type { Marks } from "../controllers/marks.ts";

/** On a Deployment's Pod template: the logs of its Pods are to be readable through a Role. */
export const AFFILIATE = { label: "podlogreader-affiliate", value: "enable" } as const;

/** On everything that we make: what does not carry it is never touched. */
export const MANAGED_BY = { label: "app.kubernetes.io/managed-by", value: "podconfigmap-controller" } as const;

/** `app.kubernetes.io/managed-by=podconfigmap-controller`: our objects, as a label selector. */
export const MANAGED_BY_SELECTOR = `${MANAGED_BY.label}=${MANAGED_BY.value}`;

/** Annotation: the UID of the Deployment that an object was made for. It stays where an ownerReference is taken off. */
export const OWNER_UID = "podconfig.example.com/owner-uid";

/** Annotation, where the name does not fit: the full name of the Deployment that an object was made for. */
export const DEPLOYMENT = "podconfig.example.com/deployment";

const PREFIX = "podlogreader-";
/** Hexadecimal digits of a hash: 80 bits. */
const HASH_LENGTH = 20;

/** A Deployment, as far as it says whose an object is. */
export interface Owner {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
}

/** The part of an object's metadata that says whose it is. */
export type OwnershipMetadata = Pick<ObjectMeta, "name" | "labels" | "annotations" | "ownerReferences">;

/**
 * The name of the Role, ServiceAccount and RoleBinding of a Deployment: `podlogreader-<deployment>`, or, where that has over
 * 253 characters, its beginning and a hash of the whole.
 */
export const nameFor = (deployment: string): string => {
  const readable = `${PREFIX}${deployment}`;
  if (readable.length <= MAX_NAME) return readable;
  // A name of a ServiceAccount must not have `.-` in it.
  const beginning = readable.slice(0, MAX_NAME - 1 - HASH_LENGTH).replace(/[^a-z0-9]+$/, "");
  return `${beginning}-${hash("sha256", deployment, "hex").slice(0, HASH_LENGTH)}`;
};

/** The Deployment that the name of an object stands for, with the annotation where it is a hash; `undefined` = none. */
export const deploymentNameOf = ({ name = "", annotations }: OwnershipMetadata): string | undefined => {
  const full = annotations?.[DEPLOYMENT];
  if (full !== undefined && nameFor(full) === name) return full;
  return name.startsWith(PREFIX) && name.length > PREFIX.length ? name.slice(PREFIX.length) : undefined;
};

/** The UID of the Deployment that an object of ours was made for; `undefined` for what does not bear our marks. */
export const markedUidOf = ({ labels, annotations }: OwnershipMetadata): string | undefined =>
  labels?.[MANAGED_BY.label] === MANAGED_BY.value ? annotations?.[OWNER_UID] : undefined;

/**
 * The same for an object that has the name of what is made for `owner`. One that lost one of the marks is the owner's still where
 * it has the other one and an ownerReference to it: whoever may write that may write both marks too. One whose mark says
 * something else is not.
 */
export const claimedUidOf = (metadata: OwnershipMetadata, owner: Owner): string | undefined => {
  const { labels, annotations, ownerReferences = [] } = metadata;
  const [label, uid] = [labels?.[MANAGED_BY.label], annotations?.[OWNER_UID]];
  if (label !== undefined && uid !== undefined) return markedUidOf(metadata);
  if (label !== MANAGED_BY.value && uid !== owner.uid) return undefined;
  return ownerReferences.some((reference) => isTo(reference, owner)) ? owner.uid : undefined;
};

const isTo = ({ apiVersion, kind, name, uid }: OwnerReference, owner: Owner): boolean => {
  const ours = ownerReferenceTo(owner);
  return apiVersion === ours.apiVersion && kind === ours.kind && name === ours.name && uid === ours.uid;
};

/** The marks of what is made for `owner`. */
export const marksFor = ({ name, uid }: Owner): Marks => {
  const isShortened = `${PREFIX}${name}`.length > MAX_NAME;
  return {
    labels: { [MANAGED_BY.label]: MANAGED_BY.value },
    annotations: { [OWNER_UID]: uid, ...(isShortened && { [DEPLOYMENT]: name }) },
    ownerReference: ownerReferenceTo({ name, uid }),
  };
};

/** Without `controller` and `blockOwnerDeletion`: collected with the Deployment, no more. */
const ownerReferenceTo = ({ name, uid }: Pick<Owner, "name" | "uid">): OwnerReference => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  name,
  uid,
});
