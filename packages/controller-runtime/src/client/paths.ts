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

/** `/api/v1` or `/apis/group/version`. */
const root = (resource: Resource): string =>
  resource.apiVersion.includes("/") ? `/apis/${resource.apiVersion}` : `/api/${resource.apiVersion}`;

/**
 * The path of a collection, an object or a subresource, with its query.
 *
 * @throws TypeError when an object of a namespaced resource is addressed without its namespace.
 */
export const pathOf = (resource: Resource, target: Target, query: Query = {}): string => {
  const { namespace, name, subresource } = target;
  let path = root(resource);
  if (resource.namespaced && namespace) path += `/namespaces/${encodeURIComponent(namespace)}`;
  else if (resource.namespaced && name !== undefined) {
    throw new TypeError(`${resource.kind} ${name}: a namespaced object needs a namespace`);
  }
  path += `/${resource.plural}`;
  if (name !== undefined) path += `/${encodeURIComponent(name)}`;
  if (subresource !== undefined) path += `/${subresource}`;
  return path + queryString(query);
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
