import { namedKey } from "./named-key.ts";
import { listOf, mapOf, object, oneOf, optional, type Rule, rules, string } from "./schema.ts";
import {
  isLabelKey,
  isLabelValue,
  LABEL_KEY_PATTERN,
  LABEL_VALUE_PATTERN,
  MAX_LABEL_VALUE,
  MAX_NAME,
  MAX_QUALIFIED_NAME,
} from "./syntax.ts";

/** The operators of a label selector requirement. */
export const OPERATORS = ["In", "NotIn", "Exists", "DoesNotExist"] as const;
export type Operator = (typeof OPERATORS)[number];

const labelValue: Rule<string> = {
  rule: `self.matches('${LABEL_VALUE_PATTERN}')`,
  message:
    "is not a label value: use at most 63 letters, digits, '-', '_' and '.', with a letter or digit at both ends, or nothing",
  check: isLabelValue,
};

const KEY_FAULT = "is not a label key: use [prefix/]name, such as app or app.kubernetes.io/name";

const labelKey: Rule<string> = {
  rule: `self.indexOf('/') <= ${MAX_NAME} && self.matches('${LABEL_KEY_PATTERN}')`,
  message: KEY_FAULT,
  check: isLabelKey,
};

const SOUND_KEY = `size(key) <= ${MAX_QUALIFIED_NAME} && key.indexOf('/') <= ${MAX_NAME} && key.matches('${LABEL_KEY_PATTERN}')`;

const labelKeys: Rule<object> = {
  rule: `self.all(key, ${SOUND_KEY})`,
  message: `a key ${KEY_FAULT}`,
  ...namedKey({ sound: SOUND_KEY, isSound: isLabelKey, fault: KEY_FAULT }),
  check: (labels) => Object.keys(labels).every(isLabelKey),
};

interface Expression {
  readonly operator: Operator;
  readonly values?: readonly string[];
}

const needsValues = ({ operator }: Expression) => operator === "In" || operator === "NotIn";

const valuesOfIn: Rule<Expression> = {
  rule: "!(self.operator in ['In', 'NotIn']) || (has(self.values) && size(self.values) > 0)",
  message: "operators In and NotIn need at least one value: add it to values, or use Exists or DoesNotExist",
  fieldPath: ".values",
  check: (expression) => !needsValues(expression) || (expression.values ?? []).length > 0,
};

const valuesOfExists: Rule<Expression> = {
  rule: "self.operator in ['In', 'NotIn'] || !has(self.values) || size(self.values) == 0",
  message: "operators Exists and DoesNotExist take no values: remove them, or use In or NotIn",
  fieldPath: ".values",
  check: (expression) => needsValues(expression) || (expression.values ?? []).length === 0,
};

const requirement = object(
  {
    key: string({
      description: "The label key that the requirement is about.",
      maxLength: MAX_QUALIFIED_NAME,
      ...rules(labelKey),
    }),
    operator: oneOf(OPERATORS, {
      description:
        "In: the label is there with one of values. NotIn: the label has none of values, or is not there. " +
        "Exists: the label is there. DoesNotExist: it is not.",
    }),
    values: optional(
      listOf(string({ maxLength: MAX_LABEL_VALUE, ...rules(labelValue) }), {
        description: "At least one value for In and NotIn, none for Exists and DoesNotExist.",
        maxItems: 256,
      }),
    ),
  },
  { ...rules(valuesOfIn, valuesOfExists) },
);

/** `metav1.LabelSelector`, with `description` as the user reads it for this field. */
export const labelSelectorSchema = (description: string) =>
  object(
    {
      matchLabels: optional(
        mapOf(string({ maxLength: MAX_LABEL_VALUE, ...rules(labelValue) }), {
          description: "Labels that must be there with exactly these values. All of them must match.",
          maxProperties: 64,
          ...rules(labelKeys),
        }),
      ),
      matchExpressions: optional(
        listOf(requirement, {
          description: "Further requirements on labels. All of them, and all of matchLabels, must match.",
          maxItems: 64,
        }),
      ),
    },
    { description, "x-kubernetes-map-type": "atomic" },
  );
