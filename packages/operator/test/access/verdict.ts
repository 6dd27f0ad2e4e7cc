import type { Cluster } from "@pcmc/devcluster";
import type { SubjectAccessReview } from "kubernetes-types/authorization/v1.d.ts";
import type { Subject } from "../../src/access/subject.ts";

/** Who makes a request, as the API server sees it. */
export interface Identity {
  readonly user: string;
  readonly groups: readonly string[];
}

/** What a request does. */
export interface Attributes {
  readonly namespace: string;
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly subresource?: string;
  readonly name?: string;
}

/** The API server's own verdict (SubjectAccessReview). */
export const allowed = async (cluster: Cluster, { user, groups }: Identity, action: Attributes): Promise<boolean> => {
  const path = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
  const spec = { user, groups, resourceAttributes: action };
  const { status } = await cluster.request<SubjectAccessReview>("POST", path, { spec });
  return status?.allowed ?? false;
};

/**
 * A subject as it logs in; for a group, somebody who is in it and in no other but those that go with it.
 * Source: https://kubernetes.io/docs/reference/access-authn-authz/authentication/
 */
export const identityOf = (subject: Subject): Identity => {
  const { kind, name } = subject;
  if (kind === "ServiceAccount") return serviceAccount(subject.namespace, name);
  if (kind === "User") {
    return { user: name, groups: [name === "system:anonymous" ? "system:unauthenticated" : "system:authenticated"] };
  }
  if (name === "system:unauthenticated") return { user: "somebody", groups: [name] };
  const [, namespace] = /^system:serviceaccounts:(.*)$/.exec(name) ?? [];
  if (namespace !== undefined) return serviceAccount(namespace, "somebody");
  return { user: "somebody", groups: [...new Set([name, "system:authenticated"])] };
};

const serviceAccount = (namespace: string, name: string): Identity => ({
  user: `system:serviceaccount:${namespace}:${name}`,
  groups: [`system:serviceaccounts:${namespace}`, "system:serviceaccounts", "system:authenticated"],
});
