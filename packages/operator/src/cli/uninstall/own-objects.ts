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
  type Stored,
  ValidatingWebhookConfigurations,
} from "@pcmc/controller-runtime";
import type { Secret } from "kubernetes-types/core/v1.d.ts";
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
import { changedText, deleteAll, foreignText, type StoredMetadata } from "./deletion.ts";
import { type Installation, isOwn, OWN_SELECTOR, releaseOf } from "./installation.ts";
import { callOf, counted, failureText, type Step, type StepContext, type StepResult, someOf } from "./step.ts";
import { isOwnSecret } from "./webhook-secret.ts";

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
  kind("v1", "ResourceQuota", "resourcequotas"),
  kind("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies"),
  kind("monitoring.coreos.com/v1", "ServiceMonitor", "servicemonitors"),
  kind("monitoring.coreos.com/v1", "PodMonitor", "podmonitors"),
  kind("monitoring.coreos.com/v1", "PrometheusRule", "prometheusrules"),
  kind("cert-manager.io/v1", "Certificate", "certificates"),
  kind("cert-manager.io/v1", "Issuer", "issuers"),
  ValidatingAdmissionPolicyBindings,
  ValidatingAdmissionPolicies,
  // Before the bindings, which tell another run what they are.
  ServiceAccounts,
  RoleBindings,
  Roles,
  ClusterRoleBindings,
  ClusterRoles,
];

/** Their namespaces are those of `WATCH_NAMESPACES`, or of the Lease. */
const ELSEWHERE: ReadonlySet<Resource> = new Set<Resource>([Roles, RoleBindings]);

/** Where cert-manager puts what the chart's Certificates are about: `pcmc.certSecret` of the chart, and `pcmc.caSecret`. */
const ISSUED = [
  { secret: `${NAME}-webhook-tls`, certificate: `${NAME}-webhook` },
  { secret: `${NAME}-webhook-ca`, certificate: `${NAME}-webhook-ca` },
] as const;

/** What has no label by which it could be found. */
interface Named<T extends KubernetesObject> {
  readonly resource: Resource<T>;
  readonly key: ObjectKey;
  readonly judge?: (object: Stored<T>) => Verdict;
}

/** A line on one that stays where somebody may wonder. */
type Verdict = "ours" | "others" | { readonly stays: string };

/** What became of something that was sought by its name: nothing where there is none. */
interface Outcome {
  readonly gone?: readonly string[];
  readonly notes?: readonly string[];
  readonly left?: readonly string[];
}

type Removal = (context: StepContext) => Promise<Outcome>;

type Found = Pick<Installation, "namespace" | "others" | "accounts" | "release">;

/** The webhooks, before the manager ends: nobody should wait for one that is gone. */
export const webhooksStep = (installation: Found): Step => ({
  name: "webhooks",
  run: (context) => removeOwn(context, installation, { kinds: WEBHOOKS }),
});

/** All else that is installed with the operator, and what it has made for itself. */
export const operatorStep = (installation: Installation): Step => ({
  name: "operator",
  run: (context) =>
    removeOwn(context, installation, {
      // Their names were the Deployment's to tell, which is gone: another run would not know them.
      before: [removal(sharedSecret(installation)), removal({ resource: Leases, key: installation.lock })],
      kinds: OWN,
      // While there are Certificates they are made again.
      after: ISSUED.map((issued) => removal(issuedSecret(installation, issued))),
    }),
});

/** In which the manager's replicas share the certificate that they make. */
const sharedSecret = ({ secret }: Installation): Named<Secret> => ({
  resource: Secrets,
  key: secret,
  judge: (object) => (isOwnSecret(object) ? "ours" : { stays: "what it holds is not surely ours" }),
});

/** What cert-manager made is annotated; a Secret that users made is not. */
const issuedSecret = ({ secret: { namespace } }: Installation, issued: (typeof ISSUED)[number]): Named<Secret> => ({
  resource: Secrets,
  key: { namespace, name: issued.secret },
  judge: ({ metadata }) =>
    metadata.annotations?.["cert-manager.io/certificate-name"] === issued.certificate ? "ours" : "others",
});

/** What is removed, in this order. */
interface Order {
  readonly before?: readonly Removal[];
  readonly kinds: readonly Resource[];
  readonly after?: readonly Removal[];
}

const removeOwn = async (
  context: StepContext,
  installation: Found,
  { before = [], kinds, after = [] }: Order,
): Promise<StepResult> => {
  const gone: string[] = [];
  const left: string[] = [];
  const notes: string[] = [];
  const judge = await judgeOf(context, installation);
  const removeNamed = async (named: readonly Removal[]) => {
    for (const remove of named) {
      const outcome = await remove(context);
      gone.push(...(outcome.gone ?? []));
      notes.push(...(outcome.notes ?? []));
      left.push(...(outcome.left ?? []));
    }
  };
  await removeNamed(before);
  for (const resource of kinds) {
    const foreign: string[] = [];
    const isOurs = (metadata: StoredMetadata): boolean => {
      const belonging = judge(resource, metadata);
      if (!isNamedOurs(resource, metadata, installation)) {
        if (belonging !== "others") foreign.push(keyOf({ metadata }));
        return false;
      }
      if (belonging === "unknown") notes.push(unknownText(resource, metadata, installation));
      return belonging === "ours";
    };
    const namespace = resource.namespaced && !ELSEWHERE.has(resource) ? context.namespace : undefined;
    const sought = { resource, labelSelector: OWN_SELECTOR, namespace, isOurs, precondition: "uid" } as const;
    const deleted = await deleteAll(context, sought);
    gone.push(...deleted.gone.map((key) => `${resource.kind} ${key}`));
    left.push(...foreignText(resource.kind, foreign), ...deleted.changed.map((key) => changedText(resource.kind, key)));
  }
  await removeNamed(after);
  if (gone.length === 0) return { said: "nothing is installed", left, notes };
  const verb = context.mode === "look" ? "delete" : "deleted";
  return { said: `${verb} ${counted(gone.length, "object")}: ${someOf(gone, 40)}`, left, notes };
};

const unknownText = ({ kind }: Resource, metadata: StoredMetadata, { others }: Found): string =>
  `${kind} ${keyOf({ metadata })} stays: it may be that of the installation in ${others.join(" or ")}`;

/** By its name, or as an account of the release that ours run as: with the chart, users name the manager's, or give it one of theirs. */
const isNamedOurs = (resource: Resource, metadata: StoredMetadata, installation: Found): boolean =>
  isOwn(metadata) || (resource === ServiceAccounts && isReleased(metadata, installation));

const isReleased = (metadata: StoredMetadata, { accounts = [], release }: Found): boolean =>
  release !== undefined && releaseOf(metadata) === release && accounts.includes(metadata.name);

const removal =
  <T extends KubernetesObject>({ resource, key, judge }: Named<T>): Removal =>
  async (context) => {
    const text = `${resource.kind} ${keyOf({ metadata: key })}`;
    try {
      const object = await context.client.get(resource, key, callOf(context));
      const verdict = judge?.(object) ?? "ours";
      if (verdict === "others") return {};
      if (verdict !== "ours") return { notes: [`${text} stays: ${verdict.stays}`] };
      const preconditions = { uid: object.metadata.uid };
      if (context.mode === "do") await context.client.delete(resource, key, { preconditions, ...callOf(context) });
      return { gone: [text] };
    } catch (error) {
      if (error instanceof NotFoundError) return {};
      // All else goes without it.
      return { left: [`${text}: failed: ${failureText(error)}`] };
    }
  };
