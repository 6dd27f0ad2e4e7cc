import type { Schema, SchemaNode } from "./schema.ts";

/** What kind of fault it is: those of Kubernetes' `metav1.CauseType` that can be. Forbidden is an unknown field. */
export type FaultReason =
  | "FieldValueForbidden"
  | "FieldValueInvalid"
  | "FieldValueNotSupported"
  | "FieldValueRequired"
  | "FieldValueTooLong"
  | "FieldValueTooMany"
  | "FieldValueTypeInvalid";

/** Something in an object that admission refuses. */
export interface Finding {
  /** The way to it: `["spec", "podSelector", "matchExpressions", 0, "operator"]`. */
  readonly path: readonly (string | number)[];
  /** The same as the API server writes it: `spec.podSelector.matchExpressions[0].operator`. */
  readonly field: string;
  /** One line: what is wrong, and what to do. */
  readonly message: string;
  readonly reason: FaultReason;
  /** Whether the part is missing from the conforming value: it could not be used at all. */
  readonly leftOut?: true;
}

/** A path as the API server writes it; a key that is no plain name stands in brackets: `spec.x[app.kubernetes.io/name]`. */
export const fieldOf = (path: readonly (string | number)[]): string =>
  path
    .map((step) => (typeof step === "string" && /^\w+$/.test(step) ? `.${step}` : `[${step}]`))
    .join("")
    .replace(/^[.]/, "");

/** What `conform` makes of a value. */
export interface Conformed<T> {
  /** `undefined` where nothing of the value is of use. */
  readonly value: T | undefined;
  readonly findings: readonly Finding[];
}

/**
 * Checks any value at all against `schema`, as the API server would, CEL rules included. Never throws.
 *
 * The value that comes back is a new one that holds only what the schema allows: a part of the wrong type or out of range is
 * left out, unknown fields too, an object without a required field as well; then defaults fill what is absent. Breaches that do not
 * touch the type (lengths, rules) are findings, and the part stays. So leaving out can widen what the value means: whoever
 * depends on a part looks for findings below its path first.
 */
export const conform = <T>(schema: Schema<T>, value: unknown): Conformed<T> => {
  const findings: Finding[] = [];
  // The boundary: what `read` returns holds to `schema`, whose values are `T`.
  const conforming = read(schema, value, { path: [], findings }) as T | undefined;
  return { value: conforming, findings };
};

/** Where `read` is, and where it reports to. */
interface Place {
  readonly path: readonly (string | number)[];
  readonly findings: Finding[];
}

const below = ({ path, findings }: Place, ...steps: readonly (string | number)[]): Place => ({
  path: [...path, ...steps],
  findings,
});

const report = ({ path, findings }: Place, reason: FaultReason, message: string): void => {
  findings.push({ path, field: fieldOf(path), message, reason });
};

/** Reports a part that cannot be used; the value in its place is `undefined`. */
const leaveOut = ({ path, findings }: Place, reason: FaultReason, message: string): undefined => {
  findings.push({ path, field: fieldOf(path), message, reason, leftOut: true });
};

const read = (node: SchemaNode, value: unknown, place: Place): unknown => {
  if (value === null && node.nullable) return null;
  const before = place.findings.length;
  const conforming = byType[node.type](node, value, place);
  // As in the API server, rules see only what is sound below: a twin may rely on the types.
  if (conforming !== undefined && place.findings.length === before) judge(node, conforming, place);
  return conforming;
};

const judge = (node: SchemaNode, value: unknown, place: Place): void => {
  for (const { check, message, explain, fieldPath } of node["x-kubernetes-validations"] ?? []) {
    if (check(value)) continue;
    const at = fieldPath === undefined ? place : below(place, ...fieldPath.slice(1).split("."));
    const named = explain?.(value);
    report(at, "FieldValueInvalid", named === undefined || /[\r\n]/.test(named) ? message : named);
  }
};

type Reader = (node: SchemaNode, value: unknown, place: Place) => unknown;

/** Whether a value is what JSON calls an object. */
export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const wrongType = (node: SchemaNode, value: unknown, place: Place): undefined => {
  const found = value === null ? "null" : Array.isArray(value) ? "array" : typeof value;
  return leaveOut(place, "FieldValueTypeInvalid", `must be of type ${node.type}, not ${found}`);
};

