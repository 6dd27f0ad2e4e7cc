import { type KubernetesObject, keyOf, parseKey } from "@pcmc/controller-runtime";
import type { Deployment } from "kubernetes-types/apps/v1.d.ts";
import type { ServiceAccount } from "kubernetes-types/core/v1.d.ts";
import type { PolicyRule, Role, RoleBinding } from "kubernetes-types/rbac/v1.d.ts";
import { withMarks } from "../controllers/marks.ts";
import { AFFILIATE, marksFor, nameFor, type Owner } from "./names.ts";

/** What the operator's user chooses. */
export interface Choices {
  /** Whether there is a ServiceAccount, and a RoleBinding that gives it the Role. */
  readonly createSaAndRoleBinding: boolean;
  /** Whether the Role also gives `get` on the Pods themselves, which `kubectl logs POD` needs. */
  readonly allowPodGet: boolean;
}

/** What a Deployment should have. */
export interface Desired {
  readonly role: Role;
  /** Both or neither. */
  readonly serviceAccount: ServiceAccount | undefined;
  readonly roleBinding: RoleBinding | undefined;
  /** How many Pods the Role has no room for. */
  readonly left: number;
}

/**
 * Bytes of a Role's rules that names may take. etcd takes requests of 1.5 MiB (`--max-request-bytes`), in which metadata, with up
 * to 256 KiB of annotations, has to find room too.
 */
export const MAX_NAME_BYTES = 1_048_576;

const RBAC = "rbac.authorization.k8s.io";

/** Whether the logs of a Deployment's Pods are to be readable: it is the label of the Pod template that counts. */
export const isAffiliated = ({ spec }: Deployment): boolean =>
  spec?.template?.metadata?.labels?.[AFFILIATE.label] === AFFILIATE.value;

/** A Deployment as owner. */
export const ownerOf = (deployment: Deployment): Owner => ({
  ...parseKey(keyOf(deployment)),
  uid: deployment.metadata?.uid ?? "",
});

/**
 * What a Deployment should have, of which `pods` are the names of the Pods that exist: sorted, without duplicates.
 *
 * @example
 * desiredObjects(ownerOf(deployment), ["web-7d4b9-x2x9k"], { createSaAndRoleBinding: false, allowPodGet: false });
 */
export const desiredObjects = (owner: Owner, pods: readonly string[], choices: Choices): Desired => {
  const { createSaAndRoleBinding: withAccount } = choices;
  const names = fitting(pods, choices);
  return {
    role: { apiVersion: `${RBAC}/v1`, kind: "Role", ...marked(owner), rules: rulesFor(names, choices) },
    serviceAccount: withAccount ? { apiVersion: "v1", kind: "ServiceAccount", ...marked(owner) } : undefined,
    roleBinding: withAccount ? roleBindingOf(owner) : undefined,
    left: pods.length - names.length,
  };
};

/** The rules for Pods of these names. `resourceNames` is never empty: that would mean all Pods. */
export const rulesFor = (names: readonly string[], { allowPodGet }: Pick<Choices, "allowPodGet">): PolicyRule[] => {
  const list: PolicyRule = { apiGroups: [""], resources: ["pods"], verbs: ["list"] };
  if (names.length === 0) return [list];
  const resourceNames = [...names];
  const logs: PolicyRule = {
    apiGroups: [""],
    resources: ["pods/log"],
    resourceNames,
    verbs: ["get", "list", "watch"],
  };
  if (!allowPodGet) return [list, logs];
  return [list, logs, { apiGroups: [""], resources: ["pods"], resourceNames, verbs: ["get"] }];
};

/** The first of the names that a Role has room for. */
const fitting = (names: readonly string[], { allowPodGet }: Choices): readonly string[] => {
  const room = MAX_NAME_BYTES / (allowPodGet ? 2 : 1);
  let taken = 0;
  const end = names.findIndex((name) => {
    // Quotes and a comma; names are ASCII. What etcd stores is a little shorter.
    taken += name.length + 3;
    return taken > room;
  });
  return end < 0 ? names : names.slice(0, end);
};

/** The RoleBinding of a Deployment: its Role for its ServiceAccount, and for nobody else. */
export const roleBindingOf = (owner: Owner): RoleBinding => {
  const name = nameFor(owner.name);
  return {
    apiVersion: `${RBAC}/v1`,
    kind: "RoleBinding",
    ...marked(owner),
    roleRef: { apiGroup: RBAC, kind: "Role", name },
    subjects: [{ kind: "ServiceAccount", name, namespace: owner.namespace }],
  };
};

const marked = (owner: Owner): Required<Pick<KubernetesObject, "metadata">> => {
  const { name, namespace } = owner;
  return { metadata: withMarks({ name: nameFor(name), namespace }, marksFor(owner)).metadata };
};
