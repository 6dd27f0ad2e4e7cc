import {
  ConfigMaps,
  defineResource,
  type KubernetesObject,
  Leases,
  MutatingWebhookConfigurations,
  NotFoundError,
  type ObjectKey,
  type Resource,
  Secrets,
  ServiceAccounts,
  ValidatingWebhookConfigurations,
} from "@pcmc/controller-runtime";
import { Deployments } from "../../podlogreader/sources.ts";
import { AGENT, NAME } from "../../rbac/names.ts";
import { ClusterRoleBindings, ClusterRoles, RoleBindings, Roles } from "../../rbac/resources.ts";
import {
  DaemonSets,
  Services,
  ValidatingAdmissionPolicies,
  ValidatingAdmissionPolicyBindings,
} from "../doctor/resources.ts";
import { deleteAll, type StoredMetadata } from "./deletion.ts";
import { type Installation, OWN_SELECTOR } from "./installation.ts";
import { callOf, counted, type Step, type StepContext, type StepResult, someOf } from "./step.ts";

const kind = (apiVersion: string, name: string, plural: string): Resource<KubernetesObject> =>
  defineResource<KubernetesObject>({ apiVersion, kind: name, plural, namespaced: true });

/** What calls the manager, or judges in its place. */
const WEBHOOKS: readonly Resource[] = [ValidatingWebhookConfigurations, MutatingWebhookConfigurations];

/** What may be installed with the operator: first what runs, last what that may do. Kinds that a cluster lacks are passed over. */
const OWN: readonly Resource[] = [
  ...WEBHOOKS,
  Deployments,
  DaemonSets,
  kind("batch/v1", "Job", "jobs"),
  Services,
  ConfigMaps,
  kind("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets"),
  kind("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies"),
  kind("monitoring.coreos.com/v1", "ServiceMonitor", "servicemonitors"),
  kind("monitoring.coreos.com/v1", "PodMonitor", "podmonitors"),
  kind("monitoring.coreos.com/v1", "PrometheusRule", "prometheusrules"),
  kind("cert-manager.io/v1", "Certificate", "certificates"),
  kind("cert-manager.io/v1", "Issuer", "issuers"),
  ValidatingAdmissionPolicyBindings,
  ValidatingAdmissionPolicies,
  RoleBindings,
  Roles,
  ClusterRoleBindings,
  ClusterRoles,
  ServiceAccounts,
];

/** Their namespaces are those of `WATCH_NAMESPACES`, or of the Lease. */
const ELSEWHERE: ReadonlySet<Resource> = new Set<Resource>([Roles, RoleBindings]);

/** The label alone can be anybody's: what is ours has our name too. */
const isOwn = ({ name }: StoredMetadata): boolean =>
  name === NAME || name === AGENT.name || name.startsWith(`${NAME}-`);

/** The webhooks, before the manager ends: nobody should wait for one that is gone. */
export const webhooksStep: Step = {
  name: "webhooks",
  run: (context) => removeOwn(context, WEBHOOKS, []),
};

/** All that is installed with the operator, and what it has made for itself. */
export const operatorStep = ({ lock, secret }: Installation): Step => ({
  name: "operator",
  run: (context) =>
    removeOwn(context, OWN, [
      [Secrets, secret],
      [Leases, lock],
    ]),
});

const removeOwn = async (
  context: StepContext,
  kinds: readonly Resource[],
  named: readonly (readonly [Resource, ObjectKey])[],
): Promise<StepResult> => {
  const gone: string[] = [];
  for (const resource of kinds) {
    const namespace = resource.namespaced && !ELSEWHERE.has(resource) ? context.namespace : undefined;
    const deleted = await deleteAll(context, { resource, labelSelector: OWN_SELECTOR, namespace, isOurs: isOwn });
    gone.push(...deleted.gone.map((key) => `${resource.kind} ${key}`));
  }
  for (const [resource, key] of named) {
    if (await removeNamed(context, resource, key)) gone.push(`${resource.kind} ${key.namespace}/${key.name}`);
  }
  if (gone.length === 0) return { said: "nothing is installed" };
  return {
    said: `${context.mode === "look" ? "delete" : "deleted"} ${counted(gone.length, "object")}: ${someOf(gone, 40)}`,
  };
};

/** Whether it was there. */
const removeNamed = async (context: StepContext, resource: Resource, key: ObjectKey): Promise<boolean> => {
  try {
    if (context.mode === "look") await context.client.get(resource, key, callOf(context));
    else await context.client.delete(resource, key, callOf(context));
    return true;
  } catch (error) {
    if (error instanceof NotFoundError) return false;
    throw error;
  }
};
