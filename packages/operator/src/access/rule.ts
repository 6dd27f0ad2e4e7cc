import type { PolicyRule } from "kubernetes-types/rbac/v1.d.ts";

/** Something that can be done to one Pod. */
export interface PodAction {
  readonly verb: string;
  /** Of the core group; with the subresource where there is one. */
  readonly resource: "pods" | "pods/log";
}

/** What reading a Pod's log takes: `GET /api/v1/namespaces/NS/pods/POD/log`, following it too. */
export const READ_LOG: PodAction = { verb: "get", resource: "pods/log" };
/** What `kubectl logs POD` takes besides: it reads the Pod first. */
export const READ_POD: PodAction = { verb: "get", resource: "pods" };

/** Names of objects, or all that there are and will be. */
export type Names = "every" | ReadonlySet<string>;

const ALL = "*";

/**
 * The Pods for which a rule allows an action.
 *
 * `*` counts as a verb, as a group and as a whole resource, `*` + `/log` as the subresource of every resource; `pods/*` is the name of
 * no resource. Source: `pkg/apis/rbac/v1/evaluation_helpers.go` of https://github.com/kubernetes/kubernetes
 *
 * @returns undefined for none.
 */
export const namesOf = (rule: PolicyRule, { verb, resource }: PodAction): Names | undefined => {
  const { apiGroups = [], resources = [], resourceNames = [], verbs } = rule;
  const isMeant =
    verbs.some((one) => one === ALL || one === verb) && apiGroups.some((one) => one === ALL || one === "");
  if (!isMeant || !resources.some((one) => coversResource(one, resource))) return undefined;
  return resourceNames.length === 0 ? "every" : new Set(resourceNames);
};

const coversResource = (pattern: string, resource: PodAction["resource"]): boolean => {
  const [, subresource] = resource.split("/");
  return pattern === ALL || pattern === resource || (subresource !== undefined && pattern === `${ALL}/${subresource}`);
};

/** All names of several rules. One of the sets itself where it has all of them: nearly always it does. */
export const unionOf = (all: readonly Names[]): Names => {
  let union: ReadonlySet<string> = new Set();
  for (const one of all) {
    if (one === "every") return one;
    if (one === union) continue;
    const [smaller, larger] = one.size < union.size ? [one, union] : [union, one];
    union = smaller.isSubsetOf(larger) ? larger : larger.union(smaller);
  }
  return union;
};

/** The names that both have. */
export const intersectionOf = (a: Names, b: Names): Names => {
  if (a === "every" || a === b) return b;
  return b === "every" ? a : a.intersection(b);
};
