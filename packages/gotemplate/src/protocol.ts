import type { TemplateErrorReason } from "./errors.ts";
import type { Reads } from "./reads.ts";
import type { WasmModule } from "./webassembly.ts";

/** What a worker starts with. */
export interface WorkerSettings {
  readonly module: WasmModule;
  /** Shared with the pool: see {@link State}. */
  readonly state: Int32Array<SharedArrayBuffer>;
  /** Shared too: see `Claims`. */
  readonly claims: BigInt64Array<SharedArrayBuffer>;
  /** Bytes that Go's heap should stay within, so that it collects garbage rather than fails. */
  readonly softLimit: number;
}

/**
 * Places of the shared array in which a worker says what it is at. A worker that is stuck, or has run out of memory, can
 * tell nobody any more.
 */
export const State = {
  /** Index of the template in its program; -1 while the data is parsed. */
  index: 0,
  /** Where in the template. */
  line: 1,
  column: 2,
  length: 3,
} as const;

/** Work for a worker. */
export interface Job {
  /** Ascending, for each worker. */
  readonly number: number;
  /** Number of the program: one or more templates that belong together. */
  readonly program: number;
  /** The templates, where the worker does not have the program. Those that are known to be bad are left out. */
  readonly sources?: readonly (string | undefined)[] | undefined;
  readonly zeroMissing: boolean;
  /** Programs that it need not keep any longer. */
  readonly forget: readonly number[];
  /** Not for a job that only compiles. */
  readonly render?: RenderJob | undefined;
}

export interface RenderJob {
  /** JSON. */
  readonly data: string;
  /** Of the templates in the program. */
  readonly indices: readonly number[];
  /** Bytes, of all templates together. */
  readonly maxOutput: number;
}

/** A template's fault, as Go or the worker tells it. */
export interface Fault {
  readonly reason: TemplateErrorReason;
  readonly line: number;
  readonly column: number;
  readonly detail: string;
}

/** What happened to the work. */
export interface Answer {
  /** For each source that was given. */
  readonly compiled: readonly (Reads | Fault | undefined)[];
  /** For each index that was to be rendered; fewer, when the instance broke. Without the parts that were sent before. */
  readonly rendered: readonly (string | Fault)[];
  /** Why the data cannot be used. Then nothing is rendered. */
  readonly unusable?:
    | { readonly reason: "syntax" | "size" | "depth" | "encoding"; readonly detail: string }
    | undefined;
  /** The template that broke the instance; the worker takes no more work then. */
  readonly broken?: { readonly index: number; readonly fault: Fault } | undefined;
  /** Bytes of the instance's memory, which never shrinks. */
  readonly memory: number;
}

/** What a worker sends. */
export type WorkerMessage =
  | { readonly kind: "ready" }
  /** What is rendered of a job that takes long: the next template may be the one that never ends. */
  | { readonly kind: "part"; readonly rendered: readonly (string | Fault)[] }
  | { readonly kind: "answer"; readonly answer: Answer };

/** Whether an outcome is a fault. */
export const isFault = (outcome: string | Reads | Fault | undefined): outcome is Fault =>
  typeof outcome === "object" && "reason" in outcome;
