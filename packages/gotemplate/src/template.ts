import type { TemplateData } from "./data.ts";
import type { TemplateError } from "./errors.ts";
import type { Reads } from "./reads.ts";

/** What ends a wait: an `AbortSignal`, or what behaves like one and is cheaper to make. */
export interface AbortSource {
  readonly aborted: boolean;
  readonly reason: unknown;
  addEventListener(type: "abort", listener: () => void, options?: { readonly once: true }): void;
  removeEventListener(type: "abort", listener: () => void): void;
}

/** How templates are compiled. */
export interface CompileOptions {
  /**
   * What a key that the data does not have means: an error, or the zero value, which prints as `<no value>`. Default
   * `error`.
   */
  readonly missingKey?: "error" | "zero" | undefined;
  /** Ends the wait; the promise rejects with its reason. */
  readonly signal?: AbortSource | undefined;
  /** Milliseconds, for all templates of the call. Default: that of the engine. */
  readonly deadline?: number | undefined;
}

/** How templates are rendered. */
export interface RenderOptions {
  /** Ends the wait; the promise rejects with its reason. */
  readonly signal?: AbortSource | undefined;
  /** Milliseconds, as the engine's `deadline`, which is the default. */
  readonly deadline?: number | undefined;
}

/** A template that parses. */
export interface Template {
  readonly source: string;
  /** What it reads of the data. */
  readonly reads: Reads;
  /**
   * @throws {@link TemplateError} when it fails, {@link DataError} when the data cannot be used, `EngineClosedError`, or
   * the signal's reason.
   */
  render(data: TemplateData, options?: RenderOptions): Promise<string>;
}

/** Several templates that are rendered together. */
export interface TemplateSet {
  /** The errors of those that do not parse, each with its key, in the order of the sources. */
  readonly errors: readonly TemplateError[];
  /** What those that parse read of the data, all together. */
  readonly reads: Reads;
  /**
   * Renders all of them against the same data, each with its own view of it. A failing template is never thrown.
   *
   * @throws {@link DataError} when the data cannot be used, `EngineClosedError`, or the signal's reason.
   */
  render(data: TemplateData, options?: RenderOptions): Promise<Rendered>;
}

/** The outcome of a set: for each key, a value or an error. */
export interface Rendered {
  readonly values: Readonly<Record<string, string>>;
  /** In the order of the sources; those of parsing included. */
  readonly errors: readonly TemplateError[];
}
