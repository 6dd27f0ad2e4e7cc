declare global {
  interface JSON {
    /** https://tc39.es/proposal-json-parse-with-source/ : in Node since 22, not yet in TypeScript's library. */
    rawJSON(text: string): unknown;
  }
}

/**
 * JSON for the API server. `bigint`, in which integers beyond 2^53 are decoded, goes out as the number it was.
 */
export const encode = (value: unknown): string => {
  try {
    return JSON.stringify(value);
  } catch (error) {
    // Looking for a bigint in each value of each object would cost more than failing once where there is one.
    if (!(error instanceof TypeError)) throw error;
    return JSON.stringify(value, (_name, inner: unknown) =>
      typeof inner === "bigint" ? JSON.rawJSON(inner.toString()) : inner,
    );
  }
};
