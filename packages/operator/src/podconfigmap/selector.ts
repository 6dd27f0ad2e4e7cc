import { isObject } from "../api/conform.ts";
import { OPERATORS, type Operator } from "../api/label-selector.ts";
import { isLabelKey, isLabelValue } from "../api/syntax.ts";

/** Labels of an object. */
export type Labels = Readonly<Record<string, string>>;

/** One condition of a selector; `values` is sorted and without duplicates, empty for Exists and DoesNotExist. */
export interface Requirement {
  readonly key: string;
  readonly operator: Operator;
  readonly values: readonly string[];
}

/** A label selector that is sound: all requirements must hold, none = everything matches. */
export interface Selector {
  readonly requirements: readonly Requirement[];
  /** Whether `labels`, `undefined` = none, are selected. */
  matches(labels: Labels | undefined): boolean;
}

/** A selector, or one line for each thing that is wrong with it. */
export type SelectorResult =
  | { readonly ok: true; readonly selector: Selector }
  | { readonly ok: false; readonly errors: readonly string[] };

/**
 * Reads a `metav1.LabelSelector`. Absent, null and `{}` select everything. Never throws, whatever `value` is.
 *
 * It is strict where Kubernetes is, and about unknown fields too: a selector with a misspelt field would select more than
 * its author meant.
 */
export const parseLabelSelector = (value: unknown): SelectorResult => {
  if (value === undefined || value === null) return { ok: true, selector: selectorOf([]) };
  if (!isObject(value))
    return { ok: false, errors: ["podSelector must be an object with matchLabels or matchExpressions"] };
  const { matchLabels, matchExpressions, ...unknown } = value;
  const errors = Object.keys(unknown).map(
    (field) => `unknown field ${JSON.stringify(field)}: use matchLabels or matchExpressions`,
  );
  const requirements = [...readMatchLabels(matchLabels, errors), ...readExpressions(matchExpressions, errors)];
  return errors.length > 0 ? { ok: false, errors } : { ok: true, selector: selectorOf(requirements) };
};

/** The selector of `requirements`. */
export const selectorOf = (requirements: readonly Requirement[]): Selector => {
  const matchers = requirements.map(matcherOf);
  return {
    requirements,
    matches: (labels = {}) => matchers.every((matches) => matches(labels)),
  };
};

/** The form of `kubectl get -l` and of the query parameter `labelSelector`; `""` for everything. */
export const toQueryString = ({ requirements }: Selector): string => requirements.map(queryOf).join(",");

const queryOf = ({ key, operator, values }: Requirement): string => {
  const [only = "", ...more] = values;
  switch (operator) {
    case "In":
      return more.length === 0 ? `${key}=${only}` : `${key} in (${values.join(",")})`;
    case "NotIn":
      return more.length === 0 ? `${key}!=${only}` : `${key} notin (${values.join(",")})`;
    case "Exists":
      return key;
    case "DoesNotExist":
      return `!${key}`;
  }
};

/** Kubernetes' semantics: NotIn and DoesNotExist hold for an absent key. Own properties only: `constructor` is a label key. */
const matcherOf = ({ key, operator, values }: Requirement): ((labels: Labels) => boolean) => {
  const wanted = new Set<string | undefined>(values);
  switch (operator) {
    case "In":
      return (labels) => wanted.has(labels[key]);
    case "NotIn":
      return (labels) => !Object.hasOwn(labels, key) || !wanted.has(labels[key]);
    case "Exists":
      return (labels) => Object.hasOwn(labels, key);
    case "DoesNotExist":
      return (labels) => !Object.hasOwn(labels, key);
  }
};

const readMatchLabels = (value: unknown, errors: string[]): Requirement[] => {
  if (value === undefined || value === null) return [];
  if (!isObject(value)) {
    errors.push("matchLabels must be a map from label key to value");
    return [];
  }
  return Object.entries(value).flatMap(([key, wanted]) => {
    const at = `matchLabels[${key}]`;
    return requirementOf({ key, operator: "In", values: [wanted] }, { at, errors });
  });
};

const readExpressions = (value: unknown, errors: string[]): Requirement[] => {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) {
    errors.push("matchExpressions must be a list");
    return [];
  }
  return value.flatMap((expression: unknown, index) => {
    const at = `matchExpressions[${index}]`;
    if (isObject(expression)) return requirementOf(expression, { at, errors });
    errors.push(`${at} must be an object with key, operator and, for In and NotIn, values`);
    return [];
  });
};

/** The requirement as a list of one, or nothing and what is wrong with it in `errors`. */
const requirementOf = (
  { key, operator, values, ...unknown }: Readonly<Record<string, unknown>>,
  { at, errors }: { readonly at: string; readonly errors: string[] },
): Requirement[] => {
  const before = errors.length;
  const fail = (message: string) => errors.push(`${at}: ${message}`);
  for (const field of Object.keys(unknown))
    fail(`unknown field ${JSON.stringify(field)}: use key, operator and values`);
  if (typeof key !== "string" || !isLabelKey(key)) fail(`${show(key)} is not a label key`);
  const known = OPERATORS.find((name) => name === operator);
  if (known === undefined) fail(`${show(operator)} is not an operator: use one of ${OPERATORS.join(", ")}`);
  const given: unknown = values ?? [];
  if (!Array.isArray(given)) fail("values must be a list");
  const list: readonly unknown[] = Array.isArray(given) ? given : [];
  const sound = list.filter((value) => typeof value === "string").filter(isLabelValue);
  for (const value of list)
    if (typeof value !== "string" || !isLabelValue(value)) fail(`${show(value)} is not a label value`);
  if (known !== undefined && Array.isArray(given)) checkCount(known, list.length, fail);
  if (errors.length > before || typeof key !== "string" || known === undefined) return [];
  return [{ key, operator: known, values: [...new Set(sound)].sort() }];
};

const checkCount = (operator: Operator, count: number, fail: (message: string) => void): void => {
  const needsValues = operator === "In" || operator === "NotIn";
  if (needsValues && count === 0) fail(`operator ${operator} needs at least one value`);
  if (!needsValues && count > 0) fail(`operator ${operator} takes no values`);
};

/** A value in a message: one line, not endless. */
const show = (value: unknown): string => {
  const text =
    typeof value === "string" ? JSON.stringify(value) : `a value of type ${value === null ? "null" : typeof value}`;
  return text.length <= 80 ? text : `${text.slice(0, 79)}…`;
};
