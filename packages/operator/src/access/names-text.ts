/** Names in a line at the most: there can be thousands. */
const MOST = 5;

/** `a, b`; of many names the first and how many more: `a, b, c, d, e and 995 more`. */
export const namesText = (names: readonly string[]): string => {
  const shown = names.slice(0, MOST).join(", ");
  return names.length > MOST ? `${shown} and ${names.length - MOST} more` : shown;
};
