/** A schema as the API server publishes it for its built-in types (OpenAPI v3): what of it we read. */
export interface OpenApiSchema {
  readonly $ref?: string;
  /** Of one member always: a `$ref` that has a description or a default beside it. */
  readonly allOf?: readonly OpenApiSchema[];
  readonly oneOf?: readonly OpenApiSchema[];
  readonly type?: string;
  readonly format?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly string[];
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, OpenApiSchema>>;
  readonly items?: OpenApiSchema;
  readonly additionalProperties?: OpenApiSchema;
  readonly "x-kubernetes-list-type"?: string;
  readonly "x-kubernetes-list-map-keys"?: readonly string[];
  readonly "x-kubernetes-map-type"?: string;
}

/** Full name (`io.k8s.api.core.v1.Container`) -> schema. */
export type OpenApiSchemas = Readonly<Record<string, OpenApiSchema>>;

/** What `/openapi/v3/api/v1` answers. */
export interface OpenApiDocument {
  readonly components: { readonly schemas: OpenApiSchemas };
}

/** Where an API server publishes the schemas of the core group. */
export const CORE_OPEN_API = "/openapi/v3/api/v1";

/** The full name of a type of the core group. */
export const coreType = (kind: string): string => `io.k8s.api.core.v1.${kind}`;

/** The full name of the type that a schema refers to, if it is a reference. */
export const referenceOf = ({ $ref, allOf }: OpenApiSchema): string | undefined =>
  ($ref ?? allOf?.[0]?.$ref)?.replace("#/components/schemas/", "");

const childrenOf = (schema: OpenApiSchema): readonly OpenApiSchema[] => [
  ...Object.values(schema.properties ?? {}),
  ...(schema.items === undefined ? [] : [schema.items]),
  ...(schema.additionalProperties === undefined ? [] : [schema.additionalProperties]),
];

/** Those of `schemas` that `roots` are made of, in the order of their names. */
export const reachable = (schemas: OpenApiSchemas, roots: readonly string[]): OpenApiSchemas => {
  const found = new Set<string>();
  const visit = (schema: OpenApiSchema): void => {
    const name = referenceOf(schema);
    if (name !== undefined && !found.has(name)) visitNamed(name);
    childrenOf(schema).forEach(visit);
  };
  const visitNamed = (name: string): void => {
    found.add(name);
    visit(schemas[name] ?? {});
  };
  roots.forEach(visitNamed);
  return Object.fromEntries([...found].sort().map((name) => [name, schemas[name] ?? {}]));
};
