import type { ScalarTag, Tags } from "yaml";

/*
 * kubectl reads YAML with a descendant of go-yaml v2: YAML 1.1 with some of 1.2. A file must mean here what it means there:
 * `on` is true, `0777` is 511, and times are strings.
 */

const INT = "tag:yaml.org,2002:int";

/** YAML 1.2 writes octal so; go-yaml reads both. */
const octal: ScalarTag = {
  tag: INT,
  default: true,
  test: /^[-+]?0o[0-7_]+$/,
  resolve: (text) => {
    const digits = text.replace(/[-+_]/g, "");
    return text.startsWith("-") ? -BigInt(digits) : BigInt(digits);
  },
};

const isTime = (tag: Tags[number]): boolean =>
  typeof tag === "object" && (tag.tag.endsWith(":timestamp") || ("format" in tag && tag.format === "TIME"));

/** Options that make `yaml` read scalars as kubectl does. Integers come as `bigint`: see `narrowed`. */
export const KUBECTL_YAML = {
  version: "1.1",
  intAsBigInt: true,
  customTags: (tags: Tags): Tags => [octal, ...tags.filter((tag) => !isTime(tag))],
} as const;

const MAX_INT64 = 2n ** 63n - 1n;
const MIN_INT64 = -(2n ** 63n);

/** An integer as JSON from an API server gives it: a number where that is exact, `bigint` up to 64 bits, else a float. */
export const narrowed = (value: bigint): bigint | number => {
  const number = Number(value);
  if (Number.isSafeInteger(number)) return number;
  return value >= MIN_INT64 && value <= MAX_INT64 ? value : number;
};

/** Options that make `yaml` write what every reader of YAML takes for the same: what any of them could take for no text is quoted. */
export const WRITTEN_YAML = {
  version: "1.1",
  customTags: (tags: Tags): Tags => [octal, ...tags],
} as const;
