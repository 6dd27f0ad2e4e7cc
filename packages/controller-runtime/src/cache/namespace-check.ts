import { Backoff, REFLECTOR_BACKOFF } from "../backoff.ts";
import type { Client } from "../client/client.ts";
import { type Clock, type Random, sleep } from "../clock.ts";
import { ForbiddenError, NotFoundError } from "../errors.ts";
import type { Logger } from "../log.ts";
import { Namespaces } from "../resource.ts";

export interface NamespaceCheckOptions {
  readonly client: Pick<Client, "get">;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** Of the object itself nothing is of interest. */
const NAME = { metadata: { name: true } } as const;

/**
 * Says which of the namespaces that are to be watched do not exist. A list of a namespace that is not there is empty, not an
 * error, so a misspelt name would go unnoticed for ever. The watches need no help: they tell of what is created later.
 *
 * It needs `get` on `namespaces`, which a Role in the namespace can grant; without it nothing is known, and nothing said.
 */
export class NamespaceCheck {
  readonly #options: NamespaceCheckOptions;

  constructor(options: NamespaceCheckOptions) {
    this.#options = options;
  }

  /** Looks until each namespace has been seen, or may not be looked for, or `signal` aborts; never rejects. */
  async run(namespaces: readonly string[], signal: AbortSignal): Promise<void> {
    await Promise.all(namespaces.map((namespace) => this.#look(namespace, signal)));
  }

  async #look(namespace: string, signal: AbortSignal): Promise<void> {
    const { client, clock, random, log } = this.#options;
    const backoff = new Backoff(REFLECTOR_BACKOFF, clock, random);
    let told = false;
    while (!signal.aborted) {
      try {
        await client.get(Namespaces, { namespace: "", name: namespace }, { project: NAME, retries: 0, signal });
        if (told) log.info(`namespace ${namespace} exists now`);
        return;
      } catch (error) {
        if (signal.aborted || error instanceof ForbiddenError) return;
        if (error instanceof NotFoundError && !told) {
          told = true;
          log.warning(`namespace ${namespace} does not exist: create it, or do not name it; waiting for it`);
        }
        // Whatever else is wrong, the informers say.
      }
      await sleep(clock, backoff.next(), signal).catch(() => {});
    }
  }
}
