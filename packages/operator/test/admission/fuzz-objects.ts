import type { Random } from "@pcmc/controller-runtime";
import { Dice } from "../../../controller-runtime/test/webhook/mutation.ts";
import { isObject } from "../../src/api/conform.ts";

/** A number as JSON text has it, which no JavaScript value stands for: `jsonOf` takes the quotes away. */
const numeral = (digits: string): string => `numeral:${digits}`;

const nested = (depth: number, wrap: (inner: unknown) => unknown): unknown => {
  let value: unknown = "x";
  for (let at = 0; at < depth; at++) value = wrap(value);
  return value;
};

/** What stands where something else is expected. */
const STRANGE: readonly unknown[] = [
  null,
  true,
  false,
  0,
  -1,
  0.5,
  ...["-0", "1e999", "-1e-999", "1.5e300", "2147483648", "9007199254740993", "-9223372036854775809"].map(numeral),
  numeral("7".repeat(5_000)),
  "",
  " ",
  "a\nb",
  "\u0000",
  "\ud800",
  "\u202e\u200b😀",
  "e\u0301".repeat(200),
  "İßſK",
  "x".repeat(70_000),
  "{{ .podName }}",
  "{{".repeat(500),
  "$(A)$$(B)",
  "../../a",
  "9".repeat(400),
  "1e9999999",
  "-5m",
  "1h1h",
  "__proto__",
  "constructor",
  "toString",
  [],
  {},
  [null],
  [[]],
  ["a", 1, null, {}],
  { "": null },
  { name: null },
  { name: 1 },
  { toString: 1, valueOf: null, hasOwnProperty: [], length: -1 },
  JSON.parse('{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}'),
  nested(300, (inner) => [inner]),
  nested(300, (inner) => ({ spec: inner })),
  new Array(3_000).fill("a"),
  Object.fromEntries(Array.from({ length: 2_000 }, (_, at) => [`k${at}`, at])),
];

/** Names under which something is looked for that nobody has put there. */
const KEYS = [
  "__proto__",
  "constructor",
  "hasOwnProperty",
  "toJSON",
  "",
  "0",
  "length",
  "ä",
  "a\u0000b",
  "x".repeat(5_000),
];

type Path = readonly (string | number)[];

const placesIn = (value: unknown, path: Path = []): readonly Path[] => {
  const entries = Array.isArray(value) ? [...value.entries()] : isObject(value) ? Object.entries(value) : [];
  return [path, ...entries.flatMap(([step, part]) => placesIn(part, [...path, step]))];
};

const partAt = (value: unknown, path: Path): unknown =>
  path.reduce<unknown>((part, step) => (Array.isArray(part) || isObject(part) ? Reflect.get(part, step) : part), value);

/** `value` with what `change` makes of the part at `path`. */
const changedAt = (value: unknown, [step, ...rest]: Path, change: (part: unknown) => unknown): unknown => {
  if (step === undefined) return change(value);
  if (Array.isArray(value)) {
    return value.map((item: unknown, at) => (at === step ? changedAt(item, rest, change) : item));
  }
  if (!isObject(value)) return value;
  const entries = Object.entries(value).map(([key, item]) => [
    key,
    key === step ? changedAt(item, rest, change) : item,
  ]);
  return Object.fromEntries(entries);
};

const withoutPart = (value: unknown, path: Path): unknown => {
  const last = path.at(-1);
  return changedAt(value, path.slice(0, -1), (part) => {
    if (Array.isArray(part)) return part.filter((_, at) => at !== last);
    return isObject(part) ? Object.fromEntries(Object.entries(part).filter(([key]) => key !== last)) : part;
  });
};

type Mutation = (value: unknown, path: Path, dice: Dice) => unknown;

const replace: Mutation = (value, path, dice) => changedAt(value, path, () => dice.of(STRANGE, null));

