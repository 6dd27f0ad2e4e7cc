import type { Program } from "./program.ts";
import type { Answer, Fault, RenderJob } from "./protocol.ts";

/** What a worker is to do. */
export interface Work {
  readonly program: Program;
  /** Templates of the program that are left out, because they break the instance. */
  readonly without: ReadonlySet<number>;
  /** Not to compile only. */
  readonly render?: RenderJob | undefined;
  /** Milliseconds that it may run. */
  readonly deadline: number;
}

/** Where a template was when its worker had to be ended. */
export interface Place {
  readonly index: number;
  readonly line: number;
  readonly column: number;
}

/** How work ended. */
export type Outcome = (
  | { readonly kind: "answer"; readonly answer: Answer }
  /** It ran past its deadline. */
  | { readonly kind: "late"; readonly place: Place }
  /** The thread died, for want of memory in JavaScript. */
  | { readonly kind: "died"; readonly place: Place }
) & {
  /** What was rendered of it, in the order of its indices. */
  readonly rendered: readonly (string | Fault)[];
  /** Milliseconds that it ran. */
  readonly elapsed: number;
};

/** Work that waits for its outcome. */
export interface Task {
  readonly work: Work;
  readonly settle: (outcome: Outcome) => void;
  readonly fail: (error: unknown) => void;
}
