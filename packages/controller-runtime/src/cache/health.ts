import { ApiError, ConnectionError, describe } from "../errors.ts";
import type { Logger } from "../log.ts";
import type { Problem } from "./reflector.ts";

export interface HealthOptions {
  readonly log: Logger;
  /** The resource, as users name it. */
  readonly name: string;
}

/** How the watch of one namespace fares, and what the log says of it: each trouble once, for as long as it lasts. */
export class Health {
  /** A complete list has been taken, with the projection of now. */
  synced = false;
  readonly #log: Logger;
  readonly #name: string;
  #problem: Problem | undefined;
  /** Failures in a row. */
  #tries = 0;
  /** The trouble that the log has been told. */
  #reported: string | undefined;

  constructor({ log, name }: HealthOptions) {
    this.#log = log;
    this.#name = name;
  }

  /** What keeps it from getting on; `undefined` when nothing does. */
  get problem(): Problem | undefined {
    return this.#problem;
  }

  /** A try failed. */
  onProblem(problem: Problem): void {
    this.#problem = problem;
    this.#tries++;
    const trouble = signatureOf(problem);
    // A watch that breaks once is daily life: it is resumed, and only a second failure in a row is worth a line.
    const isDaily = problem.kind === "failing" && this.#tries === 1 && (this.synced || isAskedToWait(problem));
    // Between "no such resource" and its first list, the server of a new CRD asks to wait for its storage.
    const isComing = this.#reported?.startsWith("missing") === true && isAskedToWait(problem);
    if (isDaily || isComing || trouble === this.#reported) {
      this.#log.debug("informer failed", { resource: this.#name, error: problem.error });
      return;
    }
    this.#reported = trouble;
    this.#report(problem);
  }

  /** It works. */
  onProgress(): void {
    if (this.#reported !== undefined) this.#log.info("informer works again", { resource: this.#name });
    this.#problem = undefined;
    this.#tries = 0;
    this.#reported = undefined;
  }

  #report({ kind, error }: Problem): void {
    const name = this.#name;
    if (kind === "missing") {
      this.#log.warning(`the API server does not know ${name}: install its CRD; waiting for it`, { resource: name });
    } else if (kind === "forbidden") {
      const text = `not allowed to list and watch ${name}: grant "list" and "watch"; waiting for it`;
      this.#log.error(text, { cause: describe(error) });
    } else this.#log.warning(`cannot watch ${name}; trying again`, { cause: describe(error) });
  }
}

/** The server says when to come back: it starts, or has much to do. */
const isAskedToWait = ({ error }: Problem): boolean => error instanceof ApiError && error.retryAfter !== undefined;

/** Equal for the same trouble. The text of a lost connection names the request, whose query differs from try to try. */
const signatureOf = ({ kind, error }: Problem): string =>
  `${kind}: ${describe(error instanceof ConnectionError ? error.cause : error)}`;
