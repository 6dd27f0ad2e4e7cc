import type { ClusterRole, PolicyRule } from "kubernetes-types/rbac/v1.d.ts";
import { aggregatedClusterRoles, authorCheckRule } from "../packages/operator/src/admission/manifests.ts";
import { podConfigMapConfigResource } from "../packages/operator/src/api/podconfigmapconfig.ts";
import { settingsTable } from "../packages/operator/src/settings/table.ts";

/** Name of all objects that belong to the manager; the other Roles and their bindings have a suffix. */
const NAME = "podconfigmap-controller";
/** Where `kubectl apply` puts things unless told otherwise, and where Lease and Secret are by default. */
const NAMESPACE = "default";

/** One rule of a Role, and why it is there. */
interface Rule {
  readonly why: string;
  readonly group: string;
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  /** Absent = all objects of the resource. */
  readonly names?: readonly string[];
}

const ruleOf = (why: string, { apiGroups: [group = ""] = [], resources = [], verbs }: PolicyRule): Rule => ({
  why,
  group,
  resources,
  verbs,
});

const { group, plural } = podConfigMapConfigResource;
const lockName = settingsTable.leaderElectionLockName.default;
const lockNamespace = settingsTable.leaderElectionLockNamespace.default;

const clusterRules: readonly Rule[] = [
  { why: "What is copied into ConfigMaps.", group: "", resources: ["pods"], verbs: ["list", "watch"] },
  {
    why: "What is generated. Reads are limited to our label by the manager; RBAC cannot say that.",
    group: "",
    resources: ["configmaps"],
    verbs: ["get", "list", "watch", "create", "update", "delete"],
  },
  { why: "What users ask for: read, never written.", group, resources: [plural], verbs: ["get", "list", "watch"] },
  { why: "What became of it.", group, resources: [`${plural}/status`], verbs: ["update"] },
  {
    why: "Conflicts, failures and recoveries, told where the object is.",
    group: "events.k8s.io",
    resources: ["events"],
    verbs: ["create", "patch"],
  },
  {
    why: "Whether a namespace of WATCH_NAMESPACES exists: the list of one that does not is empty, and no error.",
    group: "",
    resources: ["namespaces"],
    verbs: ["get"],
  },
  {
    why: "The manager writes caBundle of that one object, so that the API server trusts its certificate.",
    group: "admissionregistration.k8s.io",
    resources: ["validatingwebhookconfigurations"],
    verbs: ["get", "list", "watch", "patch"],
    names: [NAME],
  },
  ruleOf(
    "Whether authors have the rights that what they write takes. Not needed with AUTHOR_CHECKS=false.",
    authorCheckRule(),
  ),
];

const leases = { group: "coordination.k8s.io", resources: ["leases"] };

const leaseRules: readonly Rule[] = [
  { why: "The name of what does not exist yet cannot be asked about.", ...leases, verbs: ["create"] },
  {
    why: "Of several replicas one works. Another LEADER_ELECTION_LOCK_NAME has to be named here too.",
    ...leases,
    verbs: ["get", "list", "watch", "update"],
    names: [lockName],
  },
];

const secrets = { group: "", resources: ["secrets"] };

const webhookRules: readonly Rule[] = [
  { why: "The name of what does not exist yet cannot be asked about.", ...secrets, verbs: ["create"] },
  {
    why: "The webhooks' certificates; no other Secret is read. Another WEBHOOK_SECRET_NAME has to be named here too.",
    ...secrets,
    verbs: ["get", "list", "watch", "update"],
    names: [settingsTable.webhookSecretName.default],
  },
];

const quoted = (words: readonly string[]): string => `[${words.map((word) => JSON.stringify(word)).join(", ")}]`;

const ruleYaml = ({ why, group, resources, verbs, names }: Rule): string =>
  [
    `  # ${why}`,
    `  - apiGroups: ${quoted([group])}`,
    `    resources: ${quoted(resources)}`,
    ...(names === undefined ? [] : [`    resourceNames: ${quoted(names)}`]),
    `    verbs: ${quoted(verbs)}`,
  ].join("\n");

