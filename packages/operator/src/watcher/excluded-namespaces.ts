import { AGENT, NAME, UNINSTALL_JOB } from "../rbac/names.ts";
import { INJECTION, INJECTION_DISABLED } from "./names.ts";

/** Kubernetes' own. Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/namespaces/#initial-namespaces */
const OF_KUBERNETES = ["kube-system", "kube-public", "kube-node-lease"];

/**
 * The namespaces in which nothing is injected, whatever their labels: Kubernetes' own and the operator's. Where the operator runs
 * in `default`, that is the place of other people's Pods, and only its own are left alone (`OWN_PODS`).
 */
export const excludedNamespaces = (own: string): readonly string[] =>
  own === "default" || OF_KUBERNETES.includes(own) ? OF_KUBERNETES : [...OF_KUBERNETES, own];

/** What the operator's Pods are known by: the manager's, the agents', and that of the Job which has agents detach. */
export const OWN_PODS = { key: "app.kubernetes.io/name", values: [NAME, AGENT.name, UNINSTALL_JOB] } as const;

/** Whether a Pod with these labels is the operator's: nothing is injected into it, wherever it is. */
export const isOwnPod = (labels: Readonly<Record<string, string>> = {}): boolean =>
  OWN_PODS.values.some((value) => labels[OWN_PODS.key] === value);

/** A namespace, as far as it is known. */
export interface KnownNamespace {
  readonly name: string;
  /** `undefined` where nothing of it is known but its name. */
  readonly labels: Readonly<Record<string, string>> | undefined;
}

/** Why nothing is injected in a namespace; `undefined` where something may be. `own` is that of the operator. */
export const whyExcluded = ({ name, labels }: KnownNamespace, own: string): string | undefined => {
  if (excludedNamespaces(own).includes(name)) return `namespace ${name} is not for injection`;
  if (labels?.[INJECTION] === INJECTION_DISABLED)
    return `namespace ${name} has the label ${INJECTION}=${INJECTION_DISABLED}`;
  return undefined;
};
