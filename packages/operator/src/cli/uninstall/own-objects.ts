import {
  ConfigMaps,
  defineResource,
  type KubernetesObject,
  keyOf,
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
import { NAME } from "../../rbac/names.ts";
import { ClusterRoleBindings, ClusterRoles, RoleBindings, Roles } from "../../rbac/resources.ts";
import {
  DaemonSets,
  Services,
  ValidatingAdmissionPolicies,
  ValidatingAdmissionPolicyBindings,
} from "../doctor/resources.ts";
import { judgeOf } from "./belonging.ts";
import { changedText, deleteAll, type StoredMetadata } from "./deletion.ts";
import { type Installation, isOwn, OWN_SELECTOR } from "./installation.ts";
import { callOf, counted, type Step, type StepContext, type StepResult, someOf } from "./step.ts";

const kind = (apiVersion: string, name: string, plural: string): Resource<KubernetesObject> =>
  defineResource<KubernetesObject>({ apiVersion, kind: name, plural, namespaced: true });

/** What calls the manager, or judges in its place. */
const WEBHOOKS: readonly Resource[] = [ValidatingWebhookConfigurations, MutatingWebhookConfigurations];

/** What else may be installed with the operator: first what runs, last what that may do. Kinds that a cluster lacks are passed over. */
const OWN: readonly Resource[] = [
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

/** Where cert-manager puts the webhooks' certificate: `pcmc.certSecret` of the chart. */
const CERT_MANAGER_SECRET = `${NAME}-webhook-tls`;

/** Whether cert-manager made a Secret for the Certificate of the chart: one that users made has no such annotation. */
const isIssued = ({ annotations }: StoredMetadata): boolean =>
  annotations?.["cert-manager.io/certificate-name"] === `${NAME}-webhook`;

/** What has no label by which it could be found. */
interface Named {
  readonly resource: Resource;
  readonly key: ObjectKey;
  readonly isOurs?: (metadata: StoredMetadata) => boolean;
}

type Found = Pick<Installation, "namespace" | "others">;

/** The webhooks, before the manager ends: nobody should wait for one that is gone. */
export const webhooksStep = (installation: Found): Step => ({
  name: "webhooks",
  run: (context) => removeOwn(context, installation, WEBHOOKS, []),
});

/** All else that is installed with the operator, and what it has made for itself. */
export const operatorStep = (installation: Installation): Step => ({
  name: "operator",
  run: (context) =>
    removeOwn(context, installation, OWN, [
      { resource: Secrets, key: installation.secret },
      { resource: Secrets, key: { ...installation.secret, name: CERT_MANAGER_SECRET }, isOurs: isIssued },
      { resource: Leases, key: installation.lock },
    ]),
});

const removeOwn = async (
  context: StepContext,
  installation: Found,
  kinds: readonly Resource[],
  named: readonly Named[],
): Promise<StepResult> => {
  const gone: string[] = [];
  const left: string[] = [];
  const notes: string[] = [];
  const judge = await judgeOf(context, installation);
  for (const resource of kinds) {
    const isOurs = (metadata: StoredMetadata): boolean => {
      if (!isOwn(metadata)) return false;
      const belonging = judge(resource, metadata);
      if (belonging === "unknown") notes.push(unknownText(resource, metadata, installation));
      return belonging === "ours";
    };
    const namespace = resource.namespaced && !ELSEWHERE.has(resource) ? context.namespace : undefined;
    const sought = { resource, labelSelector: OWN_SELECTOR, namespace, isOurs, precondition: "uid" } as const;
    const deleted = await deleteAll(context, sought);
    gone.push(...deleted.gone.map((key) => `${resource.kind} ${key}`));
    left.push(...deleted.changed.map((key) => changedText(resource.kind, key)));
  }
  for (const one of named) {
    if (await removeNamed(context, one)) gone.push(`${one.resource.kind} ${one.key.namespace}/${one.key.name}`);
  }
  if (gone.length === 0) return { said: "nothing is installed", left, notes };
  const verb = context.mode === "look" ? "delete" : "deleted";
  return { said: `${verb} ${counted(gone.length, "object")}: ${someOf(gone, 40)}`, left, notes };
};

const unknownText = ({ kind }: Resource, metadata: StoredMetadata, { others }: Found): string =>
  `${kind} ${keyOf({ metadata })} stays: it may be that of the installation in ${others.join(" or ")}`;

/** Whether it was there, and ours. */
const removeNamed = async (context: StepContext, { resource, key, isOurs }: Named): Promise<boolean> => {
  try {
    const { metadata } = await context.client.get(resource, key, callOf(context));
    if (isOurs?.(metadata) === false) return false;
    const preconditions = { uid: metadata.uid };
    if (context.mode === "do") await context.client.delete(resource, key, { preconditions, ...callOf(context) });
    return true;
  } catch (error) {
    if (error instanceof NotFoundError) return false;
    throw error;
  }
};
