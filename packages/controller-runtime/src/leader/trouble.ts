import { serverTrouble, type Watched } from "../cache/trouble.ts";
import type { Troubles } from "../cache/troubles.ts";
import { ConnectionError, DeadlineError, describe, ForbiddenError, NotFoundError } from "../errors.ts";
import type { Logger } from "../log.ts";
import type { ObjectKey } from "../object.ts";
import { resourceName } from "../resource.ts";
import { Leases } from "./lease.ts";

type Doing = "read" | "write";

type Kind = "forbidden" | "terminating" | "missing" | "failing";

/** What the log says of requests for the Lease that fail: each trouble once, for as long as it lasts. */
export class Trouble {
  readonly #log: Logger;
  readonly #key: ObjectKey;
  readonly #troubles: Troubles;
  readonly #watched: Watched;
  /** The trouble that the log has been told. */
  #reported: { readonly signature: string; readonly isOfWrites: boolean } | undefined;
  /** Failures in a row. */
  #failures = 0;
  #hasWorked = false;

  /** What is the API server's trouble, and not the Lease's, goes to `troubles`: others have it too. */
  constructor({ log, key, troubles }: { readonly log: Logger; readonly key: ObjectKey; readonly troubles: Troubles }) {
    this.#log = log;
    this.#key = key;
    this.#troubles = troubles;
    this.#watched = { resource: resourceName(Leases), namespace: key.namespace };
  }

  /** A request failed. */
  report(error: unknown, doing: Doing): void {
    this.#failures += 1;
    const kind = kindOf(error);
    const signature = `${kind}: ${textOf(error)}`;
    // A request that fails once is daily life: it is tried again.
    const isDaily = kind === "failing" && this.#hasWorked && this.#failures === 1;
    if (isDaily || signature === this.#reported?.signature) {
      this.#log.debug(`cannot ${doing} lease`, { error });
      return;
    }
    this.#reported = { signature, isOfWrites: doing === "write" && kind !== "failing" };
    const ofServer = kind === "failing" ? serverTrouble(error) : undefined;
    if (ofServer !== undefined) {
      this.#troubles.enter(this.#watched, ofServer);
      return;
    }
    this.#troubles.leave(this.#watched);
    this.#say(kind, error, doing);
  }

  /** A request worked. That reads do says nothing of a permission to write. */
  works(doing: Doing): void {
    this.#hasWorked = true;
    if (doing === "read" && this.#reported?.isOfWrites) return;
    if (this.#troubles.has(this.#watched)) this.#troubles.recover(this.#watched);
    else if (this.#reported !== undefined) this.#log.info("lease is within reach again");
    this.#reported = undefined;
    this.#failures = 0;
  }

  #say(kind: Kind, error: unknown, doing: Doing): void {
    const { namespace } = this.#key;
    const cause = describe(error);
    if (kind === "forbidden") {
      const grant = 'grant "get", "list", "watch", "create" and "update" on leases.coordination.k8s.io';
      this.#log.error(`not allowed to ${doing} lease: ${grant} in namespace ${namespace}; waiting for it`, { cause });
    } else if (kind === "terminating") {
      const text = `namespace ${namespace} is being deleted, and the lease with it; waiting for another of that name`;
      this.#log.error(text, { cause });
    } else if (kind === "missing") {
      const text = `cannot make lease: create namespace ${namespace}, or choose another for it; waiting for it`;
      this.#log.error(text, { cause });
    } else this.#log.warning(`cannot ${doing} lease; trying again`, { cause });
  }
}

const kindOf = (error: unknown): Kind => {
  if (error instanceof ForbiddenError) return error.hasCause("NamespaceTerminating") ? "terminating" : "forbidden";
  return error instanceof NotFoundError ? "missing" : "failing";
};

/** Equal for the same trouble: requests and times differ from try to try. */
const textOf = (error: unknown): string => {
  if (error instanceof ConnectionError) return describe(error.cause);
  if (error instanceof DeadlineError) return error.cause === undefined ? "timeout" : textOf(error.cause);
  return describe(error);
};
