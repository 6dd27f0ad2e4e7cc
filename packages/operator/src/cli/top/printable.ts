/** Characters of a line at the most. */
const LONGEST = 500;

/** Text of others as one line that a terminal shows and does not obey: no control characters, no turning of its direction. */
export const printable = (text: string): string => {
  const line = text.replace(/[\p{C}\p{Zl}\p{Zp}]+/gu, " ");
  return line.length <= LONGEST ? line : `${line.slice(0, LONGEST - 1)}…`;
};
