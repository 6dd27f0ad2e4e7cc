import type { ClusterRoleBinding, RoleBinding } from "kubernetes-types/rbac/v1.d.ts";
import { compareTexts, impliedGroups, type Subject, subjectOf, subjectText } from "./subject.ts";

/** The API server keeps these itself: what they give, every ServiceAccount has. */
const DEFAULTS = { label: "kubernetes.io/bootstrapping", value: "rbac-defaults" };

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

/** Bindings that name a ServiceAccount, or a group that it is always in, but for those to its own Role. */
export const furtherBindings = (options: FurtherBindingsOptions): readonly FurtherBinding[] => {
  const { subject, role, roleBindings, clusterRoleBindings } = options;
  const groups = impliedGroups(subject).map((name) => subjectText({ kind: "Group", name }));
  const itself = new Set([subjectText(subject), ...groups]);
  const found = [...roleBindings, ...clusterRoleBindings].flatMap((binding): FurtherBinding[] => {
    const { metadata = {}, roleRef, subjects = [] } = binding;
    const { namespace = "", name = "", labels } = metadata;
    if (labels?.[DEFAULTS.label] === DEFAULTS.value) return [];
    if (namespace === subject.namespace && roleRef.kind === "Role" && roleRef.name === role) return [];
    const named = subjects.flatMap((one) => subjectOf(one, namespace) ?? []);
    if (!named.some((one) => itself.has(subjectText(one)))) return [];
    const binds = namespace === "" ? `ClusterRoleBinding ${name}` : `RoleBinding ${namespace}/${name}`;
    return [{ namespace, text: `${binds} (${roleRef.kind} ${roleRef.name})` }];
  });
  return found.toSorted((a, b) => compareTexts(a.text, b.text));
};
