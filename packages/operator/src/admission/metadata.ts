import { isObject } from "../api/conform.ts";
import { isAnnotationKey, isLabelKey, isLabelValue, MAX_NAME } from "../api/syntax.ts";
import type { Finding } from "./finding.ts";
import { didYouMean } from "./nearest.ts";
import { metadataFields } from "./pod-schema.ts";

const MAX_NAMESPACE = 63;
/** The bytes of all annotations, keys and values. Source: Kubernetes' `TotalAnnotationSizeLimitB`. */
const MAX_ANNOTATIONS = 256 * 1024;

const error = (path: readonly string[], message: string, reason?: Finding["reason"]): Finding => ({
  severity: "error",
  path: ["metadata", ...path],
  message,
  ...(reason !== undefined && { reason }),
});

/** A DNS label, or several of them joined by dots. Source: Kubernetes' `IsDNS1123Subdomain`. */
const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;

const NAME_FAULT = `is no name: use at most ${MAX_NAME} small letters, digits, '-' and '.', with a letter or digit at both ends of each part between dots`;
const NAMESPACE_FAULT = `is no namespace: use at most ${MAX_NAMESPACE} small letters, digits and '-', with a letter or digit at both ends`;

const isName = (value: unknown): boolean =>
  typeof value === "string" && value.length <= MAX_NAME && SUBDOMAIN.test(value);
/** What is generated ends in letters, so it may end in `-` or `.` itself; and it is cut where it is too long. */
const isPrefix = (value: unknown): boolean => typeof value === "string" && isName(`${value}x`.slice(-MAX_NAME));
const isNamespace = (value: unknown): boolean =>
  typeof value === "string" && value.length <= MAX_NAMESPACE && LABEL.test(value);

const nameFaults = ({ name, generateName, namespace }: Readonly<Record<string, unknown>>): readonly Finding[] => {
  const faults: Finding[] = [];
  const unnamed = (value: unknown) => value === undefined || value === null || value === "";
  if (unnamed(name) && unnamed(generateName)) {
    faults.push(error(["name"], "required: add a name, or generateName", "FieldValueRequired"));
  }
  if (!unnamed(name) && !isName(name)) faults.push(error(["name"], NAME_FAULT));
  if (!unnamed(generateName) && !isPrefix(generateName)) faults.push(error(["generateName"], NAME_FAULT));
  if (!unnamed(namespace) && !isNamespace(namespace)) faults.push(error(["namespace"], NAMESPACE_FAULT));
  return faults;
};

const entriesOf = (field: string, value: unknown): readonly (readonly [string, unknown])[] | Finding => {
  if (value === undefined || value === null) return [];
  return isObject(value) ? Object.entries(value) : error([field], "must be of type object", "FieldValueTypeInvalid");
};

const labelFaults = (labels: unknown): readonly Finding[] => {
  const entries = entriesOf("labels", labels);
  if ("message" in entries) return [entries];
  return entries.flatMap(([key, value]) => [
    ...(isLabelKey(key) ? [] : [error(["labels", key], "is not a label key: use [prefix/]name, such as app")]),
    ...(typeof value === "string" && isLabelValue(value)
      ? []
      : [error(["labels", key], "is not a label value: use a string of at most 63 letters, digits, '-', '_' and '.'")]),
  ]);
};

const annotationFaults = (annotations: unknown): readonly Finding[] => {
  const entries = entriesOf("annotations", annotations);
  if ("message" in entries) return [entries];
  const size = entries.reduce((bytes, [key, value]) => bytes + Buffer.byteLength(`${key}${value}`), 0);
  return [
    ...entries.flatMap(([key, value]) => [
      ...(isAnnotationKey(key) ? [] : [error(["annotations", key], "is not an annotation key: use [prefix/]name")]),
      ...(typeof value === "string"
        ? []
        : [error(["annotations", key], "must be of type string: put it in quotes", "FieldValueTypeInvalid")]),
    ]),
    ...(size <= MAX_ANNOTATIONS
      ? []
      : [error(["annotations"], `must hold at most ${MAX_ANNOTATIONS} bytes, not ${size}`, "FieldValueTooLong")]),
  ];
};

/** What is wrong with the labels and annotations of `metadata`, wherever such a part stands. */
export const markFaults = ({ labels, annotations }: Readonly<Record<string, unknown>>): readonly Finding[] => [
  ...labelFaults(labels),
  ...annotationFaults(annotations),
];

const unknownFields = (metadata: object): readonly Finding[] =>
  Object.keys(metadata)
    .filter((field) => !metadataFields.has(field))
    .map((field) => {
      const message = `unknown field: remove it, or mend its spelling${didYouMean(field, metadataFields)}`;
      return error([field], message, "FieldValueForbidden");
    });

/** What the API server would refuse in `metadata` as users write it, for every kind alike. */
export const metadataFaults = (metadata: unknown): readonly Finding[] => {
  if (!isObject(metadata)) return [error([], "required: add metadata with a name", "FieldValueRequired")];
  return [...nameFaults(metadata), ...markFaults(metadata), ...unknownFields(metadata)];
};
