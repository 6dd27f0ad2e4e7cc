import type {
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
} from "kubernetes-types/admissionregistration/v1.d.ts";
import { EBPF_READY, EBPF_READY_MESSAGE_SIZE } from "../ebpf/condition.ts";
import { AGENT } from "../rbac/names.ts";

const apiVersion = "admissionregistration.k8s.io/v1";

/** What a token that is bound to a Pod says of the Pod's node (KEP-4193; Kubernetes 1.30). */
const NODE_CLAIM = "authentication.kubernetes.io/node-name";

/** What the API server itself changes with each write. */
const KEPT_BY_THE_SERVER = ["managedFields", "resourceVersion"];

/** Whether two CEL maps are the same but for some keys. In a form that needs no list of fields: what is added to Pods later counts. */
const sameBut = (a: string, b: string, keys: readonly string[]): string => {
  const list = `[${keys.map((key) => `'${key}'`).join(", ")}]`;
  const covered = (one: string, other: string) =>
    `${one}.all(key, key in ${list} || (key in ${other} && ${one}[key] == ${other}[key]))`;
  return `${covered(a, b)} && ${b}.all(key, key in ${list} || key in ${a})`;
};

const conditionsOf = (object: string, operator: "==" | "!=") =>
  `dyn(${object}).?status.?conditions.orValue([]).filter(condition, condition.type ${operator} '${EBPF_READY}')`;

/** Computed when first used, by name as `variables.name`. */
const variables = {
  // No claim, or no Pod on a node yet: two names that never match.
  tokenNode: `request.userInfo.?extra[?'${NODE_CLAIM}'][?0].orValue('')`,
  podNode: "dyn(oldObject).?spec.?nodeName.orValue('')",
  oldStatus: "dyn(oldObject).?status.orValue({})",
  newStatus: "dyn(object).?status.orValue({})",
  // Typed, the metadata is no map.
  oldMetadata: "dyn(oldObject.metadata)",
  newMetadata: "dyn(object.metadata)",
};

/** Characters of the condition's reason at the most. `size()` counts code points, of which a text has no more than what agents count. */
const REASON_SIZE = 128;

/** The first one that does not hold is told. */
const validations = [
  {
    expression: "request.operation == 'UPDATE' && request.?subResource.orValue('') == 'status'",
    message: `the agent changes nothing of a Pod but its condition ${EBPF_READY}`,
  },
  {
    expression: "variables.tokenNode != ''",
    message: "the token names no node: it has to be bound to the agent's Pod, as projected tokens are",
  },
  {
    expression: "variables.tokenNode == variables.podNode",
    messageExpression:
      "'the agent of node ' + variables.tokenNode + ' may not change a Pod of ' + (variables.podNode == '' ? 'no node' : 'node ' + variables.podNode)",
    message: "the agent may not change a Pod of another node",
  },
  {
    expression: sameBut("variables.newMetadata", "variables.oldMetadata", KEPT_BY_THE_SERVER),
    message: "the agent may not change the metadata of a Pod: no label, annotation, finalizer or owner",
  },
  {
    expression: sameBut("variables.newStatus", "variables.oldStatus", ["conditions"]),
    message: `the agent may not change the status of a Pod but for its condition ${EBPF_READY}`,
  },
  {
    expression: `${conditionsOf("object", "!=")} == ${conditionsOf("oldObject", "!=")}`,
    message: `the agent may not change another condition of a Pod than ${EBPF_READY}`,
  },
  {
    expression: `${conditionsOf("object", "==")}.size() <= 1`,
    message: `the condition ${EBPF_READY} may stand in a Pod once`,
  },
  {
    expression: `${conditionsOf("object", "==")}.all(condition, condition.status in ['True', 'False', 'Unknown'] && condition.?reason.orValue('').size() <= ${REASON_SIZE} && condition.?message.orValue('').size() <= ${EBPF_READY_MESSAGE_SIZE})`,
    message: `the condition ${EBPF_READY} has a status that there is, a reason of ${REASON_SIZE} characters at the most and a message of ${EBPF_READY_MESSAGE_SIZE}`,
  },
];

/** All writes and all subresources, so that a wider role by mistake gives the agent no more. */
const writesOfPods = {
  apiGroups: [""],
  apiVersions: ["v1"],
  operations: ["CREATE", "UPDATE", "DELETE", "CONNECT"],
  resources: ["pods", "pods/*"],
};

/** The ServiceAccount that agents run as. */
export interface AgentAccount {
  readonly name: string;
  /**
   * Without it the policy is about the ServiceAccounts of that name in every namespace: for where the namespace is not known, as a
   * policy that matches nobody would forbid nothing. The name must then be one that nobody else's has: they could not write Pods.
   */
  readonly namespace?: string;
}

/** CEL. Neither part of `system:serviceaccount:<namespace>:<name>` can have a colon. */
const isAgent = ({ name, namespace }: AgentAccount): string =>
  namespace === undefined
    ? `request.userInfo.username.startsWith('system:serviceaccount:') && request.userInfo.username.endsWith(':${name}')`
    : `request.userInfo.username == 'system:serviceaccount:${namespace}:${name}'`;

/**
 * What the agents may change of Pods, beyond what RBAC can say: on its own node only, and nothing but one condition. Without it
 * `patch pods/status` would let the agent of one node mark every Pod of the cluster unready, and change its labels.
 *
 * Nobody else's requests, the kubelets' among them, are looked at.
 *
 * For Kubernetes 1.30 and later; `failurePolicy: Fail` concerns the agents alone.
 */
export const agentAdmissionPolicy = (account: AgentAccount): ValidatingAdmissionPolicy => ({
  apiVersion,
  kind: "ValidatingAdmissionPolicy",
  metadata: { name: AGENT.name, labels: AGENT.labels },
  spec: {
    failurePolicy: "Fail",
    matchConstraints: { resourceRules: [writesOfPods] },
    matchConditions: [{ name: "agent", expression: isAgent(account) }],
    variables: Object.entries(variables).map(([name, expression]) => ({ name, expression })),
    validations: validations.map((validation) => ({ ...validation, reason: "Forbidden" })),
  },
});

/** Puts the policy in force, in every namespace. */
export const agentAdmissionPolicyBinding = (): ValidatingAdmissionPolicyBinding => ({
  apiVersion,
  kind: "ValidatingAdmissionPolicyBinding",
  metadata: { name: AGENT.name, labels: AGENT.labels },
  spec: { policyName: AGENT.name, validationActions: ["Deny"] },
});
