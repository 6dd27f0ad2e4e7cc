/** Lines that begin and end what is generated within a file that people write. */
export interface Marks {
  readonly begin: string;
  readonly end: string;
}

/** The text with another content between the marks' lines. @throws where these are not there once. */
export const withRegion = (text: string, { begin, end }: Marks, content: string): string => {
  const [before, rest, ...more] = text.split(`${begin}\n`);
  const [, after, ...others] = (rest ?? "").split(`${end}\n`);
  if (before === undefined || after === undefined || more.length + others.length > 0) {
    throw new Error(`"${begin}" and "${end}" have to be there once`);
  }
  return `${before}${begin}\n${content}\n${end}\n${after}`;
};

/** The text without the marks' lines, which are comments of nothing. */
export const withoutMarks = (text: string, { begin, end }: Marks): string =>
  text
    .split("\n")
    .filter((line) => line !== begin && line !== end)
    .join("\n");
