import { fieldOf, isObject } from "../conform.ts";
import { type OpenApiSchema, type OpenApiSchemas, referenceOf } from "./open-api.ts";

/** Where a value lies, and what the API server has for it. */
interface Place {
  readonly path: readonly (string | number)[];
  readonly schemas: OpenApiSchemas;
}

/**
 * The fields of a container or volume that an API server has no such field for, as paths below it. It drops them without a word
 * from a Pod that is created with them: one of an older version than the schema that the Watcher was checked by.
 *
 * @param type The full name of the value's type: `io.k8s.api.core.v1.Container`.
 * @param schemas What that API server publishes of its types. Where it does not have the type, nothing is said.
 *
 * @example unknownFields({ name: "c", restartPolicyRules: [] }, type, schemasOf1_33) // ["restartPolicyRules"]
 */
export const unknownFields = (value: unknown, type: string, schemas: OpenApiSchemas): readonly string[] =>
  below(value, schemas[type] ?? {}, { path: [], schemas });

const below = (value: unknown, given: OpenApiSchema, place: Place): readonly string[] => {
  const name = referenceOf(given);
  const schema = name === undefined ? given : (place.schemas[name] ?? {});
  const at = (...steps: readonly (string | number)[]): Place => ({ ...place, path: [...place.path, ...steps] });
  const { properties, items, additionalProperties } = schema;
  if (Array.isArray(value)) {
    return items === undefined ? [] : value.flatMap((item: unknown, index) => below(item, items, at(index)));
  }
  if (!isObject(value)) return [];
  if (additionalProperties !== undefined) {
    return Object.entries(value).flatMap(([key, entry]) => below(entry, additionalProperties, at(key)));
  }
  if (properties === undefined) return [];
  return Object.entries(value).flatMap(([field, part]) => {
    const property = Object.hasOwn(properties, field) ? properties[field] : undefined;
    return property === undefined ? [fieldOf(at(field).path)] : below(part, property, at(field));
  });
};
