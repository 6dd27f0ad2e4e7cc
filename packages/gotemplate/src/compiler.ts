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

/** For each template of a program, what it reads, or why it does not parse. */
export type Compiled = readonly (Reads | Fault)[];

/** Compiles a program. A template that breaks its worker is found, and left out. */
export const compileProgram = async (pool: Pool, program: Program, { deadline, signal }: Effort): Promise<Compiled> => {
  const bad = new Map<number, Fault>();
  const budget = new Budget(deadline);
  for (let { limit } = budget; limit > 0; { limit } = budget) {
    const outcome = await pool.run({ program, without: new Set(bad.keys()), deadline: limit }, signal);
    if (outcome.kind === "answer" && !outcome.answer.broken) {
      return outcome.answer.compiled.map((compiled, index) => compiled ?? bad.get(index) ?? notReached(budget.total));
    }
    budget.spend(outcome.elapsed);
    const { index, fault } = breakingFault(outcome, limit);
    bad.set(index, fault);
  }
  return program.sources.map((_, index) => bad.get(index) ?? notReached(budget.total));
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
export const isFinal = (compiled: Compiled): boolean =>
  compiled.every((outcome) => !isFault(outcome) || outcome.reason === "syntax" || outcome.reason === "encoding");
