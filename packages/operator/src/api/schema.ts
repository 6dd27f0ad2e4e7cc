/*
 * A schema is written once; the TypeScript type (`Static`), the CRD (crd.ts) and the offline checks (conform.ts) are all
 * read from it. See docs/decisions/004-schemas-of-our-own.md for why there is no schema library below.
 */

/**
 * A rule that the API server evaluates in CEL, and its twin here. Both see a value that has passed the plain checks of its
 * own schema node, so `check` may rely on `T`. A test holds the two to the same verdicts on a real API server.
 */
export interface Rule<T> {
  /** The CEL expression over `self`. Kept to functions of Kubernetes 1.25, so that older clusters take the CRD. */
  readonly rule: string;
  /** One line: what is wrong, and what to do. */
  readonly message: string;
  /**
   * A CEL expression for the message that names what is at fault. API servers before 1.27 know none; they, and those where it
   * gives no single line, show `message`.
   */
  readonly messageExpression?: string;
  /** The twin of `messageExpression`, for a value that `check` refuses. */
  explain?(value: T): string;
  /** Where below the node the fault lies, as the API server wants it: `.values`. */
  readonly fieldPath?: string;
  /** The twin of `rule`: true = valid. A function, so it never reaches the CRD. */
  check(value: T): boolean;
}

/** A schema as conform.ts walks it: what the CRD says of one value. */
export interface SchemaNode {
  /** Absent only where the value is an integer or a string. */
  readonly type?: "object" | "array" | "string" | "integer" | "boolean";
  readonly "x-kubernetes-int-or-string"?: boolean;
  readonly description?: string;
  readonly nullable?: boolean;
  readonly default?: unknown;
  readonly enum?: readonly string[];
  /** Checked here: int32, int64, byte and date-time. */
  readonly format?: string;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minProperties?: number;
  readonly maxProperties?: number;
  readonly items?: SchemaNode;
  /** What Kubernetes wants written beside an integer or string; nothing is read from it here. */
  readonly anyOf?: readonly SchemaNode[];
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: SchemaNode;
  /** Whether unknown fields of an object are kept. */
  readonly "x-kubernetes-preserve-unknown-fields"?: boolean;
  /** `map`: no two items have the same keys. `set`: no two are the same. */
  readonly "x-kubernetes-list-type"?: "atomic" | "map" | "set";
  readonly "x-kubernetes-list-map-keys"?: readonly string[];
  readonly "x-kubernetes-map-type"?: string;
  readonly "x-kubernetes-validations"?: readonly Rule<unknown>[];
}

declare const OF: unique symbol;
const OPTIONAL = Symbol("optional");

/** A schema of values of type `T`; the type is carried by the type alone. */
export interface Schema<T = unknown> extends SchemaNode {
  readonly [OF]?: T;
}

/** A property that may be absent. The mark is a symbol, so that it reaches no CRD. */
export interface OptionalSchema<T = unknown> extends Schema<T> {
  readonly [OPTIONAL]: true;
}

/** The TypeScript type of the values of a schema. */
export type Static<S> = S extends Schema<infer T> ? T : never;

type Properties = Readonly<Record<string, Schema>>;
type OptionalKeys<P extends Properties> = { [K in keyof P]: P[K] extends OptionalSchema ? K : never }[keyof P];
type ObjectOf<P extends Properties> = { [K in Exclude<keyof P, OptionalKeys<P>>]: Static<P[K]> } & {
  [K in OptionalKeys<P>]?: Static<P[K]>;
};
/** Writes the intersection as one object, for those who read it in an editor. */
type Flat<T> = { [K in keyof T]: T[K] };

/** What any schema may say besides its type. */
type Options = Omit<SchemaNode, "type"> & {
  readonly [extension: `x-kubernetes-${string}`]: unknown;
};

const isOptional = (schema: Schema): boolean => OPTIONAL in schema;

/** An object with these properties. */
export const object = <const P extends Properties>(properties: P, options: Options = {}): Schema<Flat<ObjectOf<P>>> => {
  const required = Object.keys(properties).filter((name) => properties[name] && !isOptional(properties[name]));
  return { type: "object", ...(required.length > 0 && { required }), properties, ...options };
};

/** A property that may be absent. */
export const optional = <T>(schema: Schema<T>): OptionalSchema<T> => ({ ...schema, [OPTIONAL]: true });

export const string = (options: Options = {}): Schema<string> => ({ type: "string", ...options });
export const integer = (options: Options = {}): Schema<number> => ({ type: "integer", ...options });
export const boolean = (options: Options = {}): Schema<boolean> => ({ type: "boolean", ...options });
export const array = <T>(items: Schema<T>, options: Options = {}): Schema<T[]> => ({
  type: "array",
  items,
  ...options,
});

/** Attaches CEL rules: `string({ maxLength: 5, ...rules<string>({ ... }) })`. */
export const rules = <T>(...list: readonly Rule<T>[]) => ({
  // The rules of a node see values of that node's type only.
  "x-kubernetes-validations": list as readonly Rule<unknown>[],
});

/** A string out of `values`. */
export const oneOf = <const T extends string>(
  values: readonly T[],
  options: { readonly description: string; readonly default?: T },
): Schema<T> => ({ type: "string", enum: values, ...options });

/** A map from any key to `value`. */
export const mapOf = <T>(value: Schema<T>, options: Options): Schema<Record<string, T>> => ({
  type: "object",
  additionalProperties: value,
  ...options,
});

/** `schema`, or null. */
export const nullable = <T>(schema: Schema<T>): Schema<T | null> => ({ ...schema, nullable: true });

/** A list without identity of its items: the whole of it is replaced by an apply. */
export const listOf = <T>(items: Schema<T>, options: Options): Schema<T[]> =>
  array(items, { "x-kubernetes-list-type": "atomic", ...options });
