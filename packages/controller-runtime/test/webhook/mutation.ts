import type { Random } from "../../src/clock.ts";

/** Values that stand where others are expected. */
const STRANGE: readonly string[] = [
  "null",
  "true",
  "0",
  "-0",
  "1e999",
  "-1e-999",
  "9223372036854775808",
  "1".repeat(400),
  "7".repeat(40_000),
  '""',
  '"\\ud800"',
  '"\\u0000"',
  '"\u202e😀"',
  `"${"x".repeat(70_000)}"`,
  "[]",
  "{}",
  "[[[[[[]]]]]]",
  "[".repeat(2_000),
  `${"[".repeat(500)}${"]".repeat(500)}`,
  `${'{"a":'.repeat(1_500)}1${"}".repeat(1_500)}`,
  '{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}',
  '{"toString":1,"valueOf":null,"hasOwnProperty":[],"then":{}}',
  `[${"0,".repeat(5_000)}0]`,
  "NaN",
  "undefined",
  "//",
  "'a'",
];

/** Something in a JSON text that a mutation takes hold of: a string with what follows, a number, a word, a bracket. */
const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?|true|false|null|[{}[\],:]/g;

/** Bytes that are no UTF-8. */
const NOT_UTF8: readonly Buffer[] = [
  Buffer.of(0xff),
  Buffer.of(0xc0, 0x80),
  Buffer.of(0xed, 0xa0, 0x80),
  Buffer.of(0xe2, 0x82),
];

/** A source of choices that are the same for the same random numbers. */
export class Dice {
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  below(bound: number): number {
    return Math.floor(this.#random() * bound);
  }

  of<T>(values: readonly T[], otherwise: T): T {
    return values[this.below(values.length)] ?? otherwise;
  }
}

/** Changes a body in one to four places. Some of what comes out is still a review, most is not. */
export const mutated = (text: string, random: Random): Buffer => {
  const dice = new Dice(random);
  let body: Buffer = Buffer.from(text);
  for (let left = 1 + dice.below(4); left > 0; left--) body = dice.of(MUTATIONS, flip)(body, dice);
  return body;
};

type Mutation = (body: Buffer, dice: Dice) => Buffer;

const splice = (body: Buffer, from: number, { to, insert }: { readonly to: number; readonly insert: Buffer }): Buffer =>
  Buffer.concat([body.subarray(0, from), insert, body.subarray(to)]);

const flip: Mutation = (body, dice) => {
  const at = dice.below(body.length);
  return splice(body, at, { to: at + 1, insert: Buffer.of(dice.below(256)) });
};

const cut: Mutation = (body, dice) => body.subarray(0, dice.below(body.length + 1));

const remove: Mutation = (body, dice) => {
  const from = dice.below(body.length);
  return splice(body, from, { to: from + dice.below(40), insert: Buffer.of() });
};

const repeat: Mutation = (body, dice) => {
  const from = dice.below(body.length);
  const piece = body.subarray(from, from + dice.below(200));
  return splice(body, from, { to: from, insert: Buffer.concat(new Array<Buffer>(1 + dice.below(20)).fill(piece)) });
};

const breakUtf8: Mutation = (body, dice) => {
  const at = dice.below(body.length);
  return splice(body, at, { to: at, insert: dice.of(NOT_UTF8, Buffer.of(0xff)) });
};

/** Puts something strange in the place of a token. */
const replaceToken: Mutation = (body, dice) => {
  const text = body.toString("latin1");
  const tokens = [...text.slice(0, 20_000).matchAll(TOKEN)];
  const token = tokens[dice.below(tokens.length)];
  if (token === undefined) return body;
  const insert = Buffer.from(dice.of(STRANGE, "null"));
  return splice(body, token.index, { to: token.index + token[0].length, insert });
};

/** Puts one token of the body in the place of another: a string for an object's name, a brace for a comma. */
const swapTokens: Mutation = (body, dice) => {
  const text = body.toString("latin1");
  const tokens = [...text.slice(0, 20_000).matchAll(TOKEN)];
  const [to, from] = [tokens[dice.below(tokens.length)], tokens[dice.below(tokens.length)]];
  if (to === undefined || from === undefined) return body;
  return splice(body, to.index, { to: to.index + to[0].length, insert: Buffer.from(from[0], "latin1") });
};

/** Field values are what most often comes in wrong: these three are chosen more often. */
const MUTATIONS: readonly Mutation[] = [
  flip,
  cut,
  remove,
  repeat,
  breakUtf8,
  replaceToken,
  replaceToken,
  replaceToken,
  swapTokens,
  swapTokens,
];
