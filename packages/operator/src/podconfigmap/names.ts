import { hash } from "node:crypto";
import { MAX_LABEL_VALUE, MAX_NAME } from "../api/syntax.ts";

/** A Pod and a PodConfigMapConfig of its namespace that selects it, by name. */
export interface Pair {
  readonly pod: string;
  readonly pcmc: string;
}

const SEPARATOR = "-from-";
const PREFIX = "pod-";
const SUFFIX = "-cfg";
/** Hexadecimal digits of a hash: 80 bits. */
const HASH_LENGTH = 20;

const digest = (text: string): string => hash("sha256", text, "hex").slice(0, HASH_LENGTH);

/** `text` cut to `length` characters, ending in a letter or digit, as names and label values must. */
const cut = (text: string, length: number): string => text.slice(0, length).replace(/[^a-z0-9]+$/, "");

/** `pod-<pod>-from-<pcmc>-cfg`. It can be too long for a name, and two pairs can have the same. */
export const readableName = ({ pod, pcmc }: Pair): string => `${PREFIX}${pod}${SEPARATOR}${pcmc}${SUFFIX}`;

/**
 * The readable name, shortened as needed, and a hash that is the pair's own. It ends in a hexadecimal digit, a readable name in
 * `-cfg`: neither can be taken for the other. A `/` is in no name, so what is hashed tells the pairs apart.
 */
export const hashedName = (pair: Pair): string =>
  `${cut(readableName(pair), MAX_NAME - 1 - HASH_LENGTH)}-${digest(`${pair.pod}/${pair.pcmc}`)}`;

/** Every pair that has this readable name: one for each place where `-from-` stands, overlapping ones too. */
export const pairsOf = (readable: string): readonly Pair[] => {
  if (!readable.startsWith(PREFIX) || !readable.endsWith(SUFFIX)) return [];
  const inner = readable.slice(PREFIX.length, -SUFFIX.length);
  const pairs: Pair[] = [];
  for (let at = inner.indexOf(SEPARATOR); at >= 0; at = inner.indexOf(SEPARATOR, at + 1)) {
    const pair = { pod: inner.slice(0, at), pcmc: inner.slice(at + SEPARATOR.length) };
    if (canBeName(pair.pod) && canBeName(pair.pcmc)) pairs.push(pair);
  }
  return pairs;
};

/** A name begins and ends with a letter or digit, and so does each part between dots. */
const canBeName = (part: string): boolean =>
  /^[a-z0-9]/.test(part) && /[a-z0-9]$/.test(part) && !/[.-][.]|[.]-/.test(part);

/** Whether the two pairs are the same. */
export const samePair = (a: Pair, b: Pair): boolean => a.pod === b.pod && a.pcmc === b.pcmc;

/** The other pairs with the readable name of `self`. */
export const otherPairs = (self: Pair): readonly Pair[] =>
  mayBeAnothers(self) ? pairsOf(readableName(self)).filter((pair) => !samePair(pair, self)) : NO_PAIRS;

/** Whether `-from-` stands anywhere but between the two names; parts of it can be of either. Nearly always it does not. */
const mayBeAnothers = ({ pod, pcmc }: Pair): boolean => {
  const inner = `${pod}${SEPARATOR}${pcmc}`;
  return inner.indexOf(SEPARATOR) !== inner.lastIndexOf(SEPARATOR);
};

const NO_PAIRS: readonly Pair[] = [];

/** What `chooseName` has to know of the namespace. */
export interface NameLookups {
  /**
   * The live pair that the ConfigMap of this readable name belongs to; `undefined` where there is none, or it is nobody's.
   * At most one pair: where several could claim it, always the same one.
   */
  holderOf(readable: string): Pair | undefined;
  /** Whether the pair has a ConfigMap under its hashed name. */
  holdsHashed(pair: Pair): boolean;
  /** Whether the pair is to have a ConfigMap: its Pod lives and is selected. */
  isSelected(pair: Pair): boolean;
}

/**
 * The name of the ConfigMap of a selected pair.
 *
 * The pairs of one readable name come to the same verdict from the same state, whoever asks first: who holds the name keeps
 * it; who holds a hashed one keeps that; else it goes to the lexically smallest PodConfigMapConfig name.
 */
export const chooseName = (self: Pair, { holderOf, holdsHashed, isSelected }: NameLookups): string => {
  const readable = readableName(self);
  if (readable.length > MAX_NAME) return hashedName(self);
  const others = otherPairs(self);
  // Never contended for, so never hashed.
  if (others.length === 0) return readable;
  if (holdsHashed(self)) return hashedName(self);
  const holder = holderOf(readable);
  if (holder !== undefined) return samePair(holder, self) ? readable : hashedName(self);
  const rivals = others.filter((pair) => isSelected(pair) && !holdsHashed(pair));
  return rivals.every(({ pcmc }) => self.pcmc < pcmc) ? readable : hashedName(self);
};

/**
 * The label value that stands for a PodConfigMapConfig name. A name is a valid label value but for its length; a longer one
 * becomes its beginning and a hash, joined by `_`, which is in no name: so no name looks like a hashed one.
 */
export const labelValueOf = (pcmc: string): string => {
  if (pcmc.length <= MAX_LABEL_VALUE) return pcmc;
  return `${cut(pcmc, MAX_LABEL_VALUE - 1 - HASH_LENGTH)}_${digest(pcmc)}`;
};

/** The name that a label value stands for, with the annotation of the same key; `undefined` where the two do not fit. */
export const pcmcNameFrom = (label: string | undefined, annotation: string | undefined): string | undefined => {
  if (label === undefined || !label.includes("_")) return label;
  return annotation !== undefined && labelValueOf(annotation) === label ? annotation : undefined;
};
