/** Characters (code points) of one warning, and of all of a request, of which the API server shows the beginning. */
const LONGEST = 256;
const ALL = 4_096;
const ELLIPSIS = "…";
/** Kept free for the line that says how many are left out. */
const REST = 40;

/**
 * Warnings as the API server passes them on: it cuts each to 256 characters once all have more than 4,096, and drops what
 * comes after those (k8s.io/apiserver, endpoints/filters/warning.go); and a header holds no line break. What is cut here says
 * so, and what is left out is counted. Each is said once.
 */
export const cutWarnings = (warnings: readonly string[]): string[] => {
  const whole = new Set(warnings.map((warning) => cut(asLine(warning), LONGEST)));
  whole.delete("");
  const all = [...whole];
  const kept: string[] = [];
  let room = ALL;
  for (const [i, warning] of all.entries()) {
    const left = all.length - i;
    const length = lengthOf(warning);
    const fits = left === 1 ? length <= room : length <= room - REST;
    if (!fits) return [...kept, `${left} more warnings`];
    kept.push(warning);
    room -= length;
  }
  return kept;
};

/** One line, without characters that a header cannot hold or a terminal obeys. */
const asLine = (text: string): string =>
  text
    .toWellFormed()
    .replace(/[\s\p{Cc}]+/gu, " ")
    .trim();

const cut = (text: string, longest: number): string => {
  if (text.length <= longest || lengthOf(text) <= longest) return text;
  return `${[...text].slice(0, longest - 1).join("")}${ELLIPSIS}`;
};

const lengthOf = (text: string): number => [...text].length;
