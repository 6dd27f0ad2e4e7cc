import type {
  ClusterRole,
  ClusterRoleBinding,
  PolicyRule,
  Role,
  RoleBinding,
  RoleRef,
} from "kubernetes-types/rbac/v1.d.ts";
import { type Subject, subjectOf } from "./subject.ts";

/** What RBAC has for one namespace. Undefined = may not be read. */
export interface RbacObjects {
  readonly roles: readonly Role[] | undefined;
  readonly roleBindings: readonly RoleBinding[] | undefined;
  readonly clusterRoles: readonly ClusterRole[] | undefined;
  readonly clusterRoleBindings: readonly ClusterRoleBinding[] | undefined;
}

/** A role or binding, for people and programs. */
export interface RbacReference {
  readonly kind: "Role" | "ClusterRole" | "RoleBinding" | "ClusterRoleBinding";
  /** Absent for what is of the whole cluster. */
  readonly namespace?: string;
  readonly name: string;
  /** Whether this operator keeps it. */
  readonly ours: boolean;
}

/** A binding, whom it names, and what of. */
export interface Bound {
  readonly binding: RbacReference;
  readonly subjects: readonly Subject[];
  readonly role: RbacReference;
  readonly rules: readonly PolicyRule[];
}

/** A binding that gives nothing, or of which nobody can say here what it gives. */
export interface OpenBinding extends Omit<Bound, "rules"> {
  /** `missing`: there is no such role, until somebody makes one. `unseen`: roles of that kind may not be read. */
  readonly why: "missing" | "unseen";
}

/** A role or binding as the API server has it; in a list, objects do not say their kind. */
export type RbacObject = AnyRole | AnyBinding;

type AnyRole =
  | { readonly kind: "Role"; readonly object: Role }
  | { readonly kind: "ClusterRole"; readonly object: ClusterRole };

type AnyBinding =
  | { readonly kind: "RoleBinding"; readonly object: RoleBinding }
  | { readonly kind: "ClusterRoleBinding"; readonly object: ClusterRoleBinding };

/** Says which roles and bindings this operator keeps. */
export type IsOurs = (candidate: RbacObject) => boolean;

/**
 * The bindings that count in a namespace, each with the rules of its role. Rules of an aggregated ClusterRole are in it
 * already: kube-controller-manager writes them there.
 */
export const resolveBindings = (
  objects: RbacObjects,
  isOurs: IsOurs,
): { readonly bound: readonly Bound[]; readonly open: readonly OpenBinding[] } => {
  const bound: Bound[] = [];
  const open: OpenBinding[] = [];
  const roles = new RoleIndex(objects, isOurs);
  for (const candidate of bindingsOf(objects)) {
    const { kind, object } = candidate;
    const { metadata = {}, roleRef, subjects: named = [] } = object;
    const namespace = kind === "RoleBinding" ? (metadata.namespace ?? "") : "";
    const subjects = named.flatMap((subject) => subjectOf(subject, namespace) ?? []);
    const binding = referenceOf({ kind, namespace, name: metadata.name ?? "", ours: isOurs(candidate) });
    const { role, rules } = roles.find(roleRef, namespace);
    if (typeof rules === "string") open.push({ binding, subjects, role, why: rules });
    else bound.push({ binding, subjects, role, rules });
  }
  return { bound, open };
};

const bindingsOf = ({ roleBindings = [], clusterRoleBindings = [] }: RbacObjects): readonly AnyBinding[] => [
  ...clusterRoleBindings.map((object) => ({ kind: "ClusterRoleBinding" as const, object })),
  ...roleBindings.map((object) => ({ kind: "RoleBinding" as const, object })),
];

const referenceOf = ({ namespace = "", ...reference }: RbacReference): RbacReference =>
  namespace === "" ? reference : { ...reference, namespace };

/** Finds the roles that bindings name. */
class RoleIndex {
  readonly #roles: ReadonlyMap<string, FoundRole> | undefined;
  readonly #clusterRoles: ReadonlyMap<string, FoundRole> | undefined;

  constructor({ roles, clusterRoles }: RbacObjects, isOurs: IsOurs) {
    const found = (role: AnyRole): readonly [string, FoundRole] => {
      const { metadata = {}, rules } = role.object;
      return [metadata.name ?? "", { rules: rules ?? [], ours: isOurs(role) }];
    };
    this.#roles = roles && new Map(roles.map((object) => found({ kind: "Role", object })));
    this.#clusterRoles = clusterRoles && new Map(clusterRoles.map((object) => found({ kind: "ClusterRole", object })));
  }

  /** `namespace`: of the binding; empty for a ClusterRoleBinding, which can only name ClusterRoles. */
  find(
    { kind, name }: RoleRef,
    namespace: string,
  ): { readonly role: RbacReference; readonly rules: readonly PolicyRule[] | OpenBinding["why"] } {
    const ofCluster = kind === "ClusterRole";
    const known = ofCluster ? this.#clusterRoles : this.#roles;
    const found = known?.get(name);
    const role = referenceOf({
      kind: ofCluster ? "ClusterRole" : "Role",
      namespace: ofCluster ? "" : namespace,
      name,
      ours: found?.ours ?? false,
    });
    return { role, rules: found === undefined ? (known === undefined ? "unseen" : "missing") : found.rules };
  }
}

interface FoundRole {
  readonly rules: readonly PolicyRule[];
  readonly ours: boolean;
}
