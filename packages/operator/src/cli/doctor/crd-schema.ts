import { type CustomResource, customResourceDefinition } from "../../api/crd.ts";

/** How a schema compares with the one that this program was built with. */
export interface SchemaDifference {
  /** Fields of ours that it has not, as paths: `spec.ebpfConfig.onFailure`. */
  readonly lacks: readonly string[];
  /** Fields that only it has. */
  readonly more: readonly string[];
  /** Whether the fields are the same and something else is not: a default, a bound, a rule. */
  readonly rulesDiffer: boolean;
}

/** The schema of our own version, as the API server would return it. */
export const builtInSchema = (resource: CustomResource): unknown => {
  const plain: ReturnType<typeof customResourceDefinition> = JSON.parse(
    JSON.stringify(customResourceDefinition(resource)),
  );
  return plain.spec.versions[0]?.schema.openAPIV3Schema;
};

/** Compares two OpenAPI schemas; descriptions do not count. */
export const compareSchemas = (ours: unknown, theirs: unknown): SchemaDifference => {
  const [own, other] = [new Set(fieldsOf(ours)), new Set(fieldsOf(theirs))];
  const lacks = outermost([...own].filter((field) => !other.has(field)));
  const more = outermost([...other].filter((field) => !own.has(field)));
  const sameFields = lacks.length === 0 && more.length === 0;
  return { lacks, more, rulesDiffer: sameFields && canonical(ours) !== canonical(theirs) };
};

/** All paths of properties below a schema. */
const fieldsOf = (schema: unknown, path = ""): string[] => {
  if (!isObject(schema)) return [];
  const { properties, items, additionalProperties } = schema;
  const own = isObject(properties)
    ? Object.entries(properties).flatMap(([name, value]) => {
        const field = path === "" ? name : `${path}.${name}`;
        return [field, ...fieldsOf(value, field)];
      })
    : [];
  return [...own, ...fieldsOf(items, `${path}[]`), ...fieldsOf(additionalProperties, `${path}{}`)];
};

/** Where a whole object is missing, its fields go without saying. */
const outermost = (fields: readonly string[]): string[] => {
  const all = new Set(fields);
  return fields.filter((field) => !parentsOf(field).some((parent) => all.has(parent)));
};

const parentsOf = (field: string): string[] =>
  [...field.matchAll(/(?:\[\]|\{\})?\.|\[\]|\{\}/g)].map(({ index }) => field.slice(0, index));

/** JSON with sorted keys, without what is only told to people. The API server sorts keys, and drops what is empty. */
const canonical = (value: unknown): string => JSON.stringify(sorted(value));

const sorted = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key, child]) => !(key === "description" && typeof child === "string") && child !== false)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, child]) => [key, sorted(child)]),
  );
};

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
