import fc from "fast-check";
import type { PolicyRule, Subject } from "kubernetes-types/rbac/v1.d.ts";

/** RBAC objects to be made in a namespace, which they call `NAMESPACE`. */
export interface Policy {
  readonly roles: readonly (readonly PolicyRule[])[];
  readonly clusterRoles: readonly (readonly PolicyRule[])[];
  readonly bindings: readonly PolicyBinding[];
}

export interface PolicyBinding {
  readonly kind: "RoleBinding" | "ClusterRoleBinding";
  readonly role: {
    readonly kind: "Role" | "ClusterRole";
    /** Into `roles` or `clusterRoles`; past their end, the binding names a role that is not there. */
    readonly index: number;
  };
  readonly subjects: readonly Subject[];
}

/** The names that rules are about. */
export const PODS = ["web-a", "web-b", "web-c"] as const;
/** Stands for the namespace in the names of subjects. */
export const NAMESPACE = "NAMESPACE";

const some = <T>(values: readonly T[], maxLength = 2) => fc.subarray([...values], { minLength: 1, maxLength });

const rule: fc.Arbitrary<PolicyRule> = fc.record({
  apiGroups: fc.oneof({ weight: 4, arbitrary: fc.constant<string[]>([""]) }, some(["", "*", "apps"])),
  resources: fc.oneof(
    { weight: 3, arbitrary: some(["pods", "pods/log", "*/log", "*"]) },
    some(["pods", "pods/*", "*/*", "pods/exec", "log", "deployments/log"], 3),
  ),
  resourceNames: fc.oneof(fc.constant<string[]>([]), some([...PODS, "other"], 3)),
  verbs: fc.oneof({ weight: 3, arbitrary: fc.constant<string[]>(["get"]) }, some(["get", "list", "create", "*"])),
});

const rules = fc.array(rule, { minLength: 1, maxLength: 3 });

const group = (name: string): Subject => ({ apiGroup: "rbac.authorization.k8s.io", kind: "Group", name });
const user = (name: string): Subject => ({ apiGroup: "rbac.authorization.k8s.io", kind: "User", name });
const account = (namespace: string, name: string): Subject => ({ kind: "ServiceAccount", namespace, name });

/** Everybody whom a binding may name. */
export const SUBJECTS: readonly Subject[] = [
  ...["jane", "paul", "system:anonymous", `system:serviceaccount:${NAMESPACE}:app`].map(user),
  ...["devs", "system:authenticated", "system:unauthenticated", "system:serviceaccounts"].map(group),
  ...[`system:serviceaccounts:${NAMESPACE}`, "system:serviceaccounts:elsewhere"].map(group),
  account(NAMESPACE, "app"),
  account(NAMESPACE, "other"),
  account("elsewhere", "app"),
];

/** In a RoleBinding, a ServiceAccount may leave its namespace out. */
const HERE: Subject = { kind: "ServiceAccount", name: "other" };

const binding: fc.Arbitrary<PolicyBinding> = fc
  .record({
    kind: fc.constantFrom("RoleBinding" as const, "ClusterRoleBinding" as const),
    role: fc.record({ kind: fc.constantFrom("Role" as const, "ClusterRole" as const), index: fc.nat(3) }),
    subjects: fc.subarray([...SUBJECTS], { maxLength: 4 }),
    isShort: fc.boolean(),
  })
  .map(({ kind, role, subjects, isShort }) =>
    kind === "RoleBinding"
      ? { kind, role, subjects: isShort ? [...subjects, HERE] : subjects }
      : { kind, role: { ...role, kind: "ClusterRole" }, subjects },
  );

/** Any policy, with what few people write: wildcards in all places, names, bindings to roles that are not there. */
export const policy: fc.Arbitrary<Policy> = fc.record({
  roles: fc.array(rules, { minLength: 2, maxLength: 3 }),
  clusterRoles: fc.array(rules, { minLength: 2, maxLength: 3 }),
  bindings: fc.array(binding, { minLength: 2, maxLength: 5 }),
});
