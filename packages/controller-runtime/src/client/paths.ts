import type { Resource } from "../resource.ts";

/** Values of query parameters; `undefined` and empty ones are left out. */
export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

/** Where in the URL space of the API a request goes. */
export interface Target {
  readonly namespace?: string | undefined;
  readonly name?: string | undefined;
  /** `status`, `log`, `eviction` ... */
  readonly subresource?: string | undefined;
}

/** What is wrong with a namespaced object without one; the server would say that its method is not allowed. */
export const NEEDS_NAMESPACE = "a namespaced object needs a namespace";

/** `/api/v1` or `/apis/group/version`. */
const root = (resource: Resource): string =>
  resource.apiVersion.includes("/") ? `/apis/${resource.apiVersion}` : `/api/${resource.apiVersion}`;

/**
 * The path of a collection, an object or a subresource, with its query.
 *
 * @throws TypeError when an object of a namespaced resource is addressed without its namespace, and for a name that
 * cannot be one segment of a path: an empty one would turn "delete this Pod" into "delete all Pods".
 */
export const pathOf = (resource: Resource, target: Target, query: Query = {}): string => {
  const { namespace, name, subresource } = target;
  let path = root(resource);
  if (resource.namespaced && namespace) path += `/namespaces/${segment(resource, namespace)}`;
  else if (resource.namespaced && name !== undefined) {
    throw new TypeError(`${resource.kind} ${name}: ${NEEDS_NAMESPACE}`);
  }
  path += `/${resource.plural}`;
  if (name !== undefined) path += `/${segment(resource, name)}`;
  if (subresource !== undefined) path += `/${subresource}`;
  return path + queryString(query);
};

/** Servers take a segment that is empty, `.` or `..` out of the path. */
const segment = (resource: Resource, name: string): string => {
  if (name === "" || name === "." || name === "..") throw new TypeError(`${resource.kind}: "${name}" is not a name`);
  return encodeURIComponent(name);
};

/** `?a=1&b=2`, or an empty string. */
export const queryString = (query: Query): string => {
  let text = "";
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined || value === "") continue;
    text += `${text === "" ? "?" : "&"}${name}=${encodeURIComponent(value)}`;
  }
  return text;
};
