import type { CST } from "yaml";

/** A scalar as it stands in the file: plain, quoted, literal or folded. */
export type ScalarToken = CST.FlowScalar | CST.BlockScalar;

/** A piece of the source that is not blank in the value, and how many UTF-16 units of the value it makes. */
interface Unit {
  readonly offset: number;
  readonly length: number;
  readonly units: number;
}

/**
 * Where in the file the UTF-16 unit `index` of a scalar's value stands; `undefined` where that cannot be said.
 *
 * What YAML takes out, folds or adds between source and value is blanks and line breaks, and nothing else: so the n-th unit
 * of the value that is not blank comes from the n-th of the source, in every style, however it is indented.
 */
export const sourceOffset = (token: ScalarToken, value: string, index: number): number | undefined => {
  const at = lastSolid(value, index);
  if (at < 0) return firstUnit(token)?.offset;
  const unit = unitOfRank(token, countSolid(value, at));
  if (unit === undefined) return undefined;
  // A blank: as far behind what is before it as in the value, if that is still on the same line.
  return at === index ? unit.offset : unit.offset + unit.length + Math.min(index - at - 1, blanksAfter(token, unit));
};

const isBlank = (character: string | undefined): boolean =>
  character === " " || character === "\t" || character === "\n" || character === "\r";

/** The last index up to `index` where `value` is not blank, -1 for none. */
const lastSolid = (value: string, index: number): number => {
  let at = Math.min(index, value.length - 1);
  while (at >= 0 && isBlank(value[at])) at--;
  return at;
};

const countSolid = (value: string, end: number): number => {
  let count = 0;
  for (let i = 0; i < end; i++) if (!isBlank(value[i])) count++;
  return count;
};

const firstUnit = (token: ScalarToken): Unit | undefined => unitOfRank(token, 0);

const unitOfRank = (token: ScalarToken, rank: number): Unit | undefined => {
  let passed = 0;
  for (const unit of solidUnits(token)) {
    if (passed + unit.units > rank) return unit;
    passed += unit.units;
  }
  return undefined;
};

const blanksAfter = (token: ScalarToken, { offset, length }: Unit): number => {
  const { source, start } = bodyOf(token);
  const from = offset + length - start;
  return /^[ \t]*/.exec(source.slice(from))?.[0].length ?? 0;
};

/** The text that holds the value, and where in the file it begins. */
const bodyOf = (token: ScalarToken): { readonly source: string; readonly start: number } => {
  if (token.type !== "block-scalar") return { source: token.source, start: token.offset };
  const header = token.props.reduce((length, prop) => length + ("source" in prop ? prop.source.length : 0), 0);
  return { source: token.source, start: token.offset + header };
};

const ESCAPE = /\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|\r?\n|[\s\S])/y;
/** Escapes of one letter whose character is blank. */
const BLANK_ESCAPES = new Set(["\\n", "\\t", "\\r", "\\ ", "\\\t"]);

function* solidUnits(token: ScalarToken): Generator<Unit> {
  const { source, start } = bodyOf(token);
  const isDouble = token.type === "double-quoted-scalar";
  const isSingle = token.type === "single-quoted-scalar";
  const quotes = isDouble || isSingle ? 1 : 0;
  const end = source.length - quotes;
  for (let i = quotes; i < end; ) {
    const { length, units } = isDouble && source[i] === "\\" ? escapeAt(source, i) : plainAt(source, i, isSingle);
    if (units > 0) yield { offset: start + i, length, units };
    i += length;
  }
}

const plainAt = (source: string, i: number, isSingle: boolean): Omit<Unit, "offset"> => {
  if (isBlank(source[i])) return { length: 1, units: 0 };
  return { length: isSingle && source[i] === "'" ? 2 : 1, units: 1 };
};

const escapeAt = (source: string, i: number): Omit<Unit, "offset"> => {
  ESCAPE.lastIndex = i;
  const text = ESCAPE.exec(source)?.[0] ?? "\\";
  if (/^\\[xuU]./.test(text)) {
    const code = Number.parseInt(text.slice(2), 16);
    const isBlankCode = code === 0x20 || code === 0x09 || code === 0x0a || code === 0x0d;
    return { length: text.length, units: isBlankCode ? 0 : code > 0xffff ? 2 : 1 };
  }
  const isLineBreak = text.endsWith("\n");
  return { length: text.length, units: isLineBreak || BLANK_ESCAPES.has(text) ? 0 : 1 };
};
