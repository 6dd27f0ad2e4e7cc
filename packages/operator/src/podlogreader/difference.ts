import type { KubernetesObject, Stored } from "@pcmc/controller-runtime";
import type { ServiceAccount } from "kubernetes-types/core/v1.d.ts";
import type { Role, RoleBinding } from "kubernetes-types/rbac/v1.d.ts";
import { withMarks } from "../controllers/marks.ts";
import { claimedUidOf, markedUidOf, marksFor, type Owner } from "./names.ts";
import { sameBinding, sameRoleRef, sameRules } from "./rules.ts";

/** One write, or the reason for none. */
export type Action<T extends KubernetesObject> =
  | { readonly type: "create"; readonly object: T }
  /** A PUT: `metadata.resourceVersion` is that of the object judged. */
  | { readonly type: "update"; readonly object: Stored<T> }
  /** A delete of `former`, then a create. */
  | { readonly type: "recreate"; readonly former: Stored<T>; readonly object: T }
  | { readonly type: "delete"; readonly former: Stored<T> }
  /** It is being deleted and waits for its finalizers. */
  | { readonly type: "wait" }
  /** It is not ours: it stays as it is. */
  | { readonly type: "foreign"; readonly object: Stored<T> };

/** What of a kind is compared besides the marks, and how it is put right. */
export interface Content<T extends KubernetesObject> {
  /** Whether all is there that `wanted` says. */
  same(existing: T, wanted: T): boolean;
  /** Whether the difference is in what cannot be changed. */
  isFixed(existing: T, wanted: T): boolean;
  /** `existing` with what `wanted` says. */
  merge(existing: Stored<T>, wanted: T): Stored<T>;
}

export const roleContent: Content<Role> = {
  same: ({ rules }, wanted) => sameRules(rules, wanted.rules),
  isFixed: () => false,
  merge: (existing, { rules = [] }) => ({ ...existing, rules }),
};

/** Of a ServiceAccount everything but the marks is left to others. */
export const serviceAccountContent: Content<ServiceAccount> = {
  same: () => true,
  isFixed: () => false,
  merge: (existing) => existing,
};

export const roleBindingContent: Content<RoleBinding> = {
  same: sameBinding,
  isFixed: (existing, wanted) => !sameRoleRef(existing, wanted),
  merge: (existing, { subjects = [] }) => ({ ...existing, subjects }),
};

/** What `difference` compares, of one kind. */
export interface DifferenceInput<T extends KubernetesObject> {
  readonly content: Content<T>;
  /** The Deployment, or the one that there was. */
  readonly owner: Owner;
  /** Its `deletionTimestamp` is set. */
  readonly isEnding: boolean;
  /** `undefined` = there should be none. */
  readonly wanted: T | undefined;
  /** What has the Deployment's name for it now, whosever it is. */
  readonly existing: Stored<T> | undefined;
  /** Whether another Deployment, of this UID, that is there has a right to the same name. */
  readonly isAnothers: (uid: string) => boolean;
}

/**
 * The write that makes an object what it should be; `undefined` when it is.
 *
 * Ours is what bears both marks, label and UID; see `claimedUidOf` for one that lost one of them. Where the UID is that of an earlier Deployment of the name, the object is made
 * anew, so that whoever got a token of the old one has none of the new.
 */
export const difference = <T extends KubernetesObject>(input: DifferenceInput<T>): Action<T> | undefined => {
  const { owner, wanted, existing, isEnding, isAnothers } = input;
  if (existing === undefined) return wanted === undefined || isEnding ? undefined : { type: "create", object: wanted };
  const uid = claimedUidOf(existing.metadata, owner);
  if (uid === undefined || isAnothers(uid))
    return wanted === undefined ? undefined : { type: "foreign", object: existing };
  if (existing.metadata.deletionTimestamp !== undefined) return { type: "wait" };
  if (wanted === undefined) return { type: "delete", former: existing };
  if (uid !== owner.uid) return isEnding ? undefined : { type: "recreate", former: existing, object: wanted };
  return toRepair(input, { existing, wanted });
};

const toRepair = <T extends KubernetesObject>(
  { content, owner, isEnding }: DifferenceInput<T>,
  { existing, wanted }: { readonly existing: Stored<T>; readonly wanted: T },
): Action<T> | undefined => {
  if (content.isFixed(existing, wanted)) {
    return isEnding ? { type: "delete", former: existing } : { type: "recreate", former: existing, object: wanted };
  }
  const same = content.same(existing, wanted);
  // The garbage collector takes ownerReferences off where the Deployment is deleted and what it owns is to stay.
  if (isEnding) return same ? undefined : { type: "update", object: content.merge(existing, wanted) };
  const { metadata, changed } = withMarks(existing.metadata, marksFor(owner));
  if (same && !changed) return undefined;
  return { type: "update", object: remarked(content.merge(existing, wanted), metadata) };
};

/**
 * The write that takes a Role of an older podlogreader over, which did not mark what it made; `undefined` where it is not exactly
 * what we would write, or where a RoleBinding of the name gives it to anybody else.
 */
export const adoption = (
  existing: Stored<Role>,
  { wanted, owner, binding, ownBinding }: AdoptionInput,
): Action<Role> | undefined => {
  if (markedUidOf(existing.metadata) !== undefined || existing.metadata.deletionTimestamp !== undefined)
    return undefined;
  if (!sameRules(existing.rules, wanted.rules)) return undefined;
  if (binding !== undefined && !sameBinding(binding, ownBinding)) return undefined;
  return { type: "update", object: remarked(existing, withMarks(existing.metadata, marksFor(owner)).metadata) };
};

export interface AdoptionInput {
  readonly wanted: Role;
  readonly owner: Owner;
  /** The RoleBinding of that name that there is. */
  readonly binding: RoleBinding | undefined;
  /** The one that we would write. */
  readonly ownBinding: RoleBinding;
}

/** The metadata are those of the object, with our marks: name, UID and resourceVersion among them. */
const remarked = <T extends KubernetesObject>(
  object: Stored<T>,
  metadata: KubernetesObject["metadata"],
): Stored<T> => ({
  ...object,
  metadata: { ...object.metadata, ...metadata },
});
