import {
  type KubernetesObject,
  keyOf,
  MutatingWebhookConfigurations,
  type Resource,
  type Stored,
  ValidatingWebhookConfigurations,
} from "@pcmc/controller-runtime";
import type {
  MutatingWebhookConfiguration,
  ValidatingWebhookConfiguration,
} from "kubernetes-types/admissionregistration/v1.d.ts";
import type { ClusterRoleBinding, RoleBinding } from "kubernetes-types/rbac/v1.d.ts";
import { ClusterRoleBindings, RoleBindings } from "../../rbac/resources.ts";
import type { StoredMetadata } from "./deletion.ts";
import { type Installation, OWN_SELECTOR } from "./installation.ts";
import { callOf, type StepContext } from "./step.ts";

/**
 * Whose an object is that has our name and label: of the installation that is removed, of another one, or of one of the two, which
 * nothing says.
 */
export type Belonging = "ours" | "others" | "unknown";

/** Tells it for the objects of a kind. */
export type Judge = (resource: Resource, metadata: StoredMetadata) => Belonging;

/**
 * Whose things are. With a single installation in the cluster, all are of that one. With several, an object is of the one whose
 * namespace it is in, whose release it is of, whose ServiceAccount it gives rights, or whose Service it calls.
 *
 * @throws what the client throws.
 */
export const judgeOf = async (
  context: StepContext,
  { namespace, others }: Pick<Installation, "namespace" | "others">,
): Promise<Judge> => {
  if (others.length === 0) return () => "ours";
  const users = await usersOf(context);
  return ({ kind }, metadata) => {
    const release = metadata.annotations?.["meta.helm.sh/release-namespace"];
    const own = metadata.namespace === undefined ? [] : [metadata.namespace];
    const named = users.get(`${kind} ${keyOf({ metadata })}`) ?? new Set(own);
    const namespaces = release === undefined ? named : new Set([release]);
    if (!namespaces.has(namespace)) return [...namespaces].some((one) => others.includes(one)) ? "others" : "unknown";
    return namespaces.size === 1 ? "ours" : "unknown";
  };
};

/** That an object is used by the installations of some namespaces. */
type Use = readonly [object: string, namespaces: readonly (string | undefined)[]];

/** By kind and key, the namespaces of the ServiceAccounts that have rights by it, or of the Services that it calls. */
const usersOf = async (context: StepContext): Promise<ReadonlyMap<string, ReadonlySet<string>>> => {
  const uses = [
    ...(await usesOf(context, RoleBindings, usesOfBinding)),
    ...(await usesOf(context, ClusterRoleBindings, usesOfBinding)),
    ...(await usesOf(context, ValidatingWebhookConfigurations, usesOfWebhooks)),
    ...(await usesOf(context, MutatingWebhookConfigurations, usesOfWebhooks)),
  ];
  const users = new Map<string, Set<string>>();
  for (const [object, namespaces] of uses) {
    const known = namespaces.flatMap((namespace) => namespace ?? []);
    if (known.length > 0) users.set(object, new Set([...(users.get(object) ?? []), ...known]));
  }
  return users;
};

const usesOf = async <T extends KubernetesObject>(
  context: StepContext,
  resource: Resource<T>,
  uses: (kind: string, object: Stored<T>) => readonly Use[],
): Promise<readonly Use[]> => {
  const { items } = await context.client.list(resource, { labelSelector: OWN_SELECTOR, ...callOf(context) });
  return items.flatMap((object) => uses(resource.kind, object));
};

const usesOfBinding = (
  kind: string,
  { metadata, roleRef, subjects = [] }: Stored<RoleBinding> | Stored<ClusterRoleBinding>,
): readonly Use[] => {
  const namespaces = subjects.map(({ namespace }) => namespace);
  const role = roleRef.kind === "Role" ? keyOf({ metadata: { ...metadata, name: roleRef.name } }) : roleRef.name;
  return [
    [`${kind} ${keyOf({ metadata })}`, namespaces],
    [`${roleRef.kind} ${role}`, namespaces],
  ];
};

const usesOfWebhooks = (
  kind: string,
  { metadata, webhooks = [] }: Stored<ValidatingWebhookConfiguration> | Stored<MutatingWebhookConfiguration>,
): readonly Use[] => [
  [`${kind} ${keyOf({ metadata })}`, webhooks.map(({ clientConfig }) => clientConfig.service?.namespace)],
];
