import { Budget } from "./budget.ts";
import { died, late, notReached } from "./faults.ts";
import type { Pool } from "./pool.ts";
import type { Program } from "./program.ts";
import { type Fault, isFault } from "./protocol.ts";
import type { Reads } from "./reads.ts";
import type { Outcome } from "./task.ts";
import type { AbortSource } from "./template.ts";

/** How long, and until when, to try. */
export interface Effort {
  /** Milliseconds. */
  readonly deadline: number;
  readonly signal?: AbortSource | undefined;
}

/** What came of parsing a program. */
export interface Compiled {
  /** For each template, what it reads, or why it does not parse. */
  readonly outcomes: readonly (Reads | Fault)[];
  /** Milliseconds that it took for those that parse. */
  readonly elapsed: number;
}

/** Compiles a program. A template that breaks its worker is found, and left out. */
export const compileProgram = async (
  pool: Pick<Pool, "run">,
  program: Program,
  { deadline, signal }: Effort,
): Promise<Compiled> => {
  const bad = new Map<number, Fault>();
  const budget = new Budget(deadline);
  for (let { limit } = budget; limit > 0 && bad.size < program.sources.length; { limit } = budget) {
    const outcome = await pool.run({ program, without: new Set(bad.keys()), deadline: limit }, signal);
    if (outcome.kind === "answer" && !outcome.answer.broken) {
      const { elapsed, answer } = outcome;
      const { compiled } = answer;
      return { outcomes: compiled.map((one, index) => one ?? bad.get(index) ?? notReached(budget.total)), elapsed };
    }
    budget.spend(outcome.elapsed);
    const { index, fault } = breakingFault(outcome, limit);
    bad.set(index, fault);
  }
  return { outcomes: program.sources.map((_, index) => bad.get(index) ?? notReached(budget.total)), elapsed: 0 };
};

/** Which template ended its worker, and how. */
export const breakingFault = (
  outcome: Outcome,
  deadline: number,
): { readonly index: number; readonly fault: Fault } => {
  if (outcome.kind === "late") return { index: outcome.place.index, fault: late(outcome.place, deadline) };
  if (outcome.kind === "died") return { index: outcome.place.index, fault: died(outcome.place) };
  if (outcome.answer.broken) return outcome.answer.broken;
  throw new Error("nothing broke");
};

/** Whether another attempt would come to the same: so not where it depends on how busy the machine is. */
export const isFinal = ({ outcomes }: Compiled): boolean =>
  outcomes.every((outcome) => !isFault(outcome) || outcome.reason === "syntax" || outcome.reason === "encoding");
