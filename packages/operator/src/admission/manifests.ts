import type { LabelSelectorRequirement } from "kubernetes-types/meta/v1.d.ts";
import { podConfigMapConfigResource } from "../api/podconfigmapconfig.ts";
import { watcherResource } from "../api/watcher.ts";
import { LABELS, NAME } from "../rbac/names.ts";
import { excludedNamespaces, OWN_PODS } from "../watcher/excluded-namespaces.ts";
import { INJECT, INJECTED, INJECTION, INJECTION_DISABLED, MIRROR, OPT_OUT } from "../watcher/names.ts";

/** The Service by which the API server reaches the webhooks. */
export const WEBHOOK_SERVICE = `${NAME}-webhook`;

/** Where the server serves the webhooks. */
export const VALIDATE_PATH = "/validate/podconfigmapconfigs";
export const VALIDATE_WATCHERS_PATH = "/validate/watchers";
export const INJECT_PATH = "/inject/pods";

/** Seconds that the API server waits for a judgement. What the handler asks of others has to come sooner. */
const VALIDATION_TIMEOUT = 5;
/** And for an injection, which asks nobody: with a server that hangs, each Pod of the cluster would wait as long. */
const INJECTION_TIMEOUT = 3;

/** How the API server reaches the webhooks: by their Service in a namespace, or by a URL without path (`WEBHOOK_URL`). */
export type WebhookTarget = { readonly namespace: string } | { readonly url: string };

/** A kind whose writes are validated. */
interface ValidatedKind {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly path: string;
}

/** The kinds that are validated, by the group of controllers whose they are. */
const validated = {
  podconfigmap: { ...podConfigMapConfigResource, path: VALIDATE_PATH },
  watcher: { ...watcherResource, path: VALIDATE_WATCHERS_PATH },
} as const satisfies Readonly<Record<string, ValidatedKind>>;

/** A group of controllers with a kind that is validated. */
export type ValidatedGroup = keyof typeof validated;
const ALL: readonly ValidatedGroup[] = ["podconfigmap", "watcher"];

const clientConfig = (target: WebhookTarget, path: string) => {
  if ("url" in target) return { url: `${target.url.replace(/\/$/, "")}${path}` };
  return { service: { name: WEBHOOK_SERVICE, namespace: target.namespace, path, port: 443 } };
};

/** The API servers before 1.28 know no conditions; the handler lets the same writes pass. */
const onSpecChanges = [
  {
    name: "spec-changes",
    expression:
      "request.operation != 'UPDATE' || has(object.spec) != has(oldObject.spec) || (has(object.spec) && object.spec != oldObject.spec)",
  },
];

/**
 * The registration of the validating webhooks, without a `caBundle`: the leader writes that.
 *
 * All namespaces, because the objects can be in all; and with `failurePolicy: Ignore`, so that none depends on the controller.
 * The status is another resource, so the controller's own writes never come here.
 */
export const validatingWebhookConfiguration = (target: WebhookTarget, groups: readonly ValidatedGroup[] = ALL) => ({
  apiVersion: "admissionregistration.k8s.io/v1",
  kind: "ValidatingWebhookConfiguration" as const,
  metadata: { name: NAME, labels: LABELS },
  webhooks: groups.map((each) => validatingWebhook(target, validated[each])),
});

const validatingWebhook = (target: WebhookTarget, { group, version, plural, path }: ValidatedKind) => ({
  name: `validate.${plural}.${group}`,
  clientConfig: clientConfig(target, path),
  rules: [
    {
      apiGroups: [group],
      apiVersions: [version],
      resources: [plural],
      operations: ["CREATE", "UPDATE"],
      scope: "Namespaced",
    },
  ],
  matchConditions: onSpecChanges,
  matchPolicy: "Equivalent",
  failurePolicy: "Ignore",
  sideEffects: "None",
  timeoutSeconds: VALIDATION_TIMEOUT,
  admissionReviewVersions: ["v1"],
});

/** Where Pods are injected. */
export interface InjectionScope {
  /** The operator's. */
  readonly ownNamespace: string;
  /** Absent or empty = all but those that are excluded. */
  readonly watchNamespaces?: readonly string[] | undefined;
}

/**
 * The registration of the webhook that injects Watchers, without a `caBundle`: the leader writes that.
 *
 * It is asked about each Pod that is created, since a Watcher's selector can match any; with `failurePolicy: Ignore`, so that none
 * depends on the controller. Asked again after another webhook has changed the Pod (`reinvocationPolicy`), it sees labels and
 * annotations that were not there before.
 */
export const mutatingWebhookConfiguration = (target: WebhookTarget, scope: InjectionScope) => ({
  apiVersion: "admissionregistration.k8s.io/v1",
  kind: "MutatingWebhookConfiguration" as const,
  metadata: { name: NAME, labels: LABELS },
  webhooks: [
    {
      name: `inject.${watcherResource.plural}.${watcherResource.group}`,
      clientConfig: clientConfig(target, INJECT_PATH),
      rules: [
        { apiGroups: [""], apiVersions: ["v1"], resources: ["pods"], operations: ["CREATE"], scope: "Namespaced" },
      ],
      namespaceSelector: { matchExpressions: namespacesIn(scope) },
      objectSelector: { matchExpressions: [{ key: OWN_PODS.key, operator: "NotIn", values: [...OWN_PODS.values] }] },
      matchConditions: onInjectablePods,
      matchPolicy: "Equivalent",
      failurePolicy: "Ignore",
      reinvocationPolicy: "IfNeeded",
      sideEffects: "None",
      timeoutSeconds: INJECTION_TIMEOUT,
      admissionReviewVersions: ["v1"],
    },
  ],
});

/** The name of a namespace is a label of it since Kubernetes 1.21. */
const NAMESPACE_NAME = "kubernetes.io/metadata.name";

const namespacesIn = ({ ownNamespace, watchNamespaces = [] }: InjectionScope): LabelSelectorRequirement[] => [
  { key: NAMESPACE_NAME, operator: "NotIn", values: [...excludedNamespaces(ownNamespace)] },
  ...(watchNamespaces.length === 0
    ? []
    : [{ key: NAMESPACE_NAME, operator: "In", values: [...watchNamespaces].sort() }]),
  { key: INJECTION, operator: "NotIn", values: [INJECTION_DISABLED] },
];

const annotation = (key: string) => `'${key}' in object.metadata.annotations`;

/**
 * Of a kubelet's own Pods only a mirror comes here, which is no use to change; and a Pod that opts out of selectors and names
 * no Watcher gets none, unless it says that it has some.
 */
const onInjectablePods = [
  { name: "no-mirror-pod", expression: `!has(object.metadata.annotations) || !(${annotation(MIRROR)})` },
  {
    name: "not-opted-out",
    expression: [
      "!has(object.metadata.annotations)",
      `!(${annotation(INJECT)})`,
      `object.metadata.annotations['${INJECT}'] != '${OPT_OUT}'`,
      annotation(INJECTED),
    ].join(" || "),
  },
];
