/** What a PromQL expression takes from Prometheus. */
export interface Selector {
  readonly metric: string;
  /** Labels that are matched. */
  readonly labels: readonly string[];
}

const STRING = /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`/g;
/** Lists of labels after these are no metrics. */
const LABEL_LIST = /\b(by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)/g;
const WORDS = new Set(["and", "or", "unless", "bool", "offset", "inf", "nan", "by", "without", "on", "ignoring"]);

/**
 * The selectors of an expression: identifiers that are neither functions nor words of the language, with what is in their braces.
 * Only for expressions that Prometheus has parsed: of others it says nothing sensible.
 */
export const selectorsOf = (expr: string): readonly Selector[] => {
  const bare = expr
    .replaceAll(STRING, '""')
    .replaceAll(LABEL_LIST, " ")
    .replaceAll(/\[[^\]]*\]/g, " ");
  const found = bare.matchAll(/(?<![\w.])([a-zA-Z_:][\w:]*)\s*(?:\{([^}]*)\}|(\())?/g);
  return [...found]
    .filter(([, name = "", , call]) => call === undefined && !WORDS.has(name.toLowerCase()))
    .map(([, metric = "", matchers = ""]) => ({
      metric,
      labels: [...matchers.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)].map(([, label = ""]) => label),
    }));
};

/** Labels by which an expression groups and joins. */
export const groupingLabelsOf = (expr: string): readonly string[] =>
  [...expr.replaceAll(STRING, '""').matchAll(LABEL_LIST)].flatMap(([, , list = ""]) =>
    list
      .split(",")
      .map((label) => label.trim())
      .filter((label) => label !== ""),
  );
