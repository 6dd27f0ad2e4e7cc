import { Worker } from "node:worker_threads";
import { Claims, JOB_NUMBERS } from "./claims.ts";
import type { Clock } from "./clock.ts";
import { KnownPrograms } from "./known-programs.ts";
import { type Answer, type Fault, type Job, State, type WorkerMessage, type WorkerSettings } from "./protocol.ts";
import type { Place, Task } from "./task.ts";
import type { WasmModule } from "./webassembly.ts";

/** How a worker runs. */
export interface LaneOptions {
  readonly module: WasmModule;
  /** Bytes that the instance's heap should stay within. */
  readonly softLimit: number;
  /** Bytes of compiled templates that a worker keeps. */
  readonly programLimit: number;
  /** File of the worker. Default: this package's. */
  readonly worker?: URL | undefined;
  readonly clock: Clock;
}

/** A task's outcome. */
export interface Done {
  readonly answer: Answer;
  readonly rendered: readonly (string | Fault)[];
  readonly elapsed: number;
}

/** What a lane tells its pool. */
export interface LaneEvents {
  /** The first task is done; it is not among the lane's tasks any more. */
  done(lane: Lane, task: Task, outcome: Done): void;
  /** The worker is gone, and not by `end`. */
  died(lane: Lane, error: unknown): void;
}

/** Megabytes of stack: a thousand nested templates take most of it. */
const STACK = 32;

/** Megabytes of JavaScript's own heap: it holds little more than the data, the sources and the output of a job. */
const HEAP = 128;

/** Megabytes of it for what dies young: less memory, and no more work that shows. */
const YOUNG = 2;

const WORKER = new URL(import.meta.url.endsWith(".ts") ? "./worker.ts" : "./worker.js", import.meta.url);

/** A worker, and the tasks that it has been given: it does the first, the others wait in its port. */
export class Lane {
  readonly #worker: Worker;
  readonly #clock: Clock;
  readonly #state = new Int32Array(new SharedArrayBuffer(4 * State.length));
  readonly #word = Claims.word();
  readonly #claims = new Claims(this.#word);
  readonly #known: KnownPrograms;
  /** In the order in which the worker does them. */
  readonly #tasks: { readonly task: Task; readonly job: Job }[] = [];
  #startedAt: number | undefined;
  /** What is rendered of the first task. */
  #rendered: (string | Fault)[] = [];
  #last = 0;
  /** Programs that the worker can drop when it is given the next job. */
  #forget: number[] = [];
  #ready = false;
  #ended = false;

  constructor({ module, softLimit, programLimit, worker = WORKER, clock }: LaneOptions, events: LaneEvents) {
    this.#clock = clock;
    this.#known = new KnownPrograms(programLimit);
    const workerData: WorkerSettings = { module, softLimit, state: this.#state, claims: this.#word };
    this.#worker = new Worker(worker, {
      workerData,
      // Nothing of the process, so that a template's outcome cannot depend on it.
      env: {},
      argv: [],
      execArgv: [],
      resourceLimits: { stackSizeMb: STACK, maxOldGenerationSizeMb: HEAP, maxYoungGenerationSizeMb: YOUNG },
    });
    this.#worker.on("message", (message: WorkerMessage) => {
      if (message.kind === "ready") this.#begin();
      else if (message.kind === "part") this.#rendered.push(...message.rendered);
      else this.#take(message.answer, events);
    });
    let cause: unknown = new Error("a worker of the template engine ended by itself");
    this.#worker.on("error", (error) => {
      cause = error;
    });
    this.#worker.on("exit", () => {
      if (!this.#ended) events.died(this, cause);
    });
    this.#worker.unref();
  }

  /** Whether it has started. */
  get ready(): boolean {
    return this.#ready;
  }

  /** What the worker has not done yet; it is at the first. */
  get tasks(): readonly Task[] {
    return this.#tasks.map(({ task }) => task);
  }

  /** How many those are. */
  get load(): number {
    return this.#tasks.length;
  }

  /** Whether it should end before it has to number more jobs than there are numbers. */
  get isWornOut(): boolean {
    return this.#last >= JOB_NUMBERS / 2;
  }

  /** What is rendered of the first task, as far as is known. */
  get rendered(): readonly (string | Fault)[] {
    return this.#rendered;
  }

  /** Milliseconds since the first task began; 0 while the worker starts, has nothing to do, or did not get to it yet. */
  elapsed(): number {
    const [first] = this.#tasks;
    if (!first || this.#startedAt === undefined) return 0;
    const now = this.#clock.now();
    if (this.#claims.begun < first.job.number) this.#startedAt = now;
    return now - this.#startedAt;
  }

  /** Where the template is that runs now. */
  get place(): Place {
    const [index = 0, line = 1, column = 1] = this.#state;
    return { index, line, column };
  }

  /**
   * Gives the worker one more task.
   *
   * @param spare a number for a program that is compiled for this task alone, because it has holes.
   */
  add(task: Task, spare: number): void {
    const { program, without, render } = task.work;
    const whole = without.size === 0;
    const { known, forget } = whole ? this.#known.use(program) : { known: false, forget: [] };
    this.#last += 1;
    const job: Job = {
      number: this.#last,
      program: whole ? program.number : spare,
      sources:
        known && render ? undefined : program.sources.map((source, index) => (without.has(index) ? undefined : source)),
      zeroMissing: program.zeroMissing,
      forget: [...this.#forget, ...forget],
      render,
    };
    this.#forget = whole ? [] : [spare];
    this.#worker.postMessage(job);
    if (this.#tasks.push({ task, job }) > 1) return;
    this.#worker.ref();
    if (this.#ready) this.#startedAt = this.#clock.now();
  }

  /** Takes back what the worker has not begun. */
  takeBack(): Task[] {
    const [first] = this.#tasks;
    if (!first || this.#claims.begun < first.job.number) return [];
    const begun = this.#claims.revoke(this.#last);
    const kept = this.#tasks.findIndex(({ job }, index) => index > 0 && job.number > begun);
    const taken = kept < 0 ? [] : this.#tasks.splice(kept);
    for (const { job } of taken) {
      this.#known.drop(job.program);
      this.#forget.push(...job.forget, job.program);
    }
    return taken.map(({ task }) => task);
  }

  /** Ends the worker, whatever it is doing. */
  async end(): Promise<void> {
    this.#ended = true;
    await this.#worker.terminate();
  }

  #begin(): void {
    this.#ready = true;
    if (this.#tasks.length > 0) this.#startedAt = this.#clock.now();
  }

  #take(answer: Answer, events: LaneEvents): void {
    const elapsed = this.elapsed();
    const first = this.#tasks.shift();
    if (this.#ended || !first) return;
    const rendered = [...this.#rendered, ...answer.rendered];
    this.#rendered = [];
    const more = this.#tasks.length > 0;
    this.#startedAt = more ? this.#clock.now() : undefined;
    if (!more) this.#worker.unref();
    events.done(this, first.task, { answer, rendered, elapsed });
  }
}
