import { type Static, type TSchema, Type } from "typebox";

/*
 * What TypeBox lacks for a structural schema of Kubernetes: maps, nullable values, CEL rules. A schema is written once;
 * the TypeScript type (`Static`), the CRD (crd.ts) and the offline checks (conform.ts) are all read from it.
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
  /** Where below the node the fault lies, as the API server wants it: `.values`. */
  readonly fieldPath?: string;
  /** The twin of `rule`: true = valid. A function, so it never reaches the CRD. */
  check(value: T): boolean;
}

/** A schema as conform.ts walks it: what the CRD says of one value. */
export interface SchemaNode {
  readonly type: "object" | "array" | "string" | "integer" | "boolean";
  readonly description?: string;
  readonly nullable?: boolean;
  readonly default?: unknown;
  readonly enum?: readonly string[];
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly maxItems?: number;
  readonly maxProperties?: number;
  readonly items?: SchemaNode;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: SchemaNode;
  readonly "x-kubernetes-validations"?: readonly Rule<unknown>[];
}

/** Attaches CEL rules: `Type.String({ maxLength: 5, ...rules<string>({ ... }) })`. */
export const rules = <T>(...list: readonly Rule<T>[]) => ({ "x-kubernetes-validations": list });

/** A string out of `values`. */
export const oneOf = <const T extends string>(values: readonly T[], options: { description: string; default?: T }) =>
  Type.Unsafe<T>(Type.String({ enum: values, ...options }));

/** A map from any key to `value`. JSON Schema's `patternProperties`, which TypeBox would write, are not structural. */
export const mapOf = <T extends TSchema>(value: T, options: { description: string; maxProperties?: number }) =>
  Type.Unsafe<Record<string, Static<T>>>({ type: "object", additionalProperties: value, ...options });

/** `schema`, or null. */
export const nullable = <T extends TSchema>(schema: T) => Type.Unsafe<Static<T> | null>({ ...schema, nullable: true });

/** A list without identity of its items: the whole of it is replaced by an apply. */
export const listOf = <T extends TSchema>(items: T, options: { description: string; maxItems: number }) =>
  Type.Array(items, { "x-kubernetes-list-type": "atomic", ...options });
