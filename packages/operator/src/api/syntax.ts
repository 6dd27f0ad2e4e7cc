/*
 * The syntax of keys and values, each as one regular expression that RE2 (CEL in the API server) and JavaScript read alike:
 * no flags, no look-around, `[.]` for a dot so that nothing needs escaping in CEL or YAML.
 */

/** The longest key of a ConfigMap's data. Source: Kubernetes' `IsConfigMapKey`, DNS1123SubdomainMaxLength. */
export const MAX_DATA_KEY = 253;
/** The longest name of an object that is a DNS subdomain, as Pods, ConfigMaps and custom resources are. */
export const MAX_NAME = 253;
/** The longest label value. */
export const MAX_LABEL_VALUE = 63;
/** The longest qualified name: a prefix of 253 characters, `/`, a name of 63. */
export const MAX_QUALIFIED_NAME = MAX_NAME + 1 + 63;

const NAME_PART = "([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9]";

/** `[prefix/]name`. Source: Kubernetes' `IsQualifiedName`; the bound on the prefix' length stands beside it. */
export const LABEL_KEY_PATTERN = `^([a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?${NAME_PART}$`;

/** As a label key, but the prefix may hold capitals: Kubernetes lower-cases annotation keys before it judges them. */
export const ANNOTATION_KEY_PATTERN = `^([A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?([.][A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?)*/)?${NAME_PART}$`;

/** Source: Kubernetes' `IsValidLabelValue`; empty is a value. */
export const LABEL_VALUE_PATTERN = `^(${NAME_PART})?$`;

/** The characters of a data key. Its length, and `.` and `..` at the start, are judged apart. */
export const DATA_KEY_PATTERN = "^[-._a-zA-Z0-9]+$";

/** An unsigned Go duration, as `time.ParseDuration` reads it. */
export const GO_DURATION_PATTERN = "^(([0-9]+([.][0-9]*)?|[.][0-9]+)(ns|us|µs|μs|ms|s|m|h))+$";

const labelKey = new RegExp(LABEL_KEY_PATTERN);
const annotationKey = new RegExp(ANNOTATION_KEY_PATTERN);
const labelValue = new RegExp(LABEL_VALUE_PATTERN);
const dataKey = new RegExp(DATA_KEY_PATTERN);
const goDuration = new RegExp(GO_DURATION_PATTERN);

const prefixFits = (key: string): boolean => key.length <= MAX_QUALIFIED_NAME && key.indexOf("/") <= MAX_NAME;

/** Whether a Pod can have a label with this key. */
export const isLabelKey = (key: string): boolean => prefixFits(key) && labelKey.test(key);

/** Whether a Pod can have an annotation with this key. */
export const isAnnotationKey = (key: string): boolean => prefixFits(key) && annotationKey.test(key);

/** Whether a label can have this value. */
export const isLabelValue = (value: string): boolean => value.length <= MAX_LABEL_VALUE && labelValue.test(value);

/** Whether a ConfigMap's data can have this key. */
export const isDataKey = (key: string): boolean =>
  key.length <= MAX_DATA_KEY && dataKey.test(key) && key !== "." && !key.startsWith("..");

const isHighSurrogate = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdbff;
const isLowSurrogate = (unit: number): boolean => unit >= 0xdc00 && unit <= 0xdfff;

/** Characters as the API server counts them. */
export const codePoints = (text: string): number => {
  let count = text.length;
  // The second half of a pair is no character of its own; a half without the other is one.
  for (let at = 1; at < text.length; at++) {
    if (isLowSurrogate(text.charCodeAt(at)) && isHighSurrogate(text.charCodeAt(at - 1))) count--;
  }
  return count;
};

const NANOSECONDS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};

/** The milliseconds of an unsigned Go duration (`1m30s`), `undefined` where it is none or passes Go's 292 years. */
export const parseGoDuration = (text: string): number | undefined => {
  if (!goDuration.test(text)) return undefined;
  let nanoseconds = 0;
  for (const [, amount, unit] of text.matchAll(/([0-9.]+)([a-zµμ]+)/g)) {
    nanoseconds += Number(amount) * (NANOSECONDS[unit ?? ""] ?? Number.NaN);
  }
  return nanoseconds < 2 ** 63 ? nanoseconds / 1e6 : undefined;
};
