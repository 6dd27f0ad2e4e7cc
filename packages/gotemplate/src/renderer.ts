import { Budget } from "./budget.ts";
import { breakingFault, type Effort } from "./compiler.ts";
import { DataError } from "./errors.ts";
import { notReached, tooMuchOutput } from "./faults.ts";
import type { Pool } from "./pool.ts";
import type { Program } from "./program.ts";
import { type Fault, isFault } from "./protocol.ts";
import type { Outcome } from "./task.ts";

/** What to render. */
export interface Rendering extends Effort {
  readonly program: Program;
  /** Of the templates that parse. */
  readonly indices: readonly number[];
  /** JSON. */
  readonly data: string;
  /** Bytes, of all together. */
  readonly maxOutput: number;
  /** Milliseconds that parsing took. */
  readonly parseTime: number;
}

/** Milliseconds of parsing that a render bears. */
const QUICK = 50;

/**
 * Milliseconds that a render may take longer, for a worker that has to parse large templates once more, and be it a busy one. Not
 * without end: those may be large and slow.
 */
const parsingAgain = ({ parseTime, deadline }: Pick<Rendering, "parseTime" | "deadline">): number =>
  parseTime < QUICK ? 0 : Math.min(2 * parseTime, 2 * deadline);

/** Of each template, its output, or why it failed. A template that breaks its worker costs only itself. */
export const renderProgram = async (
  pool: Pick<Pool, "run">,
  { program, indices, data, maxOutput, deadline, parseTime, signal }: Rendering,
): Promise<ReadonlyMap<number, string | Fault>> => {
  const results = new Map<number, string | Fault>();
  const without = new Set<number>();
  let room = maxOutput;
  const budget = new Budget(deadline);
  const allowance = parsingAgain({ parseTime, deadline });
  for (let { limit } = budget; limit > 0; { limit } = budget) {
    const todo = indices.filter((index) => !results.has(index));
    if (todo.length === 0) return results;
    const render = { data, indices: todo, maxOutput: room };
    const outcome = await pool.run({ program, without, render, deadline: limit + allowance }, signal);
    const { elapsed } = outcome;
    // Half of it at the least: each attempt may parse again, and there may be very many.
    budget.spend(Math.max(elapsed - allowance, elapsed / 2));
    room -= collect(outcome, todo, { results, maxOutput });
    if (outcome.kind === "answer" && !outcome.answer.broken) return results;
    const { index, fault } = breakingFault(outcome, limit);
    if (index < 0) {
      if (outcome.kind !== "late") throw new DataError("size", `the data ${fault.detail}`);
      for (const each of todo) results.set(each, fault);
      return results;
    }
    // One that breaks its worker although it was not to be rendered does so while it is compiled.
    if (results.has(index)) without.add(index);
    results.set(index, fault);
  }
  for (const index of indices) if (!results.has(index)) results.set(index, notReached(budget.total));
  return results;
};

/** Takes over what has been rendered. Returns the bytes of it. */
const collect = (outcome: Outcome, todo: readonly number[], { results, maxOutput }: Collected): number => {
  const unusable = outcome.kind === "answer" ? outcome.answer.unusable : undefined;
  if (unusable) throw new DataError(unusable.reason, unusable.detail);
  let bytes = 0;
  for (const [i, rendered] of outcome.rendered.entries()) {
    const index = todo[i];
    if (index === undefined) continue;
    if (typeof rendered === "string") bytes += Buffer.byteLength(rendered);
    // Go knows only the room that was left.
    results.set(index, isFault(rendered) && rendered.reason === "size" ? tooMuchOutput(rendered, maxOutput) : rendered);
  }
  return bytes;
};

interface Collected {
  readonly results: Map<number, string | Fault>;
  readonly maxOutput: number;
}
