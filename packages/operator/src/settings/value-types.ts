import { milliseconds, parseDuration } from "./duration.ts";

/** How the text of a setting becomes a value. */
export interface ValueType<T> {
  /** Completes "must be ...": what is allowed, with an example where that helps. */
  readonly allowed: string;
  /** In `--help`: `--flag <placeholder>`. */
  readonly placeholder: string;
  /** Undefined where `text` is not allowed. Never called with an empty text. */
  parse(text: string): T | undefined;
}

/** What Go's `strconv.ParseBool` takes. */
export const boolean: ValueType<boolean> = {
  allowed: "true or false (also 1, 0, t, f, T, F, TRUE, FALSE, True, False)",
  placeholder: "boolean",
  parse(text) {
    if (/^(?:1|t|T|TRUE|true|True)$/.test(text)) return true;
    return /^(?:0|f|F|FALSE|false|False)$/.test(text) ? false : undefined;
  },
};

/** A Go duration, in milliseconds. `least` is one too. */
const duration = (allowed: string, isAllowed: (value: bigint) => boolean): ValueType<number> => ({
  allowed,
  placeholder: "duration",
  parse(text) {
    const value = parseDuration(text);
    return value !== undefined && isAllowed(value) ? milliseconds(value) : undefined;
  },
});

/** A Go duration above zero, in milliseconds. */
export const positiveDuration = duration("a Go duration above 0, such as 1m30s or 500ms", (value) => value > 0n);

/** A Go duration of zero (which turns off what it is for) or above, in milliseconds. */
export const durationOrOff = duration("a Go duration such as 1m30s or 500ms, or 0 for none", (value) => value >= 0n);

/** A decimal number as Go's `strconv.Atoi` reads it, within bounds. */
export const integer = ({ min, max }: { readonly min: number; readonly max: number }): ValueType<number> => ({
  allowed: `a whole number from ${min} to ${max}`,
  placeholder: "number",
  parse(text) {
    if (!/^[-+]?\d+$/.test(text)) return undefined;
    const value = Number(text);
    return value >= min && value <= max ? value : undefined;
  },
});

/** One of some words, in any case. */
export const oneOf = <const T extends string>(...words: readonly T[]): ValueType<T> => ({
  allowed: `one of ${words.join(", ")}`,
  placeholder: words.join("|"),
  parse: (text) => words.find((word) => word === text.toLowerCase()),
});

/** One type, or else another. */
export const either = <A, B>(first: ValueType<A>, second: ValueType<B>): ValueType<A | B> => ({
  allowed: `${first.allowed}, or ${second.allowed}`,
  placeholder: `${first.placeholder}|${second.placeholder}`,
  parse: (text) => first.parse(text) ?? second.parse(text),
});

/** A fixed word. */
export const word = <const T extends string>(text: T): ValueType<T> => ({
  allowed: text,
  placeholder: text,
  parse: (given) => (given === text ? text : undefined),
});

/** Any text. */
export const text = (placeholder: string): ValueType<string> => ({
  allowed: "any text",
  placeholder,
  parse: (given) => given,
});

const LABEL = "[a-z0-9](?:[-a-z0-9]*[a-z0-9])?";
const DNS_LABEL = new RegExp(`^${LABEL}$`);
const DNS_SUBDOMAIN = new RegExp(`^${LABEL}(?:\\.${LABEL})*$`);

const isNamespace = (name: string): boolean => name.length <= 63 && DNS_LABEL.test(name);

/** The name of a namespace: a DNS-1123 label. */
export const namespace: ValueType<string> = {
  allowed: "a namespace: at most 63 lower-case letters, digits and -, with a letter or digit at both ends",
  placeholder: "namespace",
  parse: (name) => (isNamespace(name) ? name : undefined),
};

/** The name of an object: a DNS-1123 subdomain. */
export const objectName: ValueType<string> = {
  allowed: "a name: at most 253 lower-case letters, digits, - and ., with a letter or digit at both ends of each part",
  placeholder: "name",
  parse: (name) => (name.length <= 253 && DNS_SUBDOMAIN.test(name) ? name : undefined),
};

/**
 * Namespaces, each once, in the order given. A text that names none (`,`) is refused: as an empty list it would mean
 * *all* namespaces, which is more than anyone asked for.
 */
export const namespaces: ValueType<readonly string[]> = {
  allowed: "a comma-separated list of namespaces, each of at most 63 lower-case letters, digits and -",
  placeholder: "namespaces",
  parse(list) {
    const names = list.split(",").map((name) => name.trim());
    const given = names.filter((name) => name !== "");
    if (given.length === 0 || !given.every(isNamespace)) return undefined;
    return Object.freeze([...new Set(given)]);
  },
};

/** Some of several words, each once. */
export const someOf = <const T extends string>(...words: readonly T[]): ValueType<readonly T[]> => ({
  allowed: `a comma-separated list out of ${words.join(", ")}`,
  placeholder: "list",
  parse(list) {
    const given = list.split(",").map((name) => words.find((known) => known === name.trim()));
    const known = given.filter((name) => name !== undefined);
    return known.length === given.length ? Object.freeze([...new Set(known)]) : undefined;
  },
});
