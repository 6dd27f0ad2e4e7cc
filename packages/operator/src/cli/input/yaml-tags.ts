import type { ScalarTag, Tags } from "yaml";

/*
 * kubectl reads YAML with a descendant of go-yaml v2: YAML 1.1 with some of 1.2. A file must mean here what it means there:
 * `on` is true, `0777` is 511, and times and `!!binary` are strings.
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

/** Bytes in base64; a text like any other to kubectl. */
const binary: ScalarTag = {
  tag: "tag:yaml.org,2002:binary",
  resolve: (text, onError) => {
    const base64 = text.replace(/[\r\n]/g, "");
    if (!BASE64.test(base64)) onError("!!binary needs a text in base64");
    return Buffer.from(base64, "base64").toString();
  },
};

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** Types of YAML 1.1 that JSON does not have, and kubectl does not know. */
const FOREIGN: ReadonlySet<string> = new Set(
  ["binary", "set", "omap", "pairs"].map((name) => `tag:yaml.org,2002:${name}`),
);
const isForeign = (tag: Tags[number]): boolean => typeof tag === "object" && FOREIGN.has(tag.tag);

const isTime = (tag: Tags[number]): boolean =>
  typeof tag === "object" && (tag.tag.endsWith(":timestamp") || ("format" in tag && tag.format === "TIME"));

/** Options that make `yaml` read scalars as kubectl does. Integers come as `bigint`: see `narrowed`. */
export const KUBECTL_YAML = {
  version: "1.1",
  intAsBigInt: true,
  customTags: (tags: Tags): Tags => [octal, binary, ...tags.filter((tag) => !isTime(tag) && !isForeign(tag))],
} as const;

const MAX_INT64 = 2n ** 63n - 1n;
const MIN_INT64 = -(2n ** 63n);

/** An integer as JSON from an API server gives it: a number where that is exact, `bigint` up to 64 bits, else a float. */
export const narrowed = (value: bigint): bigint | number => {
  const number = Number(value);
  if (Number.isSafeInteger(number)) return number;
  return value >= MIN_INT64 && value <= MAX_INT64 ? value : number;
};

/** Characters that go-yaml refuses, passes over or takes for a line break where they stand as they are. */
const UNSAFE = /[[\p{Cc}\u2028\u2029\ufeff\ufffe\uffff]--[\t\n]]/gv;
/** Texts whose indentation as a block go-yaml does not see: nothing but blanks, or a tab before all else. */
const UNSAFE_START = /^[ \n]*(?:\t|$)/;

/** A text that every reader gets right only in double quotes, with escapes. */
const escaped: ScalarTag = {
  tag: "tag:yaml.org,2002:str",
  default: true,
  identify: (value) =>
    typeof value === "string" && (value.search(UNSAFE) >= 0 || UNSAFE_START.test(value) || !value.isWellFormed()),
  resolve: (text) => text,
  stringify: ({ value }) => JSON.stringify(String(value).toWellFormed()).replace(UNSAFE, codeOf),
};

const codeOf = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;

/** Options that make `yaml` write what every reader of YAML takes for the same: what any of them could take for no text is quoted. */
export const WRITTEN_YAML = {
  version: "1.1",
  customTags: (tags: Tags): Tags => [octal, escaped, ...tags],
} as const;
