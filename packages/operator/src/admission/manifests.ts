import type { ClusterRole, PolicyRule } from "kubernetes-types/rbac/v1.d.ts";
import { podConfigMapConfigResource } from "../api/podconfigmapconfig.ts";
import { SubjectAccessReviews } from "./access-reviews.ts";

/** The name of the configuration, and of all objects of the controller; the Service has a suffix. */
export const NAME = "podconfigmap-controller";
/** The Service by which the API server reaches the webhooks. */
export const WEBHOOK_SERVICE = `${NAME}-webhook`;
const LABELS = { "app.kubernetes.io/name": NAME };

/** Where the server serves the webhook. */
export const VALIDATE_PATH = "/validate/podconfigmapconfigs";

/** Seconds that the API server waits. What the handler asks of others has to come sooner. */
const TIMEOUT_SECONDS = 5;

/** How the API server reaches the webhooks: by their Service in a namespace, or by a URL without path (`WEBHOOK_URL`). */
export type WebhookTarget = { readonly namespace: string } | { readonly url: string };

const { group, version, plural } = podConfigMapConfigResource;

const clientConfig = (target: WebhookTarget) => {
  if ("url" in target) return { url: `${target.url.replace(/\/$/, "")}${VALIDATE_PATH}` };
  return { service: { name: WEBHOOK_SERVICE, namespace: target.namespace, path: VALIDATE_PATH, port: 443 } };
};

/** The API servers before 1.28 know no conditions; the handler lets the same writes pass. */
const matchConditions = [
  {
    name: "spec-changes",
    expression:
      "request.operation != 'UPDATE' || has(object.spec) != has(oldObject.spec) || (has(object.spec) && object.spec != oldObject.spec)",
  },
];

/**
 * The registration of the validating webhook, without a `caBundle`: the leader writes that.
 *
 * All namespaces, because the objects can be in all; and with `failurePolicy: Ignore`, so that none depends on the controller.
 * The status is another resource, so the controller's own writes never come here.
 */
export const validatingWebhookConfiguration = (target: WebhookTarget) => ({
  apiVersion: "admissionregistration.k8s.io/v1",
  kind: "ValidatingWebhookConfiguration",
  metadata: { name: NAME, labels: LABELS },
  webhooks: [
    {
      name: `validate.${plural}.${group}`,
      clientConfig: clientConfig(target),
      rules: [
        {
          apiGroups: [group],
          apiVersions: [version],
          resources: [plural],
          operations: ["CREATE", "UPDATE"],
          scope: "Namespaced",
        },
      ],
      matchConditions,
      matchPolicy: "Equivalent",
      failurePolicy: "Ignore",
      sideEffects: "None",
      timeoutSeconds: TIMEOUT_SECONDS,
      admissionReviewVersions: ["v1"],
    },
  ],
});

/** What the manager's ClusterRole needs beyond its other rules, for `AUTHOR_CHECKS`. */
export const authorCheckRule = (): PolicyRule => ({
  apiGroups: ["authorization.k8s.io"],
  resources: [SubjectAccessReviews.plural],
  verbs: ["create"],
});

type Audience = "view" | "edit" | "admin";

const role = (audience: Audience, rules: PolicyRule[]): ClusterRole => ({
  apiVersion: "rbac.authorization.k8s.io/v1",
  kind: "ClusterRole",
  metadata: {
    name: `${NAME}-${audience}`,
    labels: { ...LABELS, [`rbac.authorization.k8s.io/aggregate-to-${audience}`]: "true" },
  },
  rules,
});

/**
 * What Kubernetes' own roles get of a namespace's PodConfigMapConfigs; `edit` has what `view` has, and `admin` what `edit` has.
 * `enforce`, without which `ebpfConfig` is refused, is for `admin` alone: whoever may deploy in a namespace does not thereby
 * decide which traffic the Pods of others get.
 */
export const aggregatedClusterRoles = (): readonly ClusterRole[] => [
  role("view", [{ apiGroups: [group], resources: [plural, `${plural}/status`], verbs: ["get", "list", "watch"] }]),
  role("edit", [
    {
      apiGroups: [group],
      resources: [plural],
      verbs: ["create", "update", "patch", "delete", "deletecollection"],
    },
  ]),
  role("admin", [{ apiGroups: [group], resources: [plural], verbs: ["enforce"] }]),
];
