import type { Projection } from "../decode/projection.ts";
import { ApiError } from "../errors.ts";
import type { Logger } from "../log.ts";
import type { Problem } from "./reflector.ts";
import { type Trouble, troubleOf, type Watched } from "./trouble.ts";
import type { Troubles } from "./troubles.ts";

export interface HealthOptions {
  readonly watched: Watched;
  readonly troubles: Troubles;
  readonly log: Logger;
}

/** How the watch of one namespace fares, and which of its failures are worth a line in the log. */
export class Health {
  /** A complete list has been taken, with the projection of now. */
  synced = false;
  /** The projection of the last complete list; every object here has at least that. Absent = there was none. */
  held: Projection | undefined;
  readonly #options: HealthOptions;
  #problem: Problem | undefined;
  /** Failures in a row. */
  #tries = 0;
  /** What has been reported. */
  #trouble: Trouble | undefined;

  constructor(options: HealthOptions) {
    this.#options = options;
  }

  /** What keeps it from getting on; `undefined` when nothing does. */
  get problem(): Problem | undefined {
    return this.#problem;
  }

  /** A try failed. */
  onProblem(problem: Problem): void {
    const { watched, troubles, log } = this.#options;
    const before = this.#problem?.kind;
    this.#problem = problem;
    this.#tries++;
    const trouble = troubleOf(watched, problem);
    // A watch that breaks once is daily life: it is resumed, and only a second failure in a row is worth a line.
    const isDaily = problem.kind === "failing" && this.#tries === 1 && (this.synced || isAskedToWait(problem));
    // Between "no such resource" and its first list, the server of a new CRD asks to wait for its storage.
    const isComing = before === "missing" && isAskedToWait(problem);
    if (isComing) this.#problem = { ...problem, kind: "missing" };
    // A namespace that was forbidden before the server faltered is so still, as far as anybody knows: nobody need wait for it.
    if (before === "forbidden" && problem.kind === "failing" && !this.synced) {
      this.#problem = { ...problem, kind: "forbidden" };
    }
    if (isDaily || isComing || trouble.key === this.#trouble?.key) {
      log.debug("informer failed", { resource: watched.resource, error: problem.error });
      return;
    }
    this.#trouble = trouble;
    troubles.enter(watched, trouble);
  }

  /** It works. */
  onProgress(): void {
    this.#options.troubles.recover(this.#options.watched);
    this.#forget();
  }

  /** It has been ended: nothing more is said of its troubles. */
  end(): void {
    this.#options.troubles.leave(this.#options.watched);
    this.#forget();
  }

  #forget(): void {
    this.#problem = undefined;
    this.#tries = 0;
    this.#trouble = undefined;
  }
}

/** The server says when to come back: it starts, or has much to do. */
const isAskedToWait = ({ error }: Problem): boolean => error instanceof ApiError && error.retryAfter !== undefined;
