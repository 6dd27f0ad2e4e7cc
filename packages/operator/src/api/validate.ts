import { type Conformed, conform, type Finding, fieldOf, isObject } from "./conform.ts";
import type { CustomResource } from "./crd.ts";
import { podConfigMapConfigResource as resource } from "./podconfigmapconfig.ts";
import type { Static } from "./schema.ts";

/** The parts of an object that admission looks at; `metadata` is checked by the API server for all kinds alike. */
type Conforming = Static<typeof resource.schema>;

/** `object` in the form that the schema allows, and all that admission would refuse in its spec and status. Never throws. */
export const conformPodConfigMapConfig = (object: unknown): Conformed<Conforming> => {
  if (!isObject(object)) return conform(resource.schema, object);
  const { apiVersion: _apiVersion, kind: _kind, metadata: _metadata, ...body } = object;
  return conform(resource.schema, body);
};

const expect = (object: unknown, field: string, expected: string): readonly Finding[] => {
  const found = isObject(object) ? object[field] : undefined;
  if (found === expected) return [];
  const reason = found === undefined ? "FieldValueRequired" : "FieldValueNotSupported";
  return [{ path: [field], field: fieldOf([field]), message: `must be ${expected}`, reason }];
};

/** What is wrong with the fields that say which kind of object it is. */
export const identityFaultsOf = (
  { group, version, kind }: Pick<CustomResource, "group" | "version" | "kind">,
  object: unknown,
): readonly Finding[] => [...expect(object, "apiVersion", `${group}/${version}`), ...expect(object, "kind", kind)];

/** The same for a PodConfigMapConfig. */
export const identityFaults = (object: unknown): readonly Finding[] => identityFaultsOf(resource, object);

/**
 * What the API server with our CRD would refuse in `object`, `metadata` apart, in the order of the schema. An empty list = it would
 * be accepted. `object` may be anything, as YAML or JSON gives it. Never throws.
 */
export const validatePodConfigMapConfig = (object: unknown): readonly Finding[] => [
  ...identityFaults(object),
  ...conformPodConfigMapConfig(object).findings,
];
