import { isMap, isNode, isScalar, type Pair, parseDocument, type YAMLMap } from "yaml";

/** A comment's last paragraph: what stands before it is about more than the next key. */
const oneLine = (comment: string | null | undefined): string =>
  ((comment ?? "").split(/\n\s*\n/).at(-1) ?? "")
    .split("\n")
    .map((line) => line.trim())
    .join(" ")
    .trim();

/** A text in a cell of a table. */
const cell = (text: string): string => text.replaceAll("|", "\\|");

interface Row {
  readonly path: string;
  readonly value: string;
  readonly comment: string;
}

const keyOf = ({ key }: Pair): { readonly name: string; readonly comment: string | null | undefined } => {
  if (!isScalar(key)) throw new Error("a key that is no text");
  return { name: String(key.value), comment: key.commentBefore };
};

/** A map whose content is the user's as a whole. */
const WHOLE = /(?:[lL]abels|nodeSelector|resources|ontext|Profile|Selector|issuerRef|annotations|affinity)$/;

const rowsOf = (map: YAMLMap, prefix: string): readonly Row[] =>
  map.items.flatMap((pair, index) => {
    const { name, comment } = keyOf(pair);
    const path = `${prefix}${name}`;
    // The comment of a map's first key is the map's.
    const said = oneLine(comment ?? (index === 0 ? map.commentBefore : undefined));
    if (isMap(pair.value) && pair.value.items.length > 0 && !WHOLE.test(name)) {
      const own = said === "" ? [] : [{ path, value: "", comment: said }];
      return [...own, ...rowsOf(pair.value, `${path}.`)];
    }
    const value: unknown = isNode(pair.value) ? pair.value.toJSON() : pair.value;
    return [{ path, value: `\`${JSON.stringify(value)}\``, comment: said }];
  });

/** All values as a Markdown table: name, default, and the comment that stands above it in values.yaml. */
export const valuesTable = (values: string): string => {
  const { contents } = parseDocument(values);
  if (!isMap(contents)) throw new Error("values.yaml is no map");
  const rows = rowsOf(contents, "").map(
    ({ path, value, comment }) => `| \`${path}\` | ${cell(value)} | ${cell(comment)} |`,
  );
  return ["| value | default | |", "|---|---|---|", ...rows].join("\n");
};