interface Identity {
  readonly kind: string;
  readonly name: string;
  /** Absent for what has none. */
  readonly namespace?: string;
  /** Beside the one that all have. */
  readonly labels?: Readonly<Record<string, string>>;
}

const RBAC = "rbac.authorization.k8s.io";

const head = (apiVersion: string, { kind, name, namespace, labels = {} }: Identity): string =>
  [
    `apiVersion: ${apiVersion}`,
    `kind: ${kind}`,
    "metadata:",
    `  name: ${name}`,
    ...(namespace === undefined ? [] : [`  namespace: ${namespace}`]),
    "  labels:",
    `    app.kubernetes.io/name: ${NAME}`,
    ...Object.entries(labels).map(([label, value]) => `    ${label}: ${JSON.stringify(value)}`),
  ].join("\n");

/** A role, and the binding of the same name that gives it to the ServiceAccount. */
const granted = (role: Identity, rules: readonly Rule[]): string[] => [
  `${head(`${RBAC}/v1`, role)}\nrules:\n${rules.map(ruleYaml).join("\n")}`,
  [
    head(`${RBAC}/v1`, { ...role, kind: `${role.kind}Binding` }),
    "roleRef:",
    `  apiGroup: ${RBAC}`,
    `  kind: ${role.kind}`,
    `  name: ${role.name}`,
    "subjects:",
    "  - kind: ServiceAccount",
    `    name: ${NAME}`,
    `    namespace: ${NAMESPACE}`,
  ].join("\n"),
];

/** Kubernetes' own roles that get more by ours, and why it is that much. */
const AUDIENCES: Readonly<Record<string, string>> = {
  view: "Who may read in a namespace may read these.",
  edit: "Who may write in a namespace may write these. What they make us do takes rights of its own: see docs/admission.md.",
  admin: 'ebpfConfig decides over the traffic of other people\'s Pods: "enforce" is asked of whoever writes one.',
};
const AGGREGATE_TO = `${RBAC}/aggregate-to-`;

/** A role that Kubernetes adds to one of its own. */
const aggregated = ({ metadata, rules = [] }: ClusterRole): string => {
  const { name = "", labels = {} } = metadata ?? {};
  const added = Object.entries(labels).filter(([label]) => label.startsWith(AGGREGATE_TO));
  const why = AUDIENCES[added[0]?.[0].slice(AGGREGATE_TO.length) ?? ""] ?? "";
  const identity = { kind: "ClusterRole", name, labels: Object.fromEntries(added) };
  return `${head(`${RBAC}/v1`, identity)}\nrules:\n${rules.map((rule) => ruleYaml(ruleOf(why, rule))).join("\n")}`;
};

const HEADER = `# Generated by scripts/generate.ts from scripts/rbac.ts. Do not edit: change the rules there.
#
# All that the manager may do. It creates ConfigMaps in every namespace, so it may write them in every namespace; with
# WATCH_NAMESPACES a Role with these rules in each of those namespaces is enough, and the ClusterRole can go; the rules for
# webhooks cannot be given by a Role: leave them in it, or set WEBHOOK_ENABLED=false.
#
# The roles at the end are for users: they add to Kubernetes' own view, edit and admin.
`;

/** manifests/rbac.yaml: the manager's ServiceAccount and what it may do, and nothing beyond; and what users may. */
export const rbacYaml = (): string => {
  const objects = [
    head("v1", { kind: "ServiceAccount", name: NAME, namespace: NAMESPACE }),
    ...granted({ kind: "ClusterRole", name: NAME }, clusterRules),
    ...granted({ kind: "Role", name: `${NAME}-leader-election`, namespace: lockNamespace }, leaseRules),
    ...granted({ kind: "Role", name: `${NAME}-webhook`, namespace: NAMESPACE }, webhookRules),
    ...aggregatedClusterRoles().map(aggregated),
  ];
  return `${HEADER}${objects.join("\n---\n")}\n`;
};
