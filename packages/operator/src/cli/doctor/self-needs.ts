import type { ResourceAttributes } from "kubernetes-types/authorization/v1.d.ts";
import { podConfigMapConfigResource } from "../../api/podconfigmapconfig.ts";
import { watcherResource } from "../../api/watcher.ts";
import type { Operator } from "./operator.ts";

type Rule = readonly [group: string, resource: string, verbs: readonly string[]];

/** What doctor reads of the whole cluster. */
const EVERYWHERE: readonly Rule[] = [
  ["apiextensions.k8s.io", "customresourcedefinitions", ["get"]],
  ["apps", "deployments", ["list"]],
  ["apps", "daemonsets", ["list"]],
  ["", "nodes", ["list"]],
  ["", "configmaps", ["list"]],
  ["", "pods", ["list"]],
  ["", "resourcequotas", ["list"]],
  ["rbac.authorization.k8s.io", "roles", ["list"]],
  ["discovery.k8s.io", "endpointslices", ["list"]],
  [podConfigMapConfigResource.group, podConfigMapConfigResource.plural, ["list"]],
  [watcherResource.group, watcherResource.plural, ["list"]],
  ["admissionregistration.k8s.io", "validatingwebhookconfigurations", ["list"]],
  ["admissionregistration.k8s.io", "mutatingwebhookconfigurations", ["list"]],
  ["admissionregistration.k8s.io", "validatingadmissionpolicies", ["get"]],
  ["admissionregistration.k8s.io", "validatingadmissionpolicybindings", ["get"]],
  ["authorization.k8s.io", "subjectaccessreviews", ["create"]],
];

/** And in the namespace of the operator. */
const BESIDE: readonly Rule[] = [
  ["", "secrets", ["get"]],
  ["", "services", ["get"]],
  ["", "pods/proxy", ["get"]],
  [podConfigMapConfigResource.group, podConfigMapConfigResource.plural, ["create"]],
];

/** And where its Lease is, which can be another. */
const LEASE: Rule = ["coordination.k8s.io", "leases", ["get"]];

/** All that whoever runs doctor should be allowed. */
export const selfNeeds = (
  operator: Pick<Operator, "namespace" | "settings"> | undefined,
): readonly ResourceAttributes[] => [
  ...EVERYWHERE.flatMap((rule) => attributesOf(rule)),
  ...(operator === undefined
    ? []
    : attributesOf(LEASE, operator.settings?.leaderElectionLockNamespace ?? operator.namespace)),
  ...(operator === undefined ? [] : BESIDE.flatMap((rule) => attributesOf(rule, operator.namespace))),
];

const attributesOf = ([group, full, verbs]: Rule, namespace?: string): readonly ResourceAttributes[] => {
  const [resource, subresource] = full.split("/");
  return verbs.map((verb) => ({
    group,
    verb,
    ...(resource !== undefined && { resource }),
    ...(subresource !== undefined && { subresource }),
    ...(namespace !== undefined && { namespace }),
  }));
};
