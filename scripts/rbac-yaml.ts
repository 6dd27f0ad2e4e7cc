import type { Permission } from "../packages/operator/src/controllers/permission.ts";
import { LABELS, NAME } from "../packages/operator/src/rbac/names.ts";

/** Where `kubectl apply` puts things unless told otherwise. */
export const NAMESPACE = "default";

/** An object's kind and metadata. */
export interface Identity {
  readonly kind: string;
  readonly name: string;
  /** Absent for what has none. */
  readonly namespace?: string;
  /** Beside those that all have. */
  readonly labels?: Readonly<Record<string, string>>;
}

const RBAC = "rbac.authorization.k8s.io";

const quoted = (words: readonly string[]): string => `[${words.map((word) => JSON.stringify(word)).join(", ")}]`;

const HELD_TO_GRANT = "Only held, never used: nobody can grant what they do not hold.";

const ruleYaml = ({ why, group, resources, verbs, names, heldToGrant }: Permission): string =>
  [
    `  # ${why}`,
    ...(heldToGrant ? [`  # ${HELD_TO_GRANT}`] : []),
    `  - apiGroups: ${quoted([group])}`,
    `    resources: ${quoted(resources)}`,
    ...(names === undefined ? [] : [`    resourceNames: ${quoted(names)}`]),
    `    verbs: ${quoted(verbs)}`,
  ].join("\n");

/** The beginning of an object, up to its metadata's end. */
export const head = (apiVersion: string, { kind, name, namespace, labels = {} }: Identity): string =>
  [
    `apiVersion: ${apiVersion}`,
    `kind: ${kind}`,
    "metadata:",
    `  name: ${name}`,
    ...(namespace === undefined ? [] : [`  namespace: ${namespace}`]),
    "  labels:",
    ...Object.entries({ ...LABELS, ...labels }).map(([label, value]) => `    ${label}: ${scalar(value)}`),
  ].join("\n");

/** Where YAML would read something else, in quotes. */
const scalar = (text: string): string => (text === "true" ? JSON.stringify(text) : text);

/** A role, with a comment on each rule. */
export const roleYaml = (role: Identity, permissions: readonly Permission[]): string =>
  `${head(`${RBAC}/v1`, role)}\nrules:\n${permissions.map(ruleYaml).join("\n")}`;

/** The binding of the same name that gives a role to the ServiceAccount. */
const bindingYaml = (role: Identity): string =>
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
  ].join("\n");

/** A role of the manager, and its binding. */
export const granted = (role: Identity, permissions: readonly Permission[]): string[] => [
  roleYaml(role, permissions),
  bindingYaml(role),
];
