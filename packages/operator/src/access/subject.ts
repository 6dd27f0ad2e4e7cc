import type { Subject as NamedSubject } from "kubernetes-types/rbac/v1.d.ts";

/** Whom RBAC can give something to. */
export type Subject =
  | { readonly kind: "User" | "Group"; readonly name: string }
  | { readonly kind: "ServiceAccount"; readonly namespace: string; readonly name: string };

/** Groups that the API server itself puts people into: https://kubernetes.io/docs/reference/access-authn-authz/rbac/ */
const AUTHENTICATED = "system:authenticated";
const UNAUTHENTICATED = "system:unauthenticated";
const ANONYMOUS = "system:anonymous";
const SERVICE_ACCOUNTS = "system:serviceaccounts";
const SERVICE_ACCOUNT_USER = /^system:serviceaccount:([^:]+):([^:]+)$/;

/**
 * Whom a binding names. A ServiceAccount without a namespace is of the binding's own; `namespace` is empty for a
 * ClusterRoleBinding, where such a subject is nobody. A ServiceAccount under its user name is that ServiceAccount.
 *
 * @returns undefined for what RBAC passes over.
 */
export const subjectOf = (named: NamedSubject, namespace: string): Subject | undefined => {
  const { kind, name } = named;
  if (kind === "Group") return { kind, name };
  if (kind === "User") return userSubject(name);
  const home = named.namespace || namespace;
  return kind === "ServiceAccount" && home !== "" ? { kind, namespace: home, name } : undefined;
};

const userSubject = (user: string): Subject => {
  const [, namespace, name] = SERVICE_ACCOUNT_USER.exec(user) ?? [];
  if (namespace === undefined || name === undefined) return { kind: "User", name: user };
  return { kind: "ServiceAccount", namespace, name };
};

/** The groups that a subject, or whoever is in a group, is always in too. Others only their login knows. */
export const impliedGroups = (subject: Subject): readonly string[] => {
  const { kind, name } = subject;
  if (kind === "ServiceAccount") {
    return [`${SERVICE_ACCOUNTS}:${subject.namespace}`, SERVICE_ACCOUNTS, AUTHENTICATED];
  }
  if (kind === "User") return [name === ANONYMOUS ? UNAUTHENTICATED : AUTHENTICATED];
  if (name === AUTHENTICATED || name === UNAUTHENTICATED) return [];
  return name.startsWith(`${SERVICE_ACCOUNTS}:`) ? [SERVICE_ACCOUNTS, AUTHENTICATED] : [AUTHENTICATED];
};

/** `ServiceAccount shop/web`, `Group devs`: no two subjects have the same. */
export const subjectText = (subject: Subject): string =>
  subject.kind === "ServiceAccount"
    ? `${subject.kind} ${subject.namespace}/${subject.name}`
    : `${subject.kind} ${subject.name}`;

/** For `sort`: by kind, namespace, name. */
export const compareSubjects = (a: Subject, b: Subject): number => compareTexts(subjectText(a), subjectText(b));

/** For `sort`: by code unit, whatever the locale. */
export const compareTexts = (a: string, b: string): number => Number(a > b) - Number(a < b);