/** Puts a part in the place of another: a list for a text, a whole object for one of its fields. */
const exchange: Mutation = (value, path, dice) => {
  const other = partAt(value, dice.of(placesIn(value), []));
  return changedAt(value, path, () => other);
};

/** An object for a list, a list for an object, and both for anything else. */
const wrap: Mutation = (value, path, dice) =>
  changedAt(value, path, (part) => {
    if (Array.isArray(part)) return { ...part };
    if (isObject(part)) return Object.values(part);
    return dice.below(2) === 0 ? [part] : { name: part };
  });

const repeat: Mutation = (value, path, dice) =>
  changedAt(value, path, (part) =>
    Array.isArray(part) ? new Array(2 + dice.below(40)).fill(part).flat() : [part, part],
  );

const addField: Mutation = (value, path, dice) =>
  changedAt(value, path, (part) => {
    if (!isObject(part)) return part;
    return Object.fromEntries([...Object.entries(part), [dice.of(KEYS, ""), dice.of(STRANGE, null)]]);
  });

const renameField: Mutation = (value, path, dice) =>
  changedAt(value, path, (part) => {
    if (!isObject(part)) return part;
    return Object.fromEntries(
      Object.entries(part).map(([key, item]) => [dice.below(4) === 0 ? dice.of(KEYS, "") : key, item]),
    );
  });

const remove: Mutation = (value, path) => withoutPart(value, path);

const isKin = (part: unknown, other: unknown): boolean =>
  typeof part === typeof other && Array.isArray(part) === Array.isArray(other) && (part === null) === (other === null);

/** What a program that knows the type would read and write as it stands: numbers that any field of them holds, lists and objects empty. */
const TAME: readonly unknown[] = [
  ...STRANGE.filter((value) => typeof value === "string" && !value.startsWith("numeral:")),
  ...[true, false, 0, -1, 2_147_483_647],
  ...[[], {}],
];

const replaceByKin: Mutation = (value, path, dice) =>
  changedAt(value, path, (part) => {
    return dice.of(
      TAME.filter((other) => isKin(part, other)),
      part,
    );
  });

const repeatItems: Mutation = (value, path, dice) =>
  changedAt(value, path, (part) => (Array.isArray(part) ? new Array(2 + dice.below(40)).fill(part).flat() : part));

const addText: Mutation = (value, _, dice) => {
  const texts = TAME.filter((other) => typeof other === "string");
  const place = dice.of<Path>(
    [
      ["metadata", "labels"],
      ["metadata", "annotations"],
    ],
    [],
  );
  return changedAt(value, place, (part) =>
    isObject(part)
      ? { ...part, [dice.of(Object.keys(part), "a")]: dice.of(texts, ""), [dice.of(KEYS, "")]: "a" }
      : part,
  );
};

/** Those after which each field has the type that it had. */
const TYPED: readonly Mutation[] = [replaceByKin, replaceByKin, repeatItems, addText, remove];

const MUTATIONS: readonly Mutation[] = [
  replace,
  replace,
  replace,
  exchange,
  wrap,
  repeat,
  addField,
  renameField,
  remove,
];

/**
 * Changes an object in one to four places: types exchanged, parts taken out, put elsewhere, repeated, and what nobody expects.
 *
 * @param manner - `typed`: each field that is left keeps its type, as of an object that the API server has decoded.
 */
export const mutatedObject = (value: unknown, random: Random, manner: "wild" | "typed" = "wild"): unknown => {
  const dice = new Dice(random);
  const mutations = manner === "typed" ? TYPED : MUTATIONS;
  let changed = value;
  for (let left = 1 + dice.below(4); left > 0; left--) {
    changed = dice.of(mutations, remove)(changed, dice.of(placesIn(changed), []), dice);
  }
  return changed;
};

/** JSON text, with numbers in it that no JavaScript value stands for. */
export const jsonOf = (value: unknown): string =>
  JSON.stringify(value).replaceAll(/"numeral:([^"]*)"/g, (_, digits: string) => digits);
