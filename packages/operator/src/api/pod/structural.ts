import type { SchemaNode } from "../schema.ts";
import { ADDITIONS, type Additions } from "./additions.ts";
import { type OpenApiSchema, type OpenApiSchemas, referenceOf } from "./open-api.ts";

/** Expanded by hand: their schemas say `oneOf`, which structural schemas know in one form only. */
const QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity";
const INT_OR_STRING = "io.k8s.apimachinery.pkg.util.intstr.IntOrString";

/**
 * An amount that is no less than nothing, as `resource.ParseQuantity` reads it. A CRD can say integer or string, not number: a
 * fraction has to stand in quotes, as in every CRD that is generated from Go.
 */
const quantity: SchemaNode = {
  description: "An amount: 500m, 128Mi, 2. A fraction needs quotes, or a unit: '0.5' or 500m.",
  "x-kubernetes-int-or-string": true,
  minimum: 0,
  pattern: "^[+]?([0-9]+([.][0-9]*)?|[.][0-9]+)(([KMGTPE]i)|[numkMGTPE]|[eE][-+]?[0-9]+)?$",
  anyOf: [{ type: "integer" }, { type: "string" }],
};

const intOrString: SchemaNode = {
  "x-kubernetes-int-or-string": true,
  anyOf: [{ type: "integer" }, { type: "string" }],
};

const own: Readonly<Record<string, SchemaNode>> = { [QUANTITY]: quantity, [INT_OR_STRING]: intOrString };

/**
 * Whether a default is one that the API fills in. The others only say what a Go field holds before anybody sets it: kept, they
 * would make up for every name that is missing.
 */
const isRealDefault = (value: unknown): boolean =>
  value !== undefined && value !== "" && value !== 0 && value !== false && JSON.stringify(value) !== "{}";

const TYPES = ["object", "array", "string", "integer", "boolean"] as const;
const typeOf = ({ type }: OpenApiSchema): SchemaNode["type"] => TYPES.find((known) => known === type);

/** Older API servers, 1.29 among them, hold no number of a custom resource to its format; no Pod with it can be created. */
const INT32 = { minimum: -(2 ** 31), maximum: 2 ** 31 - 1 };

const LIST_TYPES = ["atomic", "map", "set"] as const;

/** All but what holds other schemas. Extensions that are for clients of built-in types only (patch strategy, unions) stay behind. */
const plainPart = (schema: OpenApiSchema): Partial<SchemaNode> => {
  const { description, default: initial, enum: values, format, required } = schema;
  const type = typeOf(schema);
  const listType = LIST_TYPES.find((known) => known === schema["x-kubernetes-list-type"]);
  const mapKeys = schema["x-kubernetes-list-map-keys"];
  const mapType = schema["x-kubernetes-map-type"];
  return {
    ...(description !== undefined && { description }),
    ...(type !== undefined && { type }),
    ...(format !== undefined && { format }),
    ...(format === "int32" && INT32),
    ...(values !== undefined && { enum: values }),
    ...(required !== undefined && { required }),
    ...(isRealDefault(initial) && { default: initial }),
    ...(listType !== undefined && { "x-kubernetes-list-type": listType }),
    ...(mapKeys !== undefined && { "x-kubernetes-list-map-keys": mapKeys }),
    ...(mapType !== undefined && { "x-kubernetes-map-type": mapType }),
  };
};

/** Expands types of the API server into schemas as a CRD may hold them: no references, and one type for each value. */
export class Structural {
  readonly #schemas: OpenApiSchemas;
  readonly #additions: Additions;
  readonly #expanded = new Map<string, SchemaNode>();
  /** Types that are being expanded: one that is met again holds itself. */
  readonly #open = new Set<string>();

  /** @param additions What the API server's code checks and its schemas do not say. */
  constructor(schemas: OpenApiSchemas, additions: Additions = ADDITIONS) {
    this.#schemas = schemas;
    this.#additions = additions;
  }

  /**
   * The whole schema of a type, by its full name.
   *
   * @throws RangeError when the API server's schemas lack it, or it holds itself.
   */
  of(name: string): SchemaNode {
    const ready = own[name] ?? this.#expanded.get(name);
    if (ready !== undefined) return ready;
    const schema = this.#schemas[name];
    if (schema === undefined) throw new RangeError(`there is no schema of ${name}`);
    if (this.#open.has(name)) throw new RangeError(`${name} holds itself, which no schema of a CRD can say`);
    this.#open.add(name);
    const short = name.slice(name.lastIndexOf(".") + 1);
    const expanded = added(this.#expand(schema, short), this.#additions[short]);
    this.#open.delete(name);
    this.#expanded.set(name, expanded);
    return expanded;
  }

  /** @param path `Type.field`, for the additions. */
  #expand(schema: OpenApiSchema, path: string): SchemaNode {
    const name = referenceOf(schema);
    const plain = plainPart(schema);
    if (name !== undefined) return { ...this.of(name), ...plain };
    const { properties, items, additionalProperties } = schema;
    return {
      ...plain,
      ...(properties !== undefined && { properties: this.#expandProperties(properties, path, schema.required) }),
      ...(items !== undefined && { items: this.#expand(items, path) }),
      ...(additionalProperties !== undefined && { additionalProperties: this.#expand(additionalProperties, path) }),
      ...(isOpaque(schema) && { "x-kubernetes-preserve-unknown-fields": true }),
    };
  }

  #expandProperties(
    properties: OpenApiSchemas,
    type: string,
    required: readonly string[] = [],
  ): Readonly<Record<string, SchemaNode>> {
    const entries = Object.entries(properties).map(([field, property]) => {
      const path = `${type}.${field}`;
      const expanded = this.#expand(property, path);
      const filled = isNeverEmpty(field, property, required) ? { minLength: 1, ...expanded } : expanded;
      return [field, added(filled, this.#additions[path])] as const;
    });
    return Object.fromEntries(entries);
  }
}

/** A text that has to be there has to say something: to Go, one that is missing is empty. */
const isNeverEmpty = (field: string, { type, default: initial }: OpenApiSchema, required: readonly string[]): boolean =>
  type === "string" && initial === "" && required.includes(field);

/** An object of which the schema does not say what is in it. */
const isOpaque = ({ type, properties, additionalProperties }: OpenApiSchema): boolean =>
  type === "object" && properties === undefined && additionalProperties === undefined;

const added = (node: SchemaNode, addition: Additions[string] | undefined): SchemaNode => {
  if (addition === undefined) return node;
  const { items, required = [], ...rest } = addition;
  return {
    ...node,
    ...rest,
    ...(required.length > 0 && { required: [...new Set([...(node.required ?? []), ...required])] }),
    ...(items !== undefined && node.items !== undefined && { items: { ...node.items, ...items } }),
  };
};
