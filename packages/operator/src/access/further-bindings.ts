import type { ClusterRoleBinding, RoleBinding, RoleRef } from "kubernetes-types/rbac/v1.d.ts";
import { compareTexts, impliedGroups, type Subject, subjectOf, subjectText } from "./subject.ts";

/**
 * What every ServiceAccount has: ClusterRoleBindings that the API server itself keeps, each to the ClusterRole of its name, and
 * the one group that it is for. Their label `kubernetes.io/bootstrapping` says nothing: anybody can set it on a binding.
 *
 * Source: `ClusterRoleBindings` in plugin/pkg/auth/authorizer/rbac/bootstrappolicy/policy.go of
 * https://github.com/kubernetes/kubernetes
 */
const DEFAULTS: ReadonlyMap<string, string> = new Map([
  ["system:basic-user", "Group system:authenticated"],
  ["system:discovery", "Group system:authenticated"],
  ["system:public-info-viewer", "Group system:authenticated"],
  ["system:service-account-issuer-discovery", "Group system:serviceaccounts"],
  ["system:cluster-trust-bundle-discovery", "Group system:serviceaccounts"],
]);

export interface FurtherBindingsOptions {
  readonly subject: Subject & { readonly kind: "ServiceAccount" };
  /** The Role in its namespace that it is meant to have. */
  readonly role: string;
  readonly roleBindings: readonly RoleBinding[];
  readonly clusterRoleBindings: readonly ClusterRoleBinding[];
}

/** A binding, for people: `RoleBinding other/debug (ClusterRole view)`. */
export interface FurtherBinding {
  /** Empty for a ClusterRoleBinding. */
  readonly namespace: string;
  readonly text: string;
}

/**
 * Bindings that name a ServiceAccount, or a group that it is always in, but for those to its own Role and those that every
 * cluster has.
 */
export const furtherBindings = (options: FurtherBindingsOptions): readonly FurtherBinding[] => {
  const { subject, role, roleBindings, clusterRoleBindings } = options;
  const groups = impliedGroups(subject).map((name) => subjectText({ kind: "Group", name }));
  const itself = new Set([subjectText(subject), ...groups]);
  const found = [...roleBindings, ...clusterRoleBindings].flatMap((binding): FurtherBinding[] => {
    const { metadata = {}, roleRef, subjects = [] } = binding;
    const { namespace = "", name = "" } = metadata;
    if (namespace === subject.namespace && roleRef.kind === "Role" && roleRef.name === role) return [];
    const named = subjects.flatMap((one) => subjectOf(one, namespace) ?? []).map(subjectText);
    const granted = named.filter((text) => itself.has(text));
    if (granted.every((text) => namespace === "" && isDefault({ name, roleRef }, text))) return [];
    const binds = namespace === "" ? `ClusterRoleBinding ${name}` : `RoleBinding ${namespace}/${name}`;
    return [{ namespace, text: `${binds} (${roleRef.kind} ${roleRef.name})` }];
  });
  return found.toSorted((a, b) => compareTexts(a.text, b.text));
};

/** Whether a ClusterRoleBinding gives a subject nothing but what every cluster gives it. */
const isDefault = ({ name, roleRef }: { readonly name: string; readonly roleRef: RoleRef }, subject: string): boolean =>
  roleRef.kind === "ClusterRole" && roleRef.name === name && DEFAULTS.get(name) === subject;
