/** Deeper chains are cut: they are a loop, or nobody reads them. */
const MAX_DEPTH = 8;

/**
 * An error as one text: its message, then those of its causes, as Go's `%w` chains read. A message that ends with that
 * of its cause already is not repeated. Never throws.
 */
export const errorText = (error: unknown): string => {
  try {
    return textOf(error, 0);
  } catch {
    return "<an error that cannot be shown>";
  }
};

/** The stacks of an error and its causes. Never throws. Undefined where there is none. */
export const errorStack = (error: unknown): string | undefined => {
  const stacks: string[] = [];
  try {
    let next = error;
    while (next instanceof Error && stacks.length < MAX_DEPTH) {
      if (typeof next.stack === "string") stacks.push(next.stack);
      next = next.cause;
    }
  } catch {
    // A getter of a foreign error; what there is so far will do.
  }
  return stacks.length === 0 ? undefined : stacks.join("\ncaused by: ");
};

const textOf = (error: unknown, depth: number): string => {
  if (!(error instanceof Error)) return typeof error === "string" ? error : String(error);
  if (depth === MAX_DEPTH) return "...";
  const own = messageOf(error, depth);
  if (error.cause === undefined || error.cause === null) return own;
  const cause = textOf(error.cause, depth + 1);
  return own.endsWith(cause) ? own : `${own}: ${cause}`;
};

const messageOf = (error: Error, depth: number): string => {
  // Node's own aggregate, of a connection tried on several addresses, has an empty message.
  if (error instanceof AggregateError && error.message === "") {
    return error.errors.map((each: unknown) => textOf(each, depth + 1)).join("; ");
  }
  return error.message || ("code" in error ? String(error.code) : error.name);
};
