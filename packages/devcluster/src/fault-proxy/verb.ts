/** What a request asks of the API, by the names that RBAC has for it; `other` for paths outside the API groups. */
export type Verb = "get" | "list" | "watch" | "create" | "update" | "patch" | "delete" | "deletecollection" | "other";

/** `/api/v1/...` and `/apis/group/version/...`: what follows names the resource. */
const API_PATH = /^\/(?:api\/[^/]+|apis\/[^/]+\/[^/]+)\/(.+)$/;

/**
 * The verb of a request, read from method and path as the API server does it.
 *
 * Source of the rule: https://kubernetes.io/docs/reference/access-authn-authz/authorization/#determine-the-request-verb
 */
export const verbOf = (method: string, target: string): Verb => {
  const [path = "", query = ""] = target.split("?", 2);
  const rest = API_PATH.exec(path)?.[1];
  if (rest === undefined) return "other";
  const names = rest.split("/").filter((segment) => segment !== "");
  // `namespaces/x` is an object of its own, `namespaces/x/pods` a collection in it.
  if (names[0] === "namespaces" && names.length > 2) names.splice(0, 2);
  const isObject = names.length > 1;
  if (method === "GET" || method === "HEAD") {
    if (/(?:^|&)watch=(?:true|1)(?:&|$)/.test(query)) return "watch";
    return isObject ? "get" : "list";
  }
  if (method === "POST") return "create";
  if (method === "PUT") return "update";
  if (method === "PATCH") return "patch";
  if (method === "DELETE") return isObject ? "delete" : "deletecollection";
  return "other";
};
