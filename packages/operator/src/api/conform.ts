import { formatFault } from "./formats.ts";
import type { Schema, SchemaNode } from "./schema.ts";
import { codePoints } from "./syntax.ts";

/** What kind of fault it is: those of Kubernetes' `metav1.CauseType` that can be. Forbidden is an unknown field. */
export type FaultReason =
  | "FieldValueDuplicate"
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
  const conforming = read(schema, value, { above: undefined, step: "", findings }) as T | undefined;
  return { value: conforming, findings };
};

/** Where `read` is, and where it reports to. A path is made of it only for what is reported. */
interface Place {
  /** `undefined` for the value itself, whose step is none. */
  readonly above: Place | undefined;
  readonly step: string | number;
  readonly findings: Finding[];
}

const below = (above: Place, step: string | number): Place => ({ above, step, findings: above.findings });

const pathOf = (place: Place): (string | number)[] => {
  const path: (string | number)[] = [];
  for (let at = place; at.above !== undefined; at = at.above) path.push(at.step);
  return path.reverse();
};

const whereIs = (place: Place): Pick<Finding, "path" | "field"> => {
  const path = pathOf(place);
  return { path, field: fieldOf(path) };
};

const report = (place: Place, reason: FaultReason, message: string): void => {
  place.findings.push({ ...whereIs(place), message, reason });
};

/** Reports a part that cannot be used; the value in its place is `undefined`. */
const leaveOut = (place: Place, reason: FaultReason, message: string): undefined => {
  place.findings.push({ ...whereIs(place), message, reason, leftOut: true });
};

const read = (node: SchemaNode, value: unknown, place: Place): unknown => {
  if (value === null && node.nullable) return null;
  const before = place.findings.length;
  const conforming = readerOf(node)(node, value, place);
  // As in the API server, rules see only what is sound below: a twin may rely on the types.
  if (conforming !== undefined && place.findings.length === before) judge(node, conforming, place);
  return conforming;
};

const judge = (node: SchemaNode, value: unknown, place: Place): void => {
  for (const { check, message, explain, fieldPath } of node["x-kubernetes-validations"] ?? []) {
    if (check(value)) continue;
    const at = fieldPath === undefined ? place : fieldPath.slice(1).split(".").reduce(below, place);
    const named = explain?.(value);
    report(at, "FieldValueInvalid", named === undefined || /[\r\n]/.test(named) ? message : named);
  }
};

type Reader = (node: SchemaNode, value: unknown, place: Place) => unknown;

/** Whether a value is what JSON calls an object. */
export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isScalar = (value: unknown): boolean => ["number", "bigint", "boolean"].includes(typeof value);

const wrongType = (node: SchemaNode, value: unknown, place: Place): undefined => {
  const found = value === null ? "null" : Array.isArray(value) ? "array" : typeof value;
  const hint = node.type === "string" && isScalar(value) ? ": put it in quotes" : "";
  return leaveOut(
    place,
    "FieldValueTypeInvalid",
    `must be of type ${node.type ?? "integer or string"}, not ${found}${hint}`,
  );
};

interface Bounds {
  readonly least?: number | undefined;
  readonly most?: number | undefined;
  /** What is counted. */
  readonly noun: string;
}

const judgeCount = (
  place: Place,
  count: number,
  { least = 0, most = Number.POSITIVE_INFINITY, noun }: Bounds,
): void => {
  if (count > most) report(place, "FieldValueTooMany", `must have at most ${most} ${noun}, not ${count}`);
  if (count < least) report(place, "FieldValueInvalid", `must have at least ${least} ${noun}, not ${count}`);
};

const readObject: Reader = (node, value, place) => {
  if (!isObject(value)) return wrongType(node, value, place);
  const { additionalProperties: item, minProperties: least, maxProperties: most } = node;
  if (least !== undefined || most !== undefined) {
    // The API server counts when what is nothing is gone.
    const count = Object.values(value).filter((part) => !isNothing(part)).length;
    judgeCount(place, count, { least, most, noun: item === undefined ? "fields" : "entries" });
  }
  return item === undefined ? readFields(node, value, place) : readMap(item, Object.entries(value), place);
};

const isNothing = (value: unknown): boolean => value === undefined || value === null;

/** The API server takes a null for nothing at all where the schema does not allow it. */
const isAbsent = ({ nullable = false }: SchemaNode, value: unknown): boolean =>
  value === undefined || (value === null && !nullable);

const readFields = (node: SchemaNode, value: Readonly<Record<string, unknown>>, place: Place): unknown => {
  const { properties = {}, required = [] } = node;
  const unknown = Object.keys(value).filter((name) => !Object.hasOwn(properties, name));
  const isOpen = node["x-kubernetes-preserve-unknown-fields"] === true;
  for (const name of isOpen ? [] : unknown) {
    report(below(place, name), "FieldValueForbidden", "unknown field: remove it, or mend its spelling");
  }
  const known: Record<string, unknown> = {};
  for (const [name, property] of Object.entries(properties)) {
    const given = Object.hasOwn(value, name) ? value[name] : undefined;
    const conforming = isAbsent(property, given) ? undefined : read(property, given, below(place, name));
    const field = conforming === undefined ? property.default : conforming;
    if (field !== undefined) known[name] = field;
  }
  const kept = isOpen
    ? unknown.map((name) => [name, value[name]] as const).filter(([, field]) => field !== undefined)
    : [];
  const present = kept.length === 0 ? known : Object.fromEntries([...Object.entries(known), ...kept]);
  const missing = required.filter((name) => !Object.hasOwn(present, name));
  for (const name of missing) {
    if (isNothing(Object.hasOwn(value, name) ? value[name] : undefined))
      leaveOut(below(place, name), "FieldValueRequired", "required: add it");
  }
  return missing.length === 0 ? present : undefined;
};

