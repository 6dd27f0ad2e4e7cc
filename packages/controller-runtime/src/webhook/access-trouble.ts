import { serverTrouble, type Watched } from "../cache/trouble.ts";
import type { Troubles } from "../cache/troubles.ts";
import { ApiError, ConnectionError, DeadlineError, describe, ForbiddenError } from "../errors.ts";
import type { Logger } from "../log.ts";

export interface AccessTroubleOptions {
  readonly log: Logger;
  /** The API server's own troubles go there: others have them too. */
  readonly troubles: Troubles;
  readonly watched: Watched;
  /** `secret default/certificates`, for messages. */
  readonly what: string;
  /** What a refusal of each kind of request is mended by: `grant "get" on secrets`. */
  readonly remedies: { readonly read: string; readonly write: string };
}

type Doing = "read" | "write";

/** What the log says of requests for one object that fail: each trouble once, for as long as it lasts. */
export class AccessTrouble {
  readonly #options: AccessTroubleOptions;
  /** Failures in a row. */
  #failures = 0;
  #reported: { readonly signature: string; readonly doing: Doing } | undefined;

  constructor(options: AccessTroubleOptions) {
    this.#options = options;
  }

  /** A request failed. */
  report(error: unknown, doing: Doing): void {
    const { log, troubles, watched, what, remedies } = this.#options;
    this.#failures += 1;
    const signature = `${doing}: ${causeOf(error)}`;
    const isRefused = error instanceof ForbiddenError;
    // What fails once is daily life, and tried again.
    if ((this.#failures === 1 && !isRefused) || signature === this.#reported?.signature) {
      log.debug(`cannot ${doing} ${what}`, { error });
      return;
    }
    this.#reported = { signature, doing };
    const ofServer = isRefused ? undefined : serverTrouble(error);
    if (ofServer !== undefined) {
      troubles.enter(watched, ofServer);
      return;
    }
    troubles.leave(watched);
    const cause = describe(error);
    if (isRefused) log.error(`not allowed to ${doing} ${what}: ${remedies[doing]}; waiting for it`, { cause });
    else log.warning(`cannot ${doing} ${what}; trying again`, { cause });
  }

  /** A request worked. That reads do says nothing of a permission to write. */
  works(doing: Doing): void {
    const { log, troubles, watched, what } = this.#options;
    if (this.#reported !== undefined && this.#reported.doing !== doing) return;
    this.#failures = 0;
    if (troubles.has(watched)) troubles.recover(watched);
    else if (this.#reported !== undefined) log.info(`${what} is within reach again`);
    this.#reported = undefined;
  }

  /** Nothing more is asked for. */
  end(): void {
    this.#options.troubles.leave(this.#options.watched);
  }
}

/** Equal for the same trouble: requests and times differ from try to try. */
const causeOf = (error: unknown): string => {
  if (error instanceof ConnectionError) return describe(error.cause);
  if (error instanceof DeadlineError) return "timeout";
  return error instanceof ApiError ? `${error.code} ${error.reason}` : describe(error);
};
