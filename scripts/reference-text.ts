/** A row of a Markdown table. */
export const row = (cells: readonly string[]): string =>
  `| ${cells.map((cell) => cell.replaceAll("|", "\\|").replaceAll(/\s*\n\s*/g, " ")).join(" | ")} |`;

/** A table with its head. */
export const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [row(head), row(head.map(() => "---")), ...rows.map(row)].join("\n");

/** Text as code; nothing stays nothing. */
export const code = (text: string): string => (text === "" ? "" : `\`${text}\``);

/**
 * Text of a description, in which what stands in angle brackets is no HTML, a star no emphasis, and square brackets no link.
 */
export const prose = (text: string): string =>
  text.replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll("*", "\\*").replaceAll("[", "\\[");
