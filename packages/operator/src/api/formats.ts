/** Padded, without line ends, and of something, as the API server wants a `byte`. */
const BASE64 = /^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** Source: RFC 3339, `date-time`. */
const DATE_TIME = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}([.]\d+)?([Zz]|[-+]\d{2}:\d{2})$/;

/** The bytes that base64 stands for. */
export const decodedLength = (base64: string): number => Buffer.byteLength(base64, "base64");

/** What is wrong with a string of this format, of those that the API server checks and we use. */
export const formatFault = (format: string | undefined, text: string): string | undefined => {
  if (format === "byte" && text === "") return "is empty, which binary data cannot be: put it into the text";
  if (format === "byte" && !BASE64.test(text)) return "is not base64, in one line: encode it with base64 -w0";
  if (format === "date-time" && !(DATE_TIME.test(text) && !Number.isNaN(Date.parse(text)))) {
    return "is no time: write it like 2026-01-31T15:04:05Z";
  }
  return undefined;
};
