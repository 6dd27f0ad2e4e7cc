/**
 * The lines of a page that were not printed. Each has to be there, in the order of the page, with others between them; `...` in a line
 * stands for any text, and spaces for any number of them, as columns have another width from run to run.
 */
export const missingLines = (expected: string, printed: string): readonly string[] => {
  const lines = printed.split("\n");
  let at = 0;
  return expected.split("\n").filter((line) => {
    if (line.trim() === "" || line.trim() === "...") return false;
    const pattern = patternOf(line);
    const found = lines.findIndex((other, index) => index >= at && pattern.test(other));
    if (found === -1) return true;
    at = found + 1;
    return false;
  });
};

const patternOf = (line: string): RegExp => {
  const parts = line
    .trim()
    .split("...")
    .map((part) => RegExp.escape(part).replaceAll(/(?:\\x20|\s)+/g, "\\s+"));
  return new RegExp(`^\\s*${parts.join(".*")}\\s*$`);
};
