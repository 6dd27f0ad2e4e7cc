import { type Document, isMap, isScalar, isSeq, type LineCounter, type Node, type ParsedNode, Scalar } from "yaml";
import { type ScalarToken, sourceOffset } from "./scalar-offset.ts";

/** A place in a file. Line and column count from 1, columns in characters. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** The way to a value inside an object. */
export type Path = readonly (string | number)[];

/** A file that was read. */
export interface SourceText {
  readonly file: string;
  readonly text: string;
  readonly lines: LineCounter;
}

/** `pcmc.yaml:14:22`, as compilers write it. */
export const placeText = ({ file, line, column }: Place): string => `${file}:${line}:${column}`;

/** The place of an offset in a file. */
export const placeAt = ({ file, text, lines }: SourceText, offset: number): Place => {
  const { line, col } = lines.linePos(offset);
  return { file, line, column: [...text.slice(offset - col + 1, offset)].length + 1 };
};

/** One object of a file, which knows where in the file each of its values stands. */
export class Manifest {
  readonly value: unknown;
  readonly #source: SourceText;
  readonly #document: Document.Parsed<ParsedNode>;
  readonly #prefix: Path;

  /** `prefix` leads from the document to the object: empty but for the items of a List. */
  constructor(source: SourceText, document: Document.Parsed<ParsedNode>, value: unknown, prefix: Path = []) {
    this.#source = source;
    this.#document = document;
    this.#prefix = prefix;
    this.value = value;
  }

  get file(): string {
    return this.#source.file;
  }

  /** The value at `path` as an object of its own. */
  item(value: unknown, path: Path): Manifest {
    return new Manifest(this.#source, this.#document, value, [...this.#prefix, ...path]);
  }

  /**
   * Where the value at `path` stands: a value of one line itself, else its key; where there is none, what would hold it.
   * With `position`, the place inside a text: exact where YAML lets it be, else that of the key.
   */
  place(path: Path, position?: { readonly line: number; readonly column: number }): Place {
    const found = find(this.#document, [...this.#prefix, ...path]);
    const inside = position === undefined ? undefined : offsetInside(found, position);
    return placeAt(this.#source, inside ?? offsetOf(found) ?? this.#document.range[0]);
  }

  /** Where the key at `path` stands, whatever its value is. */
  keyPlace(path: Path): Place {
    const { key, value } = find(this.#document, [...this.#prefix, ...path]);
    return placeAt(this.#source, (key ?? value)?.range?.[0] ?? this.#document.range[0]);
  }
}

/** How far a path could be followed. */
interface Found {
  /** The key of the last step in a map. */
  readonly key: Node | undefined;
  /** The value; `undefined` where the path ends before it. */
  readonly value: Node | undefined;
}

const find = (document: Document.Parsed<ParsedNode>, path: Path): Found => {
  let found: Found = { key: undefined, value: document.contents ?? undefined };
  for (const step of path) {
    const next = child(found.value, step);
    if (next === undefined) return { key: found.key ?? found.value, value: undefined };
    found = next;
  }
  return found;
};

const child = (node: Node | undefined, step: string | number): Found | undefined => {
  if (isSeq<Node>(node)) {
    const item = typeof step === "number" ? node.items[step] : undefined;
    return item && { key: undefined, value: item };
  }
  if (!isMap<Node, Node | null>(node)) return undefined;
  const pair = node.items.find(({ key }) => isScalar(key) && keyText(key) === String(step));
  return pair && { key: pair.key, value: pair.value ?? undefined };
};

/** A key as it is in JSON: `on` is `true` in YAML 1.1. */
const keyText = ({ value }: Scalar): string => (value === null ? "" : String(value));

const isBlock = (node: Node): boolean =>
  !isScalar(node) || node.type === Scalar.BLOCK_LITERAL || node.type === Scalar.BLOCK_FOLDED;

const offsetOf = ({ key, value }: Found): number | undefined => {
  const node = value === undefined || (key !== undefined && isBlock(value)) ? (key ?? value) : value;
  return node?.range?.[0];
};

const offsetInside = (
  { value: node }: Found,
  { line, column }: { readonly line: number; readonly column: number },
): number | undefined => {
  if (!isScalar(node) || typeof node.value !== "string" || !isScalarToken(node.srcToken)) return undefined;
  const index = indexOf(node.value, line, column);
  return index === undefined ? undefined : sourceOffset(node.srcToken, node.value, index);
};

const isScalarToken = (token: unknown): token is ScalarToken => typeof token === "object" && token !== null;

/** The index in UTF-16 units of a line and column, in characters; up to one behind the end of the line. */
const indexOf = (text: string, line: number, column: number): number | undefined => {
  let start = 0;
  for (let passed = 1; passed < line; passed++) {
    const end = text.indexOf("\n", start);
    if (end < 0) return undefined;
    start = end + 1;
  }
  const end = text.indexOf("\n", start);
  const characters = [...text.slice(start, end < 0 ? text.length : end)];
  return start + characters.slice(0, column - 1).join("").length;
};
