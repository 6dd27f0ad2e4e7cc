/** Why a template failed:
 *
 * - `syntax`: it does not parse;
 * - `execution`: Go's text/template, or a function that it called, reports an error;
 * - `deadline`: it was not done in time;
 * - `memory`: it wanted more than the instance may have;
 * - `depth`: it nests or calls itself too deeply for the stack;
 * - `size`: source or output are larger than allowed;
 * - `encoding`: source or output are not valid Unicode text;
 * - `panic`: a fault in Go code that is not the template's.
 */
export type TemplateErrorReason =
  | "syntax"
  | "execution"
  | "deadline"
  | "memory"
  | "depth"
  | "size"
  | "encoding"
  | "panic";

/** What a {@link TemplateError} is made of. */
export interface TemplateErrorFields {
  readonly key?: string | undefined;
  readonly reason: TemplateErrorReason;
  readonly line: number;
  readonly column: number;
  readonly detail: string;
  readonly suggestion?: string | undefined;
}

/** A template's fault, and where. Its message is `KEY:LINE:COLUMN: DETAIL`, without `KEY:` where there is none. */
export class TemplateError extends Error {
  override readonly name = "TemplateError";
  /** The key of the template, of several that were compiled together. */
  // Declared only, so that there is no such property where there is no key.
  declare readonly key?: string;
  readonly reason: TemplateErrorReason;
  /** From 1. */
  readonly line: number;
  /**
   * From 1, in characters (Unicode code points). That of the expression at fault; of the action (`{{...}}`) at fault,
   * where it does not parse; of what the action evaluates, where it is ended from outside.
   */
  readonly column: number;
  /** The message without the position in front. */
  readonly detail: string;
  /** A function that exists, where the template calls one that does not and the names are alike. */
  declare readonly suggestion?: string;

  constructor({ key, reason, line, column, detail, suggestion }: TemplateErrorFields) {
    const hint = suggestion === undefined ? "" : ` (did you mean "${suggestion}"?)`;
    super(`${key === undefined ? "" : `${key}:`}${line}:${column}: ${detail}${hint}`);
    if (key !== undefined) this.key = key;
    this.reason = reason;
    this.line = line;
    this.column = column;
    this.detail = detail;
    if (suggestion !== undefined) this.suggestion = suggestion;
  }
}

/** The data cannot be given to a template: no JSON, too large, too deep, or text that is not valid Unicode. */
export class DataError extends Error {
  override readonly name = "DataError";
  readonly reason: "syntax" | "size" | "depth" | "encoding";

  constructor(reason: DataError["reason"], message: string) {
    super(message);
    this.reason = reason;
  }
}

/** The engine was closed before this was done. */
export class EngineClosedError extends Error {
  override readonly name = "EngineClosedError";

  constructor() {
    super("the template engine is closed");
  }
}
