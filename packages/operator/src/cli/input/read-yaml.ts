import { type Document, isMap, isScalar, LineCounter, type ParsedNode, parseAllDocuments, visit } from "yaml";
import { fieldOf, isObject } from "../../api/conform.ts";
import { Aliases, type AliasFault } from "./aliases.ts";
import { Manifest, type Path, type Place, placeAt, type SourceText } from "./manifest.ts";
import { KUBECTL_YAML, narrowed } from "./yaml-tags.ts";

/** Something wrong with the text of a file. */
export interface TextFault {
  readonly place: Place;
  /** The field concerned, as the API server writes it; empty where it is the text as a whole. */
  readonly field: string;
  readonly message: string;
}

/** What a file of YAML or JSON holds. */
export interface YamlFile {
  /** One for each document that is not empty; the items of a List one by one. */
  readonly manifests: readonly Manifest[];
  /** Why the text is no YAML. Not empty: `manifests` is. */
  readonly syntax: readonly TextFault[];
  /** Keys that stand twice: YAML forbids it, and only the API server would notice. */
  readonly duplicates: readonly TextFault[];
}

/** Reads YAML, or JSON, as kubectl does: several documents, Lists, YAML 1.1 scalars. Never throws. */
export const readYaml = (file: string, text: string): YamlFile => {
  const lines = new LineCounter();
  // A byte order mark takes no column.
  const source = { file, text: text.replace(/^\ufeff/, ""), lines };
  const none: YamlFile = { manifests: [], syntax: [], duplicates: [] };
  try {
    const parsed = parseAllDocuments(source.text, {
      ...KUBECTL_YAML,
      lineCounter: lines,
      keepSourceTokens: true,
      prettyErrors: false,
      logLevel: "error",
    });
    // An empty stream is an empty list that says so.
    const documents: Document.Parsed<ParsedNode>[] = "empty" in parsed ? [] : parsed;
    const errors = documents.flatMap((document) => document.errors.map((error) => ({ document, error })));
    const syntax = errors
      .filter(({ error }) => error.code !== "DUPLICATE_KEY")
      .map(({ error }) => ({ offset: error.pos[0], message: oneLine(error.message) }));
    const aliases = new Aliases();
    if (syntax.length === 0) for (const document of documents) aliases.replaceIn(document);
    const faults = [...syntax, ...aliases.faults];
    if (faults.length > 0) return { ...none, syntax: faults.map((fault) => faultAt(source, fault)) };
    const duplicates = errors.map(({ document, error }) => duplicateAt(source, document, error.pos[0]));
    return { ...none, manifests: documents.flatMap((document) => manifestsOf(source, document)), duplicates };
  } catch (error) {
    // Nested past the stack, or merged with what is no map.
    const message = error instanceof RangeError ? "nested too deeply" : oneLine(messageOf(error));
    return { ...none, syntax: [{ place: { file, line: 1, column: 1 }, field: "", message }] };
  }
};

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const faultAt = (source: SourceText, { offset, message }: AliasFault): TextFault => ({
  place: placeAt(source, offset),
  field: "",
  message,
});

const oneLine = (text: string): string => text.replace(/\s+/g, " ").trim();

const manifestsOf = (source: SourceText, document: Document.Parsed<ParsedNode>): Manifest[] => {
  const value: unknown = document.toJS({ reviver: (_key, one) => (typeof one === "bigint" ? narrowed(one) : one) });
  if (value === null || value === undefined) return [];
  return itemsOf(new Manifest(source, document, value));
};

/** `kubectl get` writes several objects as one `List`; typed lists (`PodList`) come from the API itself. */
const itemsOf = (manifest: Manifest): Manifest[] => {
  const { value } = manifest;
  if (!isObject(value) || typeof value.kind !== "string" || !value.kind.endsWith("List")) return [manifest];
  if (!Array.isArray(value.items)) return [manifest];
  const { apiVersion, kind } = value;
  // The items of a typed list leave out what its own kind says.
  const type = kind === "List" ? {} : { apiVersion, kind: kind.slice(0, -"List".length) };
  return value.items.flatMap((item: unknown, index) =>
    itemsOf(manifest.item(isObject(item) ? { ...type, ...item } : item, ["items", index])),
  );
};

const duplicateAt = (source: SourceText, document: Document.Parsed<ParsedNode>, offset: number): TextFault => {
  const path = pathAt(document, offset);
  return { place: placeAt(source, offset), field: fieldOf(path), message: "the key stands twice: remove one of them" };
};

/** The path of the key that begins at `offset`. */
const pathAt = (document: Document.Parsed<ParsedNode>, offset: number): Path => {
  let path: Path = [];
  visit(document, {
    Pair(_, pair, ancestors) {
      if (!isScalar(pair.key) || pair.key.range?.[0] !== offset) return undefined;
      path = [...ancestors, pair].flatMap((node, index, all) => stepOf(node, all[index - 1]));
      return visit.BREAK;
    },
  });
  return path;
};

const stepOf = (node: unknown, parent: unknown): Path => {
  if (typeof node !== "object" || node === null) return [];
  if ("key" in node && isScalar(node.key)) return [String(node.key.value)];
  if (typeof parent !== "object" || parent === null || isMap(parent) || !("items" in parent)) return [];
  const { items } = parent;
  return Array.isArray(items) && items.includes(node) ? [items.indexOf(node)] : [];
};
