import type { Compiled } from "./compiler.ts";
import type { TemplateData } from "./data.ts";
import { encodeData } from "./encode-data.ts";
import type { TemplateError } from "./errors.ts";
import { errorOf } from "./faults.ts";
import type { Limits } from "./limits.ts";
import type { Pool } from "./pool.ts";
import type { Program } from "./program.ts";
import { type Fault, isFault } from "./protocol.ts";
import { type Reads, union } from "./reads.ts";
import { renderProgram } from "./renderer.ts";
import type { Rendered, RenderOptions, Template, TemplateSet } from "./template.ts";

/** What a template needs to be rendered. */
export interface Parts {
  readonly pool: Pool;
  readonly program: Program;
  readonly limits: Limits;
  /** Of each template of the program. */
  readonly outcomes: Compiled["outcomes"];
  /** Milliseconds that parsing took. */
  readonly parseTime: number;
  readonly keys: readonly string[];
}

/** A set of templates. */
export const templateSet = (parts: Parts): TemplateSet => {
  const { outcomes, keys } = parts;
  const faults = new Map<number, Fault>();
  const reads: Reads[] = [];
  for (const [index, outcome] of outcomes.entries()) {
    if (isFault(outcome)) faults.set(index, outcome);
    else reads.push(outcome);
  }
  const render = async (data: TemplateData, options: RenderOptions = {}): Promise<Rendered> => {
    const results = await renderAll(parts, data, options);
    const values: [string, string][] = [];
    const errors: TemplateError[] = [];
    for (const [index, key] of keys.entries()) {
      const result = faults.get(index) ?? results.get(index);
      if (typeof result === "string") values.push([key, result]);
      else if (result) errors.push(errorOf(result, key));
    }
    return { values: Object.fromEntries(values), errors };
  };
  return {
    errors: [...faults].map(([index, fault]) => errorOf(fault, keys[index])),
    reads: union(reads),
    render,
  };
};

/** A template that is the only one of its program, and parses. */
export const singleTemplate = (parts: Parts, source: string): Template => ({
  source,
  reads: union(parts.outcomes.flatMap((outcome) => (isFault(outcome) ? [] : [outcome]))),
  render: async (data, options = {}) => {
    const result = (await renderAll(parts, data, options)).get(0);
    if (typeof result === "string") return result;
    throw result ? errorOf(result, undefined) : new Error("a template was not rendered");
  },
});

const renderAll = async (
  { pool, program, limits, outcomes, parseTime }: Parts,
  data: TemplateData,
  { deadline = limits.deadline, signal }: RenderOptions,
): Promise<ReadonlyMap<number, string | Fault>> => {
  const indices = outcomes.flatMap((outcome, index) => (isFault(outcome) ? [] : [index]));
  const text = encodeData(data, limits.maxDataBytes);
  const effort = { maxOutput: limits.maxOutputBytes, deadline, parseTime, signal };
  return renderProgram(pool, { program, indices, data: text, ...effort });
};
