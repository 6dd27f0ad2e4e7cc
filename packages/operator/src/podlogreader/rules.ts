import type { PolicyRule, RoleBinding, Subject } from "kubernetes-types/rbac/v1.d.ts";
import { type Choices, rulesFor } from "./role.ts";

/** Whether two lists of rules grant the same: neither the order of rules nor that inside a rule means anything. */
export const sameRules = (a: Rules, b: Rules): boolean => sameSet((a ?? []).map(canonical), (b ?? []).map(canonical));

/** As the API server gives them: a Role that was stored without any has null. */
type Rules = readonly PolicyRule[] | null | undefined;

/** Whether two RoleBindings give the same role to the same subjects. */
export const sameBinding = (a: RoleBinding, b: RoleBinding): boolean => sameRoleRef(a, b) && sameSubjects(a, b);

/** Whether two RoleBindings give the same role; which one it gives can never be changed. */
export const sameRoleRef = ({ roleRef: a }: RoleBinding, { roleRef: b }: RoleBinding): boolean =>
  a.apiGroup === b.apiGroup && a.kind === b.kind && a.name === b.name;

const sameSubjects = ({ subjects: a }: RoleBinding, { subjects: b }: RoleBinding): boolean =>
  sameSet((a ?? []).map(subjectText), (b ?? []).map(subjectText));

const subjectText = ({ apiGroup = "", kind, name, namespace = "" }: Subject): string =>
  [apiGroup, kind, namespace, name].join("|");

/** What a Role may grant for the moment. */
export interface Tolerated extends Pick<Choices, "allowPodGet"> {
  /** Names of the Pods that it is for. */
  readonly pods: ReadonlySet<string>;
  /** Whether there is a Pod of this name, whosever it is. */
  readonly exists: (pod: string) => boolean;
}

/**
 * Whether rules grant something on anything that is there and not meant. The name of a Pod that is gone can wait to be taken out;
 * what lets somebody read another Pod, or do something else, cannot.
 */
export const grantsTooMuch = (rules: readonly PolicyRule[], { pods, exists, ...choices }: Tolerated): boolean => {
  const ours = rulesFor([ANY], choices);
  const forms = new Set(ours.filter(({ resourceNames }) => resourceNames !== undefined).map(formOf));
  const unnamed = new Set(ours.filter(({ resourceNames }) => resourceNames === undefined).map(canonical));
  return rules.some((rule) => {
    const resourceNames = rule.resourceNames ?? [];
    if (resourceNames.length === 0) return !unnamed.has(canonical(rule));
    return !forms.has(formOf(rule)) || resourceNames.some((name) => !pods.has(name) && exists(name));
  });
};

const ANY = "any";

/** A rule without its names. */
const formOf = ({ resourceNames: _, ...rule }: PolicyRule): string => canonical(rule);

const canonical = ({ apiGroups, resources, resourceNames, verbs, nonResourceURLs }: PolicyRule): string =>
  JSON.stringify([apiGroups, resources, resourceNames, verbs, nonResourceURLs].map((words) => sorted(words ?? [])));

const sorted = (words: readonly string[]): readonly string[] => [...new Set(words)].sort();

const sameSet = (a: readonly string[], b: readonly string[]): boolean => {
  const [one, other] = [new Set(a), new Set(b)];
  return one.size === other.size && [...one].every((text) => other.has(text));
};
