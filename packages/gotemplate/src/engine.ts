import { type Clock, systemClock } from "./clock.ts";
import { type Compiled, compileProgram, isFinal } from "./compiler.ts";
import { EngineClosedError } from "./errors.ts";
import { errorOf, sourceFault } from "./faults.ts";
import { Lane } from "./lane.ts";
import { type EngineOptions, type Limits, limitsOf } from "./limits.ts";
import { loadModule } from "./module.ts";
import { Pool } from "./pool.ts";
import { type Program, Programs } from "./program.ts";
import { type Fault, isFault } from "./protocol.ts";
import type { CompileOptions, Template, TemplateSet } from "./template.ts";
import { singleTemplate, templateSet } from "./template-set.ts";
import type { WasmModule } from "./webassembly.ts";

/** Compiles templates, and owns the workers in which they run. */
export interface TemplateEngine extends AsyncDisposable {
  /**
   * Parses a template.
   *
   * @throws {@link TemplateError} when it does not parse, `EngineClosedError`, or the signal's reason.
   */
  compile(source: string, options?: CompileOptions): Promise<Template>;
  /**
   * Parses several templates that are rendered together, in one round trip. A template that does not parse is never
   * thrown: see `errors` of the set.
   *
   * @throws `EngineClosedError`, or the signal's reason.
   */
  compileAll(sources: Readonly<Record<string, string>>, options?: CompileOptions): Promise<TemplateSet>;
  /** Ends all workers; what is not done rejects with `EngineClosedError`. */
  close(): Promise<void>;
}

/** Makes an engine. It starts its first worker when there is something to do, and keeps no process alive. */
export const createEngine = (options: EngineOptions = {}): TemplateEngine => new Engine(options, systemClock);

// Of the memory limit: what Go's heap should stay within, as stacks and its own structures come on top; what the compiled
// templates of a worker may take; and how large an instance may stay.
const HEAP_SHARE = 0.8;
const PROGRAM_SHARE = 0.125;
const RECYCLE_SHARE = 0.6;

/** An engine, with the clock handed in. */
export class Engine implements TemplateEngine {
  readonly #limits: Limits;
  readonly #programs: Programs;
  /** What is known of programs, so that the same templates are parsed once. */
  readonly #compiled = new WeakMap<Program, Compiled>();
  readonly #pool: Pool;
  #module: Promise<WasmModule> | undefined;
  #closed = false;

  constructor(options: EngineOptions, clock: Clock) {
    const limits = limitsOf(options);
    const { memoryLimit } = limits;
    const lane = {
      softLimit: Math.floor(memoryLimit * HEAP_SHARE),
      programLimit: memoryLimit * PROGRAM_SHARE,
      worker: options.files?.worker,
      clock,
    };
    this.#limits = limits;
    this.#programs = new Programs(memoryLimit * PROGRAM_SHARE);
    this.#pool = new Pool({
      ...limits,
      recycleAbove: memoryLimit * RECYCLE_SHARE,
      clock,
      start: async (events) => {
        this.#module ??= loadModule(memoryLimit, options.files?.module);
        const module = await this.#module.catch((error: unknown) => {
          // Not for good: the file may be there at the next try, or another one closed.
          this.#module = undefined;
          throw error;
        });
        return new Lane({ ...lane, module }, events);
      },
    });
  }

  /** Workers that there are. */
  get workers(): number {
    return this.#pool.size;
  }

  async compile(source: string, options: CompileOptions = {}): Promise<Template> {
    const compiled = await this.#compileSources([source], options);
    const [outcome] = compiled.outcomes;
    if (outcome === undefined || isFault(outcome)) throw errorOf(outcome ?? missing, undefined);
    return singleTemplate({ pool: this.#pool, limits: this.#limits, ...compiled, keys: [""] }, source);
  }

  async compileAll(sources: Readonly<Record<string, string>>, options: CompileOptions = {}): Promise<TemplateSet> {
    const compiled = await this.#compileSources(Object.values(sources), options);
    return templateSet({ pool: this.#pool, limits: this.#limits, ...compiled, keys: Object.keys(sources) });
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#pool.close();
    // Some twenty megabytes of code.
    this.#module = undefined;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** What comes of sources, and a program of those that a worker can be given. */
  async #compileSources(sources: readonly string[], { missingKey, deadline, signal }: CompileOptions) {
    if (this.#closed) throw new EngineClosedError();
    const zeroMissing = missingKey === "zero";
    const refused = this.#refuse(sources);
    const program = this.#programs.get(without(sources, refused), zeroMissing);
    const known = this.#compiled.get(program);
    const effort = { deadline: deadline ?? this.#limits.deadline, signal };
    const compiled = known ?? (await compileProgram(this.#pool, program, effort));
    if (isFinal(compiled)) this.#compiled.set(program, compiled);
    const outcomes = compiled.outcomes.map((outcome, index) => refused.get(index) ?? outcome);
    const parseTime = compiled.elapsed;
    // What broke a worker, or may do so, is given to none again.
    const breaking = outcomes.flatMap((outcome, index) =>
      isFault(outcome) && outcome.reason !== "syntax" ? [index] : [],
    );
    if (breaking.length === 0) return { program, outcomes, parseTime };
    return { program: this.#programs.get(without(sources, new Set(breaking)), zeroMissing), outcomes, parseTime };
  }

  /** The sources that are too large, or no text. */
  #refuse(sources: readonly string[]): Map<number, Fault> {
    const limit = this.#limits.maxSourceBytes;
    const refused = new Map<number, Fault>();
    let room = limit;
    for (const [index, source] of sources.entries()) {
      const fault = sourceFault(source, room, limit);
      if (fault) refused.set(index, fault);
      else room -= Buffer.byteLength(source);
    }
    return refused;
  }
}

/** The sources with nothing in place of some of them. */
const without = (sources: readonly string[], left: { readonly size: number; has(index: number): boolean }) =>
  left.size === 0 ? sources : sources.map((source, index) => (left.has(index) ? "" : source));

const missing: Fault = { reason: "panic", line: 1, column: 1, detail: "there is no outcome" };
