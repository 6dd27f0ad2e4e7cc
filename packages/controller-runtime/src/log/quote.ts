/** All that stands for itself within quotation marks: printable ASCII but `"` and `\`. Most messages are no more. */
const PLAIN = /^[ !#-[\]-~]*$/;

/** What Go's `unicode.IsPrint` denies, quotation mark and backslash: what `strconv.Quote` escapes. */
const ESCAPED = /["\\]|[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/gu;

const NAMED: Readonly<Record<string, string>> = {
  '"': '\\"',
  "\\": "\\\\",
  "\u0007": "\\a",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\v": "\\v",
};

/**
 * Quotes as Go's `strconv.Quote`, which is what klog writes. The result is one line without control characters: what a
 * user put into an object cannot begin a line of its own in the log, nor colour a terminal.
 */
export const quote = (text: string): string => {
  if (PLAIN.test(text)) return `"${text}"`;
  // A half of a surrogate pair is no character; Go would show the replacement for it.
  return `"${text.toWellFormed().replace(ESCAPED, (character) => NAMED[character] ?? escapeOf(character))}"`;
};

const escapeOf = (character: string): string => {
  const code = character.codePointAt(0) ?? 0;
  const hex = code.toString(16);
  if (code < 0x20 || code === 0x7f) return `\\x${hex.padStart(2, "0")}`;
  return code > 0xffff ? `\\U${hex.padStart(8, "0")}` : `\\u${hex.padStart(4, "0")}`;
};