const readMap = (item: SchemaNode, entries: readonly (readonly [string, unknown])[], place: Place): unknown => {
  const conforming = entries
    .filter(([, value]) => !isAbsent(item, value))
    .map(([key, value]) => [key, read(item, value, below(place, key))] as const);
  return Object.fromEntries(conforming.filter(([, value]) => value !== undefined));
};

const readArray: Reader = (node, value, place) => {
  if (!Array.isArray(value)) return wrongType(node, value, place);
  const { minItems: least, maxItems: most, items } = node;
  judgeCount(place, value.length, { least, most, noun: "items" });
  if (items === undefined) return value;
  const conforming = value.map((item: unknown, index) => read(items, item, below(place, index)));
  reportDuplicates(node, conforming, place);
  return conforming.filter((item) => item !== undefined);
};

/** What no other item of a list may share: its keys, or the whole of it; `undefined` where that is not known. */
const identityOf = (node: SchemaNode, item: unknown): string | undefined => {
  if (node["x-kubernetes-list-type"] === "set") return JSON.stringify(item);
  const keys = node["x-kubernetes-list-map-keys"];
  return keys === undefined || !isObject(item) ? undefined : JSON.stringify(keys.map((key) => item[key]));
};

const reportDuplicates = (node: SchemaNode, items: readonly unknown[], place: Place): void => {
  const seen = new Set<string>();
  for (const [index, item] of items.entries()) {
    const identity = identityOf(node, item);
    if (identity === undefined) continue;
    const keys = node["x-kubernetes-list-map-keys"]?.join(" and ") ?? "value";
    if (seen.has(identity)) report(below(place, index), "FieldValueDuplicate", `has the ${keys} of an item before it`);
    seen.add(identity);
  }
};

const expressions = new Map<string, RegExp>();

/** That of a schema's pattern, made once: there are as many as schemas have. */
const expressionOf = (pattern: string): RegExp => {
  const expression = expressions.get(pattern) ?? new RegExp(pattern);
  expressions.set(pattern, expression);
  return expression;
};

const readString: Reader = (node, value, place) => {
  if (typeof value !== "string") return wrongType(node, value, place);
  if (node.enum !== undefined && !node.enum.includes(value)) {
    const message = `must be one of ${node.enum.join(", ")}, not ${JSON.stringify(value)}`;
    return leaveOut(place, "FieldValueNotSupported", message);
  }
  const { minLength = 0, maxLength = Number.POSITIVE_INFINITY, pattern } = node;
  // Code points, as the API server counts them.
  const length = value.length > maxLength ? codePoints(value) : value.length;
  if (length > maxLength)
    report(place, "FieldValueTooLong", `must have at most ${maxLength} characters, not ${length}`);
  if (length < minLength) report(place, "FieldValueInvalid", `must have at least ${minLength} characters`);
  if (pattern !== undefined && !expressionOf(pattern).test(value))
    report(place, "FieldValueInvalid", `must match ${pattern}`);
  const fault = formatFault(node.format, value);
  if (fault !== undefined) report(place, "FieldValueInvalid", fault);
  return value;
};

const UNBOUNDED = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY] as const;
const FORMAT_RANGES: Readonly<Record<string, readonly [number, number]>> = { int32: [-(2 ** 31), 2 ** 31 - 1] };

const readInteger: Reader = (node, value, place) => {
  if (typeof value === "bigint") return readInteger(node, Number(value), place);
  if (typeof value !== "number" || !Number.isInteger(value)) return wrongType(node, value, place);
  const [least, most] = (node.format !== undefined && FORMAT_RANGES[node.format]) || UNBOUNDED;
  const { minimum = least, maximum = most } = node;
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

const readIntOrString: Reader = (node, value, place) => {
  if (typeof value === "string") return readString(node, value, place);
  if (typeof value === "bigint" || Number.isInteger(value)) return readInteger(node, value, place);
  if (typeof value !== "number") return wrongType(node, value, place);
  return leaveOut(place, "FieldValueTypeInvalid", "must be an integer or a string: put a fraction in quotes");
};

const readerOf = ({ type, "x-kubernetes-int-or-string": isIntOrString = false }: SchemaNode): Reader =>
  isIntOrString || type === undefined ? readIntOrString : byType[type];

const byType: Readonly<Record<NonNullable<SchemaNode["type"]>, Reader>> = {
  object: readObject,
  array: readArray,
  string: readString,
  integer: readInteger,
  boolean: readBoolean,
};