const tooMany = (
  place: Place,
  { count, most, noun }: { count: number; most: number | undefined; noun: string },
): void => {
  if (most === undefined || count <= most) return;
  report(place, "FieldValueTooMany", `must have at most ${most} ${noun}, not ${count}`);
};

const readObject: Reader = (node, value, place) => {
  if (!isObject(value)) return wrongType(node, value, place);
  return node.additionalProperties === undefined
    ? readFields(node, value, place)
    : readMap(node, node.additionalProperties, { entries: Object.entries(value), place });
};

const readFields = (node: SchemaNode, value: Readonly<Record<string, unknown>>, place: Place): unknown => {
  const { properties = {}, required = [] } = node;
  for (const name of Object.keys(value)) {
    if (Object.hasOwn(properties, name)) continue;
    report(below(place, name), "FieldValueForbidden", "unknown field: remove it, or mend its spelling");
  }
  const fields = Object.entries(properties).map(([name, property]) => {
    const given = Object.hasOwn(value, name) ? value[name] : undefined;
    const absent = given === undefined || (given === null && property.default !== undefined);
    const field = absent ? undefined : read(property, given, below(place, name));
    return [name, field === undefined ? property.default : field] as const;
  });
  const present = Object.fromEntries(fields.filter(([, field]) => field !== undefined));
  const missing = required.filter((name) => !Object.hasOwn(present, name));
  for (const name of missing) {
    if (!Object.hasOwn(value, name)) leaveOut(below(place, name), "FieldValueRequired", "required: add it");
  }
  return missing.length === 0 ? present : undefined;
};

const readMap = (
  node: SchemaNode,
  item: SchemaNode,
  { entries, place }: { entries: readonly (readonly [string, unknown])[]; place: Place },
): unknown => {
  tooMany(place, { count: entries.length, most: node.maxProperties, noun: "entries" });
  const conforming = entries.map(([key, value]) => [key, read(item, value, below(place, key))] as const);
  return Object.fromEntries(conforming.filter(([, value]) => value !== undefined));
};

const readArray: Reader = (node, value, place) => {
  if (!Array.isArray(value)) return wrongType(node, value, place);
  tooMany(place, { count: value.length, most: node.maxItems, noun: "items" });
  const { items } = node;
  if (items === undefined) return value;
  return value
    .map((item: unknown, index) => read(items, item, below(place, index)))
    .filter((item) => item !== undefined);
};

const readString: Reader = (node, value, place) => {
  if (typeof value !== "string") return wrongType(node, value, place);
  if (node.enum !== undefined && !node.enum.includes(value)) {
    const message = `must be one of ${node.enum.join(", ")}, not ${JSON.stringify(value)}`;
    return leaveOut(place, "FieldValueNotSupported", message);
  }
  const { minLength = 0, maxLength = Number.POSITIVE_INFINITY, pattern } = node;
  // Code points, as the API server counts them.
  const length = value.length > maxLength ? [...value].length : value.length;
  if (length > maxLength)
    report(place, "FieldValueTooLong", `must have at most ${maxLength} characters, not ${length}`);
  if (length < minLength) report(place, "FieldValueInvalid", `must have at least ${minLength} characters`);
  if (pattern !== undefined && !new RegExp(pattern).test(value))
    report(place, "FieldValueInvalid", `must match ${pattern}`);
  return value;
};

const readInteger: Reader = (node, value, place) => {
  if (typeof value === "bigint") return readInteger(node, Number(value), place);
  if (typeof value !== "number" || !Number.isInteger(value)) return wrongType(node, value, place);
  const { minimum = Number.NEGATIVE_INFINITY, maximum = Number.POSITIVE_INFINITY } = node;
  if (value < minimum || value > maximum)
    return leaveOut(place, "FieldValueInvalid", rangeMessage({ minimum, maximum, value }));
  return value;
};

const rangeMessage = ({ minimum, maximum, value }: { minimum: number; maximum: number; value: number }): string => {
  if (maximum === Number.POSITIVE_INFINITY) return `must be at least ${minimum}, not ${value}`;
  return `must be from ${minimum} to ${maximum}, not ${value}`;
};

const readBoolean: Reader = (node, value, place) =>
  typeof value === "boolean" ? value : wrongType(node, value, place);

const byType: Readonly<Record<SchemaNode["type"], Reader>> = {
  object: readObject,
  array: readArray,
  string: readString,
  integer: readInteger,
  boolean: readBoolean,
};
