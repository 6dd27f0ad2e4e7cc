import type { TemplateError } from "./errors.ts";

/** Longest line that is shown whole, in characters. */
const WIDTH = 120;

/**
 * The line of the source where the error is, and below it a `^` at its column:
 *
 *     name: {{ .metadta.name }}
 *              ^
 *
 * Of a long line, the part around the column. Tabs stay, so that the two lines stay aligned.
 */
export const caret = (source: string, { line, column }: Pick<TemplateError, "line" | "column">): string => {
  const characters = [...(source.split("\n")[line - 1] ?? "").replace(/\r$/, "")];
  const start = characters.length <= WIDTH ? 0 : Math.max(0, Math.min(column - WIDTH / 2, characters.length - WIDTH));
  const shown = characters.slice(start, start + WIDTH);
  const before = shown.slice(0, Math.max(0, column - 1 - start)).map((character) => (character === "\t" ? "\t" : " "));
  return `${shown.join("")}\n${before.join("")}^`;
};
